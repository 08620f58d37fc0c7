"""Evaluation and gates take only files that belong together; whatever else lies there gets one line."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project

from theragate.digests import sha256_file
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate

MODELS = ("record", "predictions", "refits", "halves", "champion")
STRANGER = "patient-777"  # an id that no message may repeat


def finished(root: Path, scheme: dict[str, Any] | None = None) -> Path:
    """Run the pipeline up to its evidence in `root`."""
    root.mkdir()
    project = Project(root)
    project.study["tuning"]["trials"] = 2
    project.study["validation"].update(scheme or {"repeats": 2})
    if scheme:
        for key in ("repeats", "folds"):
            project.study["validation"].pop(key)
    project.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("THERAGATE_JOBS", "1")
        assert [exit_code(stage, [STUDY]) for stage in (ingest, validate, train, refit, evaluate)] == [0] * 5
    return root


@pytest.fixture(scope="module")
def repeated(tmp_path_factory) -> Path:
    return finished(tmp_path_factory.mktemp("evaluated") / "repeated")


@pytest.fixture
def root(repeated, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the finished project, entered."""
    copy = shutil.copytree(repeated, tmp_path / "copy")
    monkeypatch.chdir(copy)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return copy


@pytest.fixture
def refused(capsys) -> Callable[..., str]:
    """Run a stage that must fail; return its one line."""

    def run(stage) -> str:
        capsys.readouterr()
        assert exit_code(stage, [STUDY]) == 1
        shown = capsys.readouterr()
        lines = shown.err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"error: study `{STUDY}`, ")
        assert "; received " in lines[0]
        assert "Run `dvc repro -f " in lines[0]
        assert STRANGER not in lines[0]
        return lines[0]

    return run


def test_whoever_can_see_held_out_numbers_has_been_counted(root):
    """The fault was that only `gate` counted: every number of `evaluate` was free."""
    ledger = root / "looks" / f"{STUDY}.jsonl"
    seen = {
        "cohort_sha256": sha256_file(root / "data" / STUDY / "cohort.parquet"),
        "predictions_sha256": sha256_file(root / "models" / STUDY / "predictions.parquet"),
    }
    assert [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()] == [seen]
    ledger.unlink()
    for stage in (train, evaluate, evaluate):
        assert exit_code(stage, [STUDY]) == 0
        assert [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()] == [seen]
    assert exit_code(gate, [STUDY]) == 0
    first, judged = map(json.loads, ledger.read_text(encoding="utf-8").splitlines())
    assert (first, judged["predictions_sha256"]) == (seen, seen["predictions_sha256"])
    assert "This verdict is look 1 at them." in (root / "reports" / STUDY / "card.md").read_text(encoding="utf-8")


def test_where_looks_cannot_be_counted_nothing_is_shown(root, refused_look):
    evidence = root / "reports" / STUDY / "evidence.json"
    evidence.unlink()
    (root / "looks" / f"{STUDY}.jsonl").write_text("something\n", encoding="utf-8")
    assert "text that is not a look in line 1" in refused_look(evaluate)
    assert not evidence.exists()


@pytest.fixture
def refused_look(capsys) -> Callable[..., str]:
    def run(stage) -> str:
        capsys.readouterr()
        assert exit_code(stage, [STUDY]) == 1
        return capsys.readouterr().err

    return run


def path_of(root: Path, name: str) -> Path:
    folder = {"provenance": "data", "cohort": "data"} | dict.fromkeys(MODELS, "models")
    table = name in {"predictions", "cohort", "refits", "halves", "champion"}
    return root / folder.get(name, "reports") / STUDY / f"{name}.{'parquet' if table else 'json'}"


def changed_json(root: Path, name: str, change: Callable[[Any], Any]) -> None:
    value = json.loads(path_of(root, name).read_text(encoding="utf-8"))
    path_of(root, name).write_text(json.dumps(change(value)), encoding="utf-8")


def changed_table(root: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = path_of(root, name)
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def test_files_that_belong_together_pass_and_the_order_of_predictions_is_nothing(root):
    evidence = path_of(root, "evidence")
    before = json.loads(evidence.read_text(encoding="utf-8"))
    changed_table(root, "predictions", lambda table: table.iloc[::-1])
    assert exit_code(evaluate, [STUDY]) == 0
    after = json.loads(evidence.read_text(encoding="utf-8"))
    assert before.pop("predictions_sha256") != after.pop("predictions_sha256")
    assert before == after
    assert exit_code(gate, [STUDY]) == 0


def test_a_cohort_other_than_the_validated_one_is_refused(root, refused):
    changed_table(root, "cohort", lambda table: table.iloc[:-10])
    assert "only the cohort that was validated is evaluated; received the cohort " in refused(evaluate)


def with_a_stranger(table: pd.DataFrame) -> pd.DataFrame:
    patient = table["patient"].iloc[0]
    return table.assign(patient=table["patient"].where(table["patient"] != patient, STRANGER))


def without_a_patient(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["patient"] != table["patient"].iloc[0]]


def with_one_not_finite(value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(prediction=np.where(np.arange(len(table)) == 3, value, table["prediction"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_a_stranger, "2 predictions missing, 2 of patients not held out there, 0 repeated"),
        (without_a_patient, "2 predictions missing, 0 of patients not held out there"),
        (lambda table: pd.concat([table, table.tail(1)]), "1 repeated"),
        (lambda table: table[table["repeat"] == 0], "160 predictions missing"),
        (lambda table: table.assign(fold=table["fold"] + 1), "of patients not held out there"),
        (with_one_not_finite(np.nan), "every prediction is a finite number; received 1 of"),
        (with_one_not_finite(np.inf), "every prediction is a finite number; received 1 of"),
        (lambda table: table.drop(columns=["scenario", "fold"]), "received one without fold, scenario"),
        (lambda table: table.assign(name=STRANGER), "received 8 columns"),
        (lambda table: table.assign(prediction=STRANGER), "every column has its type; received `prediction` as "),
        (lambda table: table.assign(repeat=STRANGER), "every column has its type; received `repeat` as "),
        (lambda table: table.assign(patient=1), "every column has its type; received `patient` as "),
        (lambda table: table[table["model"] != "null"], "received 1 pairs missing and 0 unknown"),
        (lambda table: table.replace({"scenario": {"no_marker": STRANGER}}), "1 pairs missing and 1 unknown"),
        (lambda table: table.head(0), "4 pairs missing"),
    ],
)
def test_predictions_that_are_not_those_of_the_cohort_are_refused(change, message, root, refused):
    before = path_of(root, "evidence").read_bytes()
    changed_table(root, "predictions", change)
    line = refused(evaluate)
    assert message in line
    assert f"dvc repro -f train@{STUDY}" in line
    assert path_of(root, "evidence").read_bytes() == before


REFITS = [
    (with_a_stranger, "21 models predict every patient of the cohort"),
    (without_a_patient, "21 models predict every patient of the cohort"),
    (lambda table: table[table["refit"] != 7], "21 models predict every patient of the cohort; received 20 models"),
    (lambda table: pd.concat([table, table.tail(1)]), "a refit predicts every patient once"),
    (with_one_not_finite(np.nan), "every prediction is a finite number; received 1 of"),
    (lambda table: table.assign(prediction=table["prediction"] + 1), "a risk lies between 0 and 1"),
    (lambda table: table.drop(columns="drawn"), "received one without drawn"),
    (lambda table: table.assign(drawn=table["drawn"] + (table["refit"] == 3)), "received 1 of another size"),
]
HALVES = [
    (with_a_stranger, "20 models predict every patient who was learned from"),
    (without_a_patient, "20 models predict every patient who was learned from"),
    (lambda table: table[table["half"] != 7], "20 models predict every patient who was learned from; received 19"),
    (lambda table: pd.concat([table, table.tail(1)]), "a model predicts every patient once"),
    (with_one_not_finite(np.nan), "every prediction is a finite number; received 1 of"),
    (lambda table: table.assign(prediction=table["prediction"] + 1), "a risk lies between 0 and 1"),
    (lambda table: table.drop(columns="member"), "received one without member"),
    (lambda table: table.assign(member=1), "received `member` as int64"),
    (lambda table: table.assign(member=True), "each patient is in one half of every division"),
]


@pytest.mark.parametrize(
    ("name", "change", "message"), [*(("refits", *case) for case in REFITS), *(("halves", *case) for case in HALVES)]
)
def test_refits_and_halves_that_are_not_those_of_the_cohort_are_refused(name, change, message, root, capsys):
    before = path_of(root, "evidence").read_bytes()
    changed_table(root, name, change)
    capsys.readouterr()
    assert exit_code(evaluate, [STUDY]) == 1
    line = capsys.readouterr().err.strip()
    assert message in line
    assert "dvc repro -f refit@" in line
    assert "\n" not in line
    assert path_of(root, "evidence").read_bytes() == before


def test_refits_of_another_model_are_refused(root, refused):
    path = root / "models" / STUDY / "refits.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"params": {"penalty": 1e-3}}))
    assert "the model that was fitted again is the one that training chose; received `" in refused(evaluate)


def with_a_champion(root: Path, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table) -> None:
    """Make the reference model the champion, with its predictions."""
    path = root / "models" / STUDY / "refits.json"
    run = {"model_sha256": "c" * 64, "recipe_sha256": "5" * 64, "family": "logistic", "same_cohort": True, "why": ""}
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"champion": run}))
    rows = pd.read_parquet(path_of(root, "predictions")).query("model == 'reference'")
    change(rows[["repeat", "fold", "patient", "prediction"]]).to_parquet(path_of(root, "champion"), index=False)


def test_a_champion_is_compared_on_the_same_patients(root):
    with_a_champion(root)
    assert exit_code(evaluate, [STUDY]) == 0
    evidence = json.loads(path_of(root, "evidence").read_text(encoding="utf-8"))
    assert evidence["champion"]["model_sha256"] == "c" * 64
    # The reference stands in for the champion, so that both comparisons are one.
    assert evidence["champion"]["comparisons"] == evidence["comparisons"]
    assert exit_code(gate, [STUDY]) == 0
    verdict = json.loads(path_of(root, "verdict").read_text(encoding="utf-8"))
    assert verdict["comparator"] == f"champion {'c' * 64}"


def test_a_champions_predictions_for_others_are_refused(root, refused):
    with_a_champion(root, with_a_stranger)
    assert "champion.parquet: every held-out patient" in refused(evaluate)


@pytest.mark.parametrize(
    ("stage", "name"),
    [(evaluate, "record"), (evaluate, "validation"), (gate, "record"), (gate, "provenance"), (gate, "evidence")],
)
@pytest.mark.parametrize("value", [[], {}, None, 3, "text", {"study": STRANGER}, {"study": [STUDY]}])
def test_a_file_of_another_form_is_refused(value, stage, name, root, refused):
    changed_json(root, name, lambda _: value)
    line = refused(stage)
    assert re.search(rf"{name}\.json(, key `[a-z_0-9.]+`)?: .*; received .*\. Run `dvc repro -f \w+@{STUDY}`", line)
    assert not path_of(root, "verdict").exists()


@pytest.mark.parametrize(
    ("stage", "name", "change", "message"),
    [
        (evaluate, "record", {"study": "another"}, "the file is of this study; received a file of `another`"),
        (evaluate, "validation", {"study": "another"}, "the file is of this study; received a file of `another`"),
        (
            evaluate,
            "validation",
            {"cohort_sha256": "0"},
            ", expected 0. Run",
        ),
        (
            evaluate,
            "record",
            {"importances": {"age": {"mean": "high"}}},
            "`importances.age.mean`: the value should be a valid number; received 'high' (and 1 more)",
        ),
        (gate, "record", {"study": "another"}, "record.json: the file is of this study; received a file of `another`"),
        (
            gate,
            "record",
            {"selected": {"family": "another", "params": {}}},
            "measured; received `another` as the selected one",
        ),
        (
            gate,
            "record",
            {"reference": {"family": "another", "params": {}}},
            "measured; received `another` as the reference one",
        ),
        (
            gate,
            "provenance",
            {"sha256": "0"},
            "the provenance is of the cohort that was measured; received the cohort 0, expected ",
        ),
        (
            gate,
            "provenance",
            {"study": "another"},
            "provenance.json: the file is of this study",
        ),
        (
            gate,
            "evidence",
            {"study": "another"},
            "evidence.json: the file is of this study",
        ),
    ],
)
def test_a_file_of_another_study_cohort_or_model_is_refused(stage, name, change, message, root, refused):
    changed_json(root, name, lambda value: {**value, **change})
    assert message in refused(stage)
    assert not path_of(root, "verdict").exists()


def test_of_a_split_that_holds_out_once_every_held_out_patient_and_no_other_is_measured(tmp_path, monkeypatch, refused):
    root = finished(tmp_path / "once", {"scheme": "holdout", "fraction": 0.5})
    monkeypatch.chdir(root)
    evidence = json.loads(path_of(root, "evidence").read_text(encoding="utf-8"))
    assert evidence["cohort"]["patients"] == 80
    changed_table(root, "predictions", without_a_patient)
    assert "1 predictions missing" in refused(evaluate)
