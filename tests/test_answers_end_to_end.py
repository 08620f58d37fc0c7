"""From `validate` to `example`: the ranges of the suite reach the model's answers, byte for byte the same each time."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from support import STUDY, small_cohort

from theragate.cli import main
from theragate.digests import sha256_tree
from theragate.personal.answer_table import NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.answers import load_personal_model
from theragate.runner.command import exit_code
from theragate.stages.train import train
from theragate.stages.validate import validate


@pytest.fixture
def root(trained_project, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the project, entered."""
    copy = shutil.copytree(trained_project, tmp_path / "copy")
    monkeypatch.chdir(copy)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    return copy


def inputs(root: Path) -> Path:
    return root / "data" / STUDY / "inputs.json"


def test_a_trained_model_answers_for_new_patients(root):
    personal = load_personal_model(root / "models" / STUDY / "estimator")
    new = small_cohort(300, seed=8)  # some are over 90
    answers = personal.answer(new)
    assert set(answers["answer"]) == {PREDICTION, NOT_SURE}
    assert (answers["answer"] == PREDICTION).mean() > 0.3
    strange = personal.answer(new.head(2).assign(age=[12, 60], sex=["f", "unknown"]))
    assert list(strange["answer"]) == [NO_ANSWER, NO_ANSWER]
    assert list(strange["reason"]) == ["age: outside 18 to 90", "sex: none of f (female), m (male)"]


def test_the_record_says_how_intervals_held(root):
    record = json.loads((root / "models" / STUDY / "record.json").read_text())
    assert record["personal"]["level"] == 0.9
    assert record["personal"]["measured"]["patients"] == 160


def test_no_training_patient_is_in_the_estimator(root):
    cohort = pd.read_parquet(root / "data" / STUDY / "cohort.parquet")
    held_out = pd.read_parquet(root / "models" / STUDY / "predictions.parquet")["prediction"]
    texts = [path.read_bytes() for path in (root / "models" / STUDY / "estimator").iterdir()]
    for patient in cohort["patient"].astype(str):
        assert not any(patient.encode() in text for text in texts if len(patient) > 6)
    assert not any(f"{value:.9g}".encode() in text for value in held_out for text in texts)


def test_training_again_gives_the_same_bytes(root):
    before = sha256_tree(root / "models" / STUDY / "estimator")
    assert exit_code(train, [STUDY]) == 0
    assert sha256_tree(root / "models" / STUDY / "estimator") == before


def test_a_better_wording_of_the_suite_changes_no_range(root):
    before = inputs(root).read_bytes()
    project_suite = root / "expectations" / f"{STUDY}.json"
    suite = json.loads(project_suite.read_text())
    suite["expectations"][0]["meta"]["description"] = "Adults."
    project_suite.write_text(json.dumps(suite))
    assert exit_code(validate, [STUDY]) == 0
    assert inputs(root).read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "message", "remedy"),
    [
        (lambda path: path.unlink(), "no such file", "dvc repro"),
        (lambda path: path.write_text("{"), "not valid JSON", "dvc repro"),
        (
            lambda path: path.write_text('{"study": "x"}'),
            "this key is required; received none (and 1 more)",
            "dvc repro -f",
        ),
        (
            lambda path: path.write_text(path.read_text().replace(STUDY, "other_study")),
            "received a file of `other_study`",
            "dvc repro -f",
        ),
    ],
    ids=["absent", "torn", "form", "study"],
)
def test_training_refuses_ranges_that_are_not_the_studys(root, capsys, damage, message, remedy):
    damage(inputs(root))
    assert exit_code(train, [STUDY]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert f"Run `{remedy} validate@{STUDY}`." in error


def test_the_example_is_a_request_and_its_answer(root, capsys):
    assert main(["example", STUDY, "--url", "http://127.0.0.1:5999"]) == 0
    command, answer = capsys.readouterr().out.split("\n\n", 1)
    assert command.startswith("curl http://127.0.0.1:5999/invocations -H 'Content-Type: application/json'")
    split = json.loads(command.split("-d '", 1)[1].removesuffix("'"))["dataframe_split"]
    frame = pd.DataFrame(split["data"], columns=split["columns"])
    personal = load_personal_model(root / "models" / STUDY / "estimator")
    assert json.loads(answer)["predictions"][0]["prediction"] == personal.answer(frame)["prediction"].iloc[0]


def test_without_a_model_there_is_no_example(root, capsys):
    shutil.rmtree(root / "models")
    assert main(["example", STUDY]) == 1
    assert capsys.readouterr().err.startswith("error: model `")
