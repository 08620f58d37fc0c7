"""`theragate new-study --treatment`: from a table to a study that compares two treatments, for a person to review."""

import json

import numpy as np
import pandas as pd
import pytest
from support import Project, small_cohort

from theragate.cli import main
from theragate.commands.check import check
from theragate.drafting.new_study import Request, new_study
from theragate.errors import DataError
from theragate.learning.families import FAMILIES
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import Study, load_study

NEW = "new_trial"


def table(kind: str = "binary") -> pd.DataFrame:
    """A small cohort in two arms, as unlike as in practice; the outcome of one of three kinds."""
    random = np.random.default_rng(4)
    frame = small_cohort(240)
    frame["arm"] = np.where(random.uniform(size=240) < 1 / (1 + np.exp((frame["age"] - 60) / 30)), "drug", "placebo")
    if kind == "binary":
        return frame
    frame = frame.drop(columns="ill")
    if kind == "regression":
        return frame.assign(score=random.normal(50, 10, 240).round(2))
    return frame.assign(days=random.exponential(300, 240).round() + 1, died=random.integers(0, 2, 240))


def drafted(project: Project, frame: pd.DataFrame, *, treatment: str = "arm", **asked: str) -> Study:
    file = project.root / "table.csv"
    frame.to_csv(file, index=False)
    new_study(project.root, Request(NEW, file, treatment=treatment, **({"outcome": "ill"} | asked)))
    return load_study(project.root / "params.yaml", NEW)


@pytest.mark.parametrize(
    ("kind", "asked", "effect", "better"),
    [
        ("binary", {}, "event", "lower"),
        ("regression", {"outcome": "score"}, "mean", "higher"),
        ("survival", {"outcome": "died", "time": "days"}, "event", "lower"),
    ],
)
def test_what_is_drafted_is_a_whole_study(kind, asked, effect, better, project, monkeypatch):
    monkeypatch.chdir(project.root)
    study = drafted(project, table(kind), **asked)
    assert NEW in check(project.root)
    outcome = study.outcome
    assert (study.task, outcome.effect, outcome.better) == ("treatment_effect", effect, better)
    assert (outcome.treatment.column, outcome.treatment.treated) == ("arm", "drug")
    assert (outcome.treatment.assigned, outcome.treatment.propensity) == ("in_practice", None)
    assert {
        "outcome.treatment.name",
        "outcome.treatment.control",
        "outcome.treatment.reason",
        "outcome.reason",
        "outcome.measured.description",
        "decision.action",
        "decision.source",
        "gates.comparability.reason",
    } <= set(study.unreviewed)
    assert {study.tuning.reference, *study.tuning.families} == set(FAMILIES["treatment_effect"])
    assert study.decision.least_benefit == study.gates["calibration"]["effect_error"]
    assert list(study.subgroups) == ["sex", "age_band"]
    assert exit_code(ingest, [NEW]) == 0
    assert exit_code(validate, [NEW]) == 0


def test_limits_of_a_quantity_are_in_its_unit(project):
    frame = table("regression")
    study = drafted(project, frame, outcome="score")
    assert study.decision.least_benefit == pytest.approx(0.2 * frame["score"].std(), rel=0.05)
    assert study.decision.range == pytest.approx((0, 2.5 * study.decision.least_benefit), rel=0.05)


@pytest.mark.parametrize(
    ("treated", "control"),
    [
        ("1", "0"),
        ("2", "1"),
        ("yes", "no"),
        ("True", "False"),
        ("Treated", "Standard"),
        ("apixaban", "placebo"),
        ("active", "surgery"),
        ("rare", "usually"),
    ],
)
def test_the_treated_are_guessed_and_a_person_is_asked(treated, control, project):
    arms = np.where(np.arange(240) % 5 < 2, treated, control)
    study = drafted(project, table().assign(arm=arms))
    assert study.outcome.treatment.treated == treated
    assert study.outcome.treatment.name.startswith(f"REVIEW: what did the patients of `{treated}` get?")
    assert f"`{control}`" in study.outcome.treatment.control


def test_of_two_arms_of_a_size_the_second_is_the_treated(project):
    assert drafted(project, table().assign(arm=["north", "south"] * 120)).outcome.treatment.treated == "south"


def test_an_event_that_patients_hope_for_is_better_the_higher(project):
    frame = table().rename(columns={"ill": "recovered"})
    assert drafted(project, frame, outcome="recovered").outcome.better == "higher"


def test_a_column_that_tells_the_treatment_in_other_words_is_dropped_and_marked(project, monkeypatch):
    monkeypatch.chdir(project.root)
    frame = table()
    study = drafted(project, frame.assign(group=np.where(frame["arm"] == "drug", 2, 1)))
    assert study.features.dropped == {
        "group": "REVIEW: `group` is the treatment in other words, so that no two patients could be compared."
    }
    assert exit_code(ingest, [NEW]) == 0
    assert exit_code(validate, [NEW]) == 0


def few_events_in_an_arm(frame: pd.DataFrame) -> list[str]:
    controls = (frame["arm"] == "placebo").to_numpy()
    return [
        "no" if control and np.sum(controls[:row]) >= 4 else "yes" if row % 2 else "no"
        for row, control in enumerate(controls)
    ]


ARMS = "it has two values, one for each arm"
REFUSED = [
    ({"arm": "drug"}, {}, f"--treatment arm: {ARMS}; received one value for all 240 patients. Name another column"),
    ({"arm": ["a", "b", "c"] * 80}, {}, f"--treatment arm: {ARMS}; received 3 distinct values. Compare two arms"),
    ({"arm": ["drug", None, "placebo"] * 80}, {}, "received 80 missing values among 240 patients. Leave those"),
    ({"arm": np.nan}, {}, "received 240 missing values"),
    ({}, {"treatment": "amr"}, r"--treatment amr: .*no such column\. Did you mean `arm`\?"),
    ({}, {"treatment": "ill"}, "--treatment ill: a treatment and what it changes are two columns"),
    (
        {},
        {"treatment": "record"},
        "--treatment record: a treatment identifies nobody; received a column that",
    ),
    ({"arm": ["a@b.org", "c@d.org"] * 120}, {}, "a treatment identifies nobody; received .*e-mail addresses"),
    ({}, {"outcome": "arm"}, "two columns"),
    (
        {"ill": few_events_in_an_arm(table())},
        {},
        r"outcome in each arm has at least 10 patients; received one with \d \(control, with the event\)",
    ),
]


@pytest.mark.parametrize(("columns", "asked", "message"), REFUSED)
def test_arms_that_are_none_are_refused_and_nothing_is_written(columns, asked, message, project):
    before = sorted(path for path in project.root.rglob("*"))
    with pytest.raises(DataError, match=message) as caught:
        drafted(project, table().assign(**columns), **asked)
    assert "@" not in str(caught.value)
    assert sorted(path for path in project.root.rglob("*") if path.name != "table.csv") == before


def test_the_command_says_it_in_one_line(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    table().assign(arm="hermit").to_csv("t.csv", index=False)
    asked = ["new-study", NEW, "--from", "t.csv", "--outcome", "ill", "--treatment", "arm"]
    assert main(asked) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "hermit" not in shown.err
    table().to_csv("t.csv", index=False)
    assert main(asked) == 0
    assert f"{NEW}: treatment_effect, 240 patients, 3 features, groups by sex, age_band" in capsys.readouterr().out


def test_a_drafted_comparison_goes_through_every_stage_and_is_blocked(project, monkeypatch, capsys):
    from dvc.utils.serialize import modify_yaml

    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    drafted(project, table())
    with modify_yaml(project.root / "params.yaml") as parameters:
        study = parameters["studies"][NEW]
        study["tuning"] |= {"families": ["dr_learner"], "trials": 1}
        study["validation"] |= {"repeats": 1, "folds": 3, "inner_folds": 2}
        study["stability"]["refits"] = 20
    for stage in (ingest, validate, train, refit, evaluate, gate):
        assert exit_code(stage, [NEW]) == 0, capsys.readouterr().err
    verdict = json.loads((project.root / "reports" / NEW / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["decision"] == "BLOCKED"
    assert (verdict["findings"][0]["code"], verdict["findings"][0]["status"]) == ("TG000", "insufficient")
    card = (project.root / "reports" / NEW / "card.md").read_text(encoding="utf-8")
    assert "UNREVIEWED" in card
    assert "OBSERVATIONAL" in card
