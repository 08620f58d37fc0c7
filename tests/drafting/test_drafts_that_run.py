"""Tables of many shapes: what is drafted from each goes through `ingest` and `validate` without an edit."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from dvc.utils.serialize import modify_yaml
from support import Project

from theragate.drafting.new_study import Request, new_study
from theragate.learning.families import check_families, check_width
from theragate.learning.features import read_features
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.validate import validate
from theragate.study import Study, load_study

NEW = "new_study"
Asked = dict[str, str]


def bundled(name: str, **outcome: Callable[[np.ndarray], object]) -> pd.DataFrame:
    """A cohort of scikit-survival as a person exports it, with the columns of `outcome` made of its outcome."""
    import sksurv.datasets

    features, recorded = getattr(sksurv.datasets, f"load_{name}")()
    plain = {column: features[column].astype(object).infer_objects() for column in features.columns}
    return pd.DataFrame(plain).assign(**{column: of(recorded) for column, of in outcome.items()})


def breast_cancer() -> tuple[pd.DataFrame, Asked]:
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "bösartig", 1: "gutartig"})), {"outcome": "target"}


def diabetes() -> tuple[pd.DataFrame, Asked]:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True, scaled=False).frame, {"outcome": "target"}


def heart_attacks() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("whas500", vital_status=lambda y: np.where(y["fstat"], "dead", "alive"), days=lambda y: y["lenfol"])
    return frame, {"outcome": "vital_status", "time": "days"}


def hormones() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("gbsg2", status=lambda y: y["cens"] + 1, months=lambda y: (y["time"] / 30.4).round(1))
    return frame.rename(columns={"age": "Alter"}), {"outcome": "status", "time": "months"}


def lung_cancer() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("veterans_lung_cancer", died=lambda y: y["Status"], time=lambda y: y["Survival_in_days"])
    return frame, {"outcome": "died", "time": "time"}


def light_chains() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("flchain", death=lambda y: y["death"].astype(int), futime=lambda y: y["futime"])
    return frame, {"outcome": "death", "time": "futime"}


def trial() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("aids", censor=lambda y: y["censor"].astype(int), time=lambda y: y["time"])
    return frame, {"outcome": "censor", "time": "time", "treatment": "tx"}


def metastases() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("breast_cancer", relapse=lambda y: y["e.tdm"], time=lambda y: y["t.tdm"])
    return frame, {"outcome": "relapse", "time": "time"}


def grafts() -> tuple[pd.DataFrame, Asked]:
    frame = bundled("cgvhd", event=lambda y: (y["status"] > 0).astype(int), years=lambda y: y["ftime"])
    return frame, {"outcome": "event", "time": "years"}


def german_export() -> tuple[pd.DataFrame, Asked]:
    """Two stays of each patient, with everything that names a person, and months of age."""
    random = np.random.default_rng(11)
    n = 150
    sex = random.choice(["m", "w", "W ", "divers"], n, p=[0.48, 0.4, 0.1, 0.02])
    once = pd.DataFrame(
        {
            "PatNr": random.permutation(np.arange(7000, 7000 + n)),
            "Vorname": random.choice(["Ada", "Bo", "Cem"], n),
            "PLZ": random.integers(10000, 99999, n),
            "Geburtsdatum": [f"{year}{month:02}15" for year, month in random.integers((1930, 1), (2005, 13), (n, 2))],
            "Alter": random.integers(20 * 12, 95 * 12, n),
            "Geschlecht": sex,
            "Raucher": random.choice(["ja", "nein"], n),
        }
    )
    twice = once.loc[np.repeat(once.index, 2)].reset_index(drop=True)
    crp = np.exp(random.normal(1, 1.2, 2 * n)).round(1)
    sick = np.where(random.random(2 * n) < 1 / (1 + np.exp(1.5 - np.log(crp))), "positiv", "negativ")
    return twice.assign(Fallnr=np.arange(2 * n) + 88000, CRP=crp, Leer=np.nan, Befund=sick), {"outcome": "Befund"}


def skewed_laboratory() -> tuple[pd.DataFrame, Asked]:
    random = np.random.default_rng(12)
    values = {f"lab{n}": np.exp(random.normal(2, 0.3 + n / 12, 400)).round(2) for n in range(14)}
    frame = pd.DataFrame(values).assign(zeros=np.where(random.random(400) < 0.7, 0, values["lab9"]))
    return frame.assign(ill=(np.log(values["lab3"]) + random.normal(0, 1, 400) > 2.5) * 2 - 1), {"outcome": "ill"}


def knows_the_outcome() -> tuple[pd.DataFrame, Asked]:
    random = np.random.default_rng(13)
    weight = random.normal(3200, 500, 300).round()
    return pd.DataFrame(
        {
            "weight": weight,
            "low": (weight < 2500).astype(int),
            "band": pd.cut(weight, [0, 2800, 3400, 9999], labels=["a", "b", "c"]).astype(str),
            "kilograms": weight / 1000,
            "smoker": random.choice(["yes", "no"], 300),
            "mother_age": random.integers(16, 44, 300),
        }
    ), {"outcome": "weight"}


def more_features_than_patients() -> tuple[pd.DataFrame, Asked]:
    random = np.random.default_rng(14)
    genes = random.normal(8, 1, (90, 340)).round(3)
    frame = pd.DataFrame(genes, columns=[f"gene{n}" for n in range(340)])
    dead = random.random(90) < 0.6
    return frame.assign(event=dead.astype(int), months=random.exponential(20, 90).round(1) + 0.1), {
        "outcome": "event",
        "time": "months",
    }


def one_feature() -> tuple[pd.DataFrame, Asked]:
    random = np.random.default_rng(15)
    return pd.DataFrame({"dose": random.integers(0, 5, 60), "cured": random.random(60) < 0.4}), {"outcome": "cured"}


TABLES = (
    *(breast_cancer, diabetes, heart_attacks, hormones, lung_cancer, light_chains, trial, metastases, grafts),
    *(german_export, skewed_laboratory, knows_the_outcome, more_features_than_patients, one_feature),
)


def drafted(project: Project, table: Callable[[], tuple[pd.DataFrame, Asked]]) -> tuple[Study, str]:
    frame, asked = table()
    file = project.root / "table.csv"
    frame.to_csv(file, index=False)
    shown = new_study(project.root, Request(NEW, file, **asked))
    return load_study(project.root / "params.yaml", NEW), shown


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_draft_is_met_by_the_data_that_it_was_made_from(table, project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    study, _ = drafted(project, table)
    for stage in (ingest, validate):
        assert exit_code(stage, [NEW]) == 0, capsys.readouterr().err
    assert "no leak" in capsys.readouterr().out
    found = json.loads((project.root / "reports" / NEW / "validation.json").read_text(encoding="utf-8"))
    failed = [result["id"] for result in found["results"] if not result["passed"]]
    assert len(failed) <= study.gates["data_quality"]["max_warnings"], failed
    cohort = pd.read_parquet(project.root / "data" / NEW / "cohort.parquet")
    check_families(study)
    check_width(study, features=len(read_features(cohort, study)), patients=int(0.4 * len(cohort)))


def test_of_a_german_export_nobody_is_named_and_everybody_counts_once(project, monkeypatch):
    monkeypatch.chdir(project.root)
    study, shown = drafted(project, german_export)
    assert set(study.deidentification.removed) == {"Vorname", "PLZ", "Fallnr", "Geburtsdatum"}
    assert study.deidentification.age_units == {"Alter": "months"}
    assert study.deidentification.dates == ()
    assert (study.source.id, study.source.repeated.keep) == ("PatNr", "first")
    assert set(study.features.dropped) == {"Leer"}
    assert study.subgroups["sex"].names == ("coded m", "coded W", "Other") or study.subgroups["sex"].others == "Other"
    assert study.outcome.positive == "positiv"
    assert "300 rows of 150 patients" in shown
    assert exit_code(ingest, [NEW]) == 0
    assert len(pd.read_parquet(project.root / "data" / NEW / "cohort.parquet")) == 150
    suite = (project.root / "expectations" / f"{NEW}.json").read_text(encoding="utf-8")
    for text in (suite, shown, (project.root / "params.yaml").read_text(encoding="utf-8")):
        assert not any(name in text for name in ("Ada", "Cem", "divers"))


def test_features_that_know_the_outcome_are_left_out_with_the_reason(project):
    study, shown = drafted(project, knows_the_outcome)
    assert study.features.dropped == {
        "low": "REVIEW: `low` is the outcome, cut into ranges.",
        "band": "REVIEW: `band` is the outcome, cut into ranges.",
        "kilograms": study.features.dropped["kilograms"],
    }
    assert "not a feature: `low`: `low` is the outcome, cut into ranges." in shown
    leaks, _ = drafted_again(project)
    assert leaks.features.dropped["chapter"].startswith("REVIEW: `chapter` is missing exactly where")


def test_a_duration_that_mostly_equals_the_follow_up_is_left_out(project):
    random = np.random.default_rng(16)
    months = random.exponential(30, 400).round(1) + 0.1
    frame = pd.DataFrame(
        {"months": months, "progressed": random.random(400) < 0.4, "protein": random.normal(1, 0.3, 400)}
    )
    observed = np.where(random.random(400) < 0.08, months + random.exponential(10, 400).round(1), months)
    study, _ = drafted(project, lambda: (frame.assign(watched=observed), {"outcome": "progressed", "time": "months"}))
    assert "`watched`" in study.features.dropped["watched"]


def test_what_may_be_a_leak_is_said_by_the_stage(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    random = np.random.default_rng(16)
    months = random.exponential(30, 400).round(1) + 0.1
    later = np.where(random.random(400) < 0.6, months + random.exponential(30, 400).round(1), months)
    frame = pd.DataFrame({"months": months, "progressed": random.random(400) < 0.4, "watched": later})
    frame["protein"] = random.normal(1, 0.3, 400)
    drafted(project, lambda: (frame, {"outcome": "progressed", "time": "months"}))
    with modify_yaml(project.root / "params.yaml") as parameters:
        del parameters["studies"][NEW]["features"]["dropped"]["watched"]
        parameters["studies"][NEW]["outcome"] |= {"censoring": "marginal", "censoring_reason": "Drawn so."}
    for stage in (ingest, validate):
        assert exit_code(stage, [NEW]) == 0, capsys.readouterr().err
    assert "may give the outcome away: `watched`" in capsys.readouterr().out
    assert "May be leaks: <code>watched</code>" in (project.root / "reports" / NEW / "validation.html").read_text()


def drafted_again(project: Project) -> tuple[Study, str]:
    frame, asked = light_chains()
    file = project.root / "other.csv"
    frame.to_csv(file, index=False)
    shown = new_study(project.root, Request("other_study", file, **asked))
    return load_study(project.root / "params.yaml", "other_study"), shown


def test_an_id_beside_a_column_patient_is_no_error(project, monkeypatch):
    monkeypatch.chdir(project.root)
    random = np.random.default_rng(17)
    frame = pd.DataFrame({"glucose": random.normal(6, 1, 80).round(1), "ill": ["no", "yes"] * 40})
    both = frame.assign(id=range(80), patient=random.permutation(80) + 500)
    study, _ = drafted(project, lambda: (both, {"outcome": "ill"}))
    assert (study.source.id, set(study.deidentification.removed)) == ("patient", {"id"})
    assert exit_code(ingest, [NEW]) == 0
    file = project.root / "inpatients.csv"
    frame.assign(id=range(80), patient=["in", "out"] * 40).to_csv(file, index=False)
    new_study(project.root, Request("inpatients", file, outcome="ill"))
    assert exit_code(ingest, ["inpatients"]) == 0
    assert list(pd.read_parquet(project.root / "data/inpatients/cohort.parquet")) == ["patient", "glucose", "ill"]


REFUSED = [
    ({"died": [1] * 9 + [0] * 51}, "each class of the outcome has at least 10 patients; received one with 9"),
    ({"died": 1}, "it varies"),
    ({"died": [0, 1] * 30, "age": "x"}, "at least one is left to learn from; received none of 2: left out are `age`"),
]


@pytest.mark.parametrize(("columns", "message"), REFUSED)
def test_a_table_of_which_nothing_can_be_learned_is_refused_at_once(columns, message, project):
    from theragate.errors import DataError

    file = project.root / "table.csv"
    pd.DataFrame({"died": 0, "age": np.arange(60) % 40} | columns).to_csv(file, index=False)
    before = (project.root / "params.yaml").read_bytes()
    with pytest.raises(DataError, match=message):
        new_study(project.root, Request(NEW, file, outcome="died"))
    assert (project.root / "params.yaml").read_bytes() == before
