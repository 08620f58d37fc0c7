"""`theragate new-study`: from a table to a study that runs, and that nobody can take for reviewed."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from clones import clone_of_the_repository, run
from dvc.utils.serialize import modify_yaml
from support import STUDY, Project, small_cohort

from theragate.cli import main
from theragate.cohorts import scratch
from theragate.commands.check import check
from theragate.drafting.new_study import Request, new_study
from theragate.errors import ConfigurationError, DataError
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import load_study, read_parameters

NEW = "new_study"


def survival_cohort() -> pd.DataFrame:
    """Chronic graft-versus-host disease, which no study of the repository uses; its competing events as one."""
    from sksurv.datasets import load_cgvhd

    features, outcome = load_cgvhd()
    return features.astype({"dx": "str", "tx": "str", "extent": "str"}).assign(
        days=outcome["ftime"] * 365.25, failed=(outcome["status"] > 0).astype(int)
    )


def quantity_cohort() -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = small_cohort(200).drop(columns="ill")
    return frame.assign(dose=(20 + 0.2 * frame["age"] + random.normal(0, 3, 200)).round(2))


def drafted(project: Project, frame: pd.DataFrame, *, outcome: str | None, **asked: str | None) -> str:
    file = project.root / "table.csv"
    frame.to_csv(file, index=False)
    return new_study(project.root, Request(NEW, file, outcome=outcome, **asked))


@pytest.mark.parametrize(
    ("frame", "outcome", "time", "task"),
    [
        (small_cohort(), "ill", None, "binary"),
        (quantity_cohort(), "dose", None, "regression"),
        (survival_cohort(), "failed", "days", "survival"),
    ],
)
def test_what_is_drafted_is_a_whole_study(frame, outcome, time, task, project, monkeypatch):
    monkeypatch.chdir(project.root)
    shown = drafted(project, frame, outcome=outcome, time=time)
    assert f"{NEW}: {task}, {len(frame)} patients" in shown
    assert NEW in check(project.root)
    study = load_study(project.root / "params.yaml", NEW)
    assert study.task == task
    assert {"card.intended_use", "source.licence", "decision.none", "gates.fairness.reason"} <= set(study.unreviewed)
    assert exit_code(ingest, [NEW]) == 0
    assert exit_code(validate, [NEW]) == 0


@pytest.mark.parametrize(
    ("frame", "asked"),
    [
        (small_cohort().assign(hospital=np.arange(len(small_cohort())) % 5), {"outcome": "ill"}),
        (survival_cohort(), {"outcome": "failed", "time": "days"}),
    ],
)
def test_the_draft_of_a_table_that_does_not_stay_in_memory_is_the_same(frame, asked, project, monkeypatch):
    before = (project.root / "params.yaml").read_text(encoding="utf-8")
    made = []
    for in_memory in (2**26, 0):
        monkeypatch.setattr(scratch, "_IN_MEMORY", in_memory)
        shown = drafted(project, frame, **asked)
        suite = project.root / "expectations" / f"{NEW}.json"
        made.append((shown, (project.root / "params.yaml").read_text(encoding="utf-8"), suite.read_text("utf-8")))
        (project.root / "params.yaml").write_text(before, encoding="utf-8")
        for path in (suite, *(project.root / "release" / NEW).iterdir()):
            path.unlink()
    assert made[0] == made[1]


def test_only_lines_are_added_to_the_parameters(project):
    path = project.root / "params.yaml"
    written = "# Ours.\nseed: 11 # why not\n\nstudies:\n" + "\n".join(
        f"  {line}" for line in yaml.safe_dump({STUDY: project.study}, sort_keys=False).splitlines()
    )
    for end in ("", "\n", "\n\n# The end.\n"):
        path.write_text(written + end, encoding="utf-8")
        before = read_parameters(path)
        drafted(project, small_cohort(), outcome="ill")
        after = path.read_text(encoding="utf-8")
        assert read_parameters(path)["studies"][STUDY] == before["studies"][STUDY]
        assert after.startswith(written)
        assert after.endswith(end or "\n")
        for left in (f"expectations/{NEW}.json", f"release/{NEW}/champion.json", f"release/{NEW}/waivers.json"):
            (project.root / left).unlink()


def test_parameters_in_one_line_are_left_alone(project):
    path = project.root / "params.yaml"
    path.write_text(json.dumps(project.params), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="Write `studies:` as an indented block"):
        drafted(project, small_cohort(), outcome="ill")
    assert json.loads(path.read_text(encoding="utf-8")) == project.params
    assert not (project.root / "expectations" / f"{NEW}.json").exists()


def test_identifiers_dates_and_free_texts_are_kept_from_the_model(project):
    random = np.random.default_rng(1)
    frame = small_cohort().assign(
        email="a@b.org",
        site="one",
        admitted="2020-01-31",
        ward=random.choice(["north", "south"], 160),
        note=[f"seen on day {n}" for n in range(160)],
    )
    shown = drafted(project, frame, outcome="ill")
    study = load_study(project.root / "params.yaml", NEW)
    assert set(study.deidentification.removed) == {"email", "note"}
    assert study.deidentification.dates == ("admitted",)
    assert study.deidentification.ages == ("age",)
    assert study.features.dropped == {
        "site": "REVIEW: the column has one value for all patients.",
        "admitted": "REVIEW: of dates, the years are kept: the column has one value for all patients.",
    }
    assert study.source.id == "record"
    assert list(study.subgroups) == ["sex", "age_band"]
    assert "removed: `email`" in shown


def test_no_patients_value_stands_in_what_git_takes(project):
    frame = small_cohort()
    frame.loc[7, ["age", "marker"]] = [88.0, 1777.125]
    frame["ward"] = ["hermit" if n == 7 else "north" for n in range(160)]
    drafted(project, frame, outcome="ill")
    kept = [project.root / "params.yaml", *(project.root / "expectations").glob("*"), *project.root.rglob("*.md")]
    for path in kept:
        text = path.read_text(encoding="utf-8")
        assert "1777.125" not in text
        assert "hermit" not in text
        assert "record 0" not in text


REFUSED = [
    (
        {},
        {"outcome": None},
        r"--outcome: it names the column to predict; received none.*columns of two values: .*ill",
    ),
    ({}, {"outcome": "sick"}, r"--outcome sick: it names a column of the file; received no such column"),
    ({}, {"outcome": "il"}, r"Did you mean `ill`\?"),
    ({}, {"outcome": "ill", "time": "days"}, r"--time days: it names a column"),
    ({"ill": "no"}, {"outcome": "ill"}, "it varies; received one value for all patients"),
    ({"ill": np.nan}, {"outcome": "ill"}, "160 missing values"),
    ({}, {"outcome": "record"}, "an outcome identifies nobody"),
    ({"ill": [f"t{n}" for n in range(160)]}, {"outcome": "ill"}, "looks like a code of each patient's own"),
    ({"ill": range(1000, 1160)}, {"outcome": "ill"}, "looks like numbers of the patients"),
    ({"ill": "a@b.org"}, {"outcome": "ill"}, "looks like e-mail addresses"),
    ({"ill": ["a", "b", "c", "d"] * 40}, {"outcome": "ill"}, "a column of 4 classes"),
    ({"ill": ["no"] * 155 + ["yes"] * 5}, {"outcome": "ill"}, "at least 10 patients; received one with 5"),
    ({"record": [None] + ["a", "b", "c"] * 53}, {"outcome": "ill", "identity": "record"}, "1 rows without an id"),
    ({"days": 1.0, "ill": ["no", "yes"] * 80}, {"outcome": "ill", "time": "days"}, "--time days: it varies"),
    (
        {"days": [f"day {n}" for n in range(16)] * 10},
        {"outcome": "ill", "time": "days"},
        "--time days: it holds numbers",
    ),
    (
        {"days": np.arange(160.0) * 2, "ill": [0, 1, 2, 1] * 40},
        {"outcome": "ill", "time": "days"},
        "competing events are not supported",
    ),
]


@pytest.mark.parametrize(("columns", "asked", "message"), REFUSED)
def test_an_outcome_that_cannot_be_one_is_refused_and_nothing_written(columns, asked, message, project):
    before = sorted(path for path in project.root.rglob("*"))
    with pytest.raises(DataError, match=message):
        drafted(project, small_cohort().assign(**columns), **asked)
    assert sorted(path for path in project.root.rglob("*") if path.name != "table.csv") == before


@pytest.mark.parametrize(
    ("content", "file", "message"),
    [
        (None, "t.csv", r"--from .*t\.csv: it is a table: .*; received no such file"),
        (b"x", "t.docx", r"received a file `\*\.docx`"),
        (b"", "t.csv", "an empty file"),
        (b"age,age\n1,2\n", "t.csv", "`age` more than once"),
        (b"age,ill\n", "t.csv", "0 rows"),
        (b"\xff\xfe", "t.csv", "no line with cells"),
        (b"PAR1", "t.parquet", "readable Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_line(content, file, message, project, monkeypatch, capsys):
    import re

    monkeypatch.chdir(project.root)
    if content is not None:
        (project.root / file).write_bytes(content)
    assert main(["new-study", NEW, "--from", file, "--outcome", "ill"]) == 1
    shown = capsys.readouterr()
    assert re.search(message, shown.err)
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["New", "1st", "ab", "a-b", "../up", "ä_study", "x" * 65])
def test_a_name_that_is_none(name, project):
    with pytest.raises(ConfigurationError, match="3 to 64 small letters"):
        new_study(project.root, Request(name, project.table, outcome="ill"))


def test_an_interrupted_draft_leaves_nothing_behind(project, monkeypatch):
    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in project.root.rglob("*") if path.is_file()}

    def fail(*_):
        raise KeyboardInterrupt

    (project.root / "table.csv").write_text(small_cohort().to_csv(index=False), encoding="utf-8")
    before = files()
    monkeypatch.setattr("theragate.drafting.new_study.write_champion", fail)
    with pytest.raises(KeyboardInterrupt):
        new_study(project.root, Request(NEW, project.root / "table.csv", outcome="ill"))
    assert files() == before
    assert not (project.root / "sources" / NEW).exists()


def test_a_name_that_is_taken(project):
    with pytest.raises(ConfigurationError, match=r"received one that is taken \(expectations/small_study.json\)"):
        new_study(project.root, Request(STUDY, project.table, outcome="ill"))


def test_a_drafted_study_of_two_classes_goes_through_every_stage(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    drafted(project, small_cohort(seed=8), outcome="ill")
    make_small(project.root / "params.yaml")
    for stage in (ingest, validate, train, refit, evaluate, gate):
        assert exit_code(stage, [NEW]) == 0, capsys.readouterr().err
    verdict = json.loads((project.root / "reports" / NEW / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["decision"] == "BLOCKED"
    assert verdict["findings"][0]["code"] == "TG000"


def make_small(params: Path) -> None:
    """Let a drafted study run in seconds."""
    with modify_yaml(params) as parameters:
        study = parameters["studies"][NEW]
        study["tuning"] |= {"families": [], "trials": 1}
        study["validation"] |= {"repeats": 1, "folds": 3, "inner_folds": 2}
        study["stability"]["refits"] = 20


@pytest.mark.xdist_group("new-study")
def test_a_drafted_study_runs_and_its_verdict_says_that_nobody_reviewed_it(tmp_path, tmp_path_factory):
    clone_of_the_repository(tmp_path)
    with modify_yaml(tmp_path / "params.yaml") as parameters:  # with the other studies DVC reads and writes for minutes
        parameters["studies"] = {"heart_attack_survival": parameters["studies"]["heart_attack_survival"]}
    (tmp_path / "dvc.lock").unlink()
    table = tmp_path_factory.mktemp("export") / "table.parquet"
    survival_cohort().to_parquet(table)
    run(tmp_path, "theragate", "new-study", NEW, "--from", str(table), "--outcome", "failed", "--time", "days")
    make_small(tmp_path / "params.yaml")
    run(tmp_path, "dvc", "repro", f"gate@{NEW}")
    shown = run(tmp_path, "theragate", "verdict", NEW, "--require-pass", code=1)
    assert "TG000 review: insufficient" in shown
    assert "UNREVIEWED" in shown
    card = (tmp_path / "reports" / NEW / "card.md").read_text(encoding="utf-8")
    assert card.index("**UNREVIEWED**") < 200
    why = run(
        tmp_path,
        "theragate",
        "waive",
        NEW,
        "TG000",
        "--by",
        "Ada Lovelace",
        "--expires",
        "2030-01-01",
        "--reason",
        "We are in a hurry today.",
        code=1,
    )
    assert "a draft that nobody has reviewed" in why
    _the_file_is_a_dependency(tmp_path, f"sources/{NEW}/{table.name}")


def _the_file_is_a_dependency(clone: Path, name: str) -> None:
    """DVC sees a change of the file, and what `dvc add` tracks is what is read."""
    ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=clone, check=False)
    assert ignored.returncode == 0, "git would take the patients' rows"
    frame = pd.read_parquet(clone / name)
    frame.iloc[:-1].to_parquet(clone / name)
    assert "99 patients" in run(clone, "dvc", "repro", f"ingest@{NEW}")
    run(clone, "dvc", "add", name)
    assert run(clone, "git", "status", "--porcelain", "-uall", f"sources/{NEW}").count("table.parquet.dvc") == 1
    with modify_yaml(clone / "params.yaml") as parameters:
        parameters["studies"][NEW]["source"]["kind"] = "dvc"
    frame.to_parquet(clone / name)
    assert "100 patients, 6 columns, from sha256" in run(clone, "dvc", "repro", f"ingest@{NEW}")
    (clone / name).unlink()
    assert f"Run `dvc pull {name}`" in run(clone, "theragate", "check", code=1)
