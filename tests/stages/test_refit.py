"""The stage `refit`: its three files, the champion's place in them, and what it refuses."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support import STUDY

from theragate.digests import sha256_file
from theragate.release.champion import ChampionRecipe, write_champion
from theragate.runner.command import exit_code
from theragate.stages.refit import refit

FILES = ("refits.parquet", "halves.parquet", "champion.parquet", "refits.json")


@pytest.fixture
def root(trained_project, tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the project, entered."""
    copy = shutil.copytree(trained_project, tmp_path / "copy")
    monkeypatch.chdir(copy)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return copy


@pytest.fixture
def told(capsys) -> Callable[[int], str]:
    """Run the stage; return the one line that it says."""

    def run(code: int = 0) -> str:
        capsys.readouterr()
        assert exit_code(refit, [STUDY]) == code
        shown = capsys.readouterr()
        line: str = shown.err if code else shown.out
        assert len(line.splitlines()) == 1
        return line.strip()

    return run


def made(root: Path, name: str) -> Path:
    return root / "models" / STUDY / name


def record_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(made(root, "record.json").read_text())
    return content


def champion_of(root: Path, **changes: Any) -> ChampionRecipe:
    record = record_of(root)
    content = {
        "version": "4",
        "model_sha256": "a" * 64,
        "cohort_sha256": sha256_file(root / "data" / STUDY / "cohort.parquet"),
        "predictions_sha256": "b" * 64,
        "family": record["reference"]["family"],
        "params": record["reference"]["params"],
        "features": tuple(record["features"]),
    }
    champion = ChampionRecipe(**content | changes)
    write_champion(root / "release" / STUDY / "champion.json", STUDY, champion)
    return champion


def test_a_first_release(root, told):
    assert told() == f"{STUDY}: 20 refits, 20 halves; no champion"
    record = record_of(root)
    assert json.loads(made(root, "refits.json").read_text()) == {
        "study": STUDY,
        "refits": 20,
        "family": record["selected"]["family"],
        "params": record["selected"]["params"],
        "champion": None,
    }
    cohort = pd.read_parquet(root / "data" / STUDY / "cohort.parquet")
    table = pd.read_parquet(made(root, "refits.parquet"))
    assert table.columns.tolist() == ["refit", "patient", "drawn", "prediction"]
    assert len(table) == 21 * len(cohort)
    halves = pd.read_parquet(made(root, "halves.parquet"))
    assert halves.columns.tolist() == ["half", "patient", "member", "prediction"]
    assert len(halves) == 20 * len(cohort)
    assert set(table["patient"]) == set(cohort["patient"])
    assert pd.read_parquet(made(root, "champion.parquet")).empty
    first = [made(root, name).read_bytes() for name in FILES]
    told()
    assert [made(root, name).read_bytes() for name in FILES] == first


def test_a_champion_is_run_again_beside_the_challenger(root, told):
    recipe = champion_of(root).recipe_sha256(STUDY)
    line = told()
    assert line == f"{STUDY}: 20 refits, 20 halves; champion version 4 (logistic) run again in the same folds"
    assert json.loads(made(root, "refits.json").read_text())["champion"] == {
        "model_sha256": "a" * 64,
        "recipe_sha256": recipe,
        "family": "logistic",
        "same_cohort": True,
        "why": "",
    }
    predictions = pd.read_parquet(made(root, "predictions.parquet"))
    reference = predictions[(predictions["model"] == "reference") & (predictions["scenario"] == "clean")]
    expected = reference[["repeat", "fold", "patient", "prediction"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(made(root, "champion.parquet")), expected, check_exact=True)


def test_a_champion_of_another_cohort_is_told_as_one(root, told):
    champion_of(root, cohort_sha256="c" * 64)
    told()
    assert json.loads(made(root, "refits.json").read_text())["champion"]["same_cohort"] is False


def test_a_champion_that_cannot_be_run_is_a_result(root, told):
    champion_of(root, features=("age", "weight"))
    why = "it needs `weight`, from which the study no longer learns"
    assert told() == f"{STUDY}: 20 refits, 20 halves; champion version 4 could not be run: {why}"
    assert json.loads(made(root, "refits.json").read_text())["champion"]["why"] == why
    assert pd.read_parquet(made(root, "champion.parquet")).empty


def test_the_champion_changes_no_refit(root, told):
    told()
    first = made(root, "refits.parquet").read_bytes()
    champion_of(root)
    told()
    assert made(root, "refits.parquet").read_bytes() == first


def test_nobody_says_who_is_the_champion(root, told):
    (root / "release" / STUDY / "champion.json").unlink()
    assert "champion.json: the file is readable JSON; received no such file. Run `theragate champion" in told(1)
    assert not made(root, "refits.parquet").exists()


def test_a_cohort_that_was_not_validated(root, told):
    path = root / "data" / STUDY / "cohort.parquet"
    pd.read_parquet(path).iloc[:-1].to_parquet(path)
    assert "only the cohort that passed validation is learned from; received the cohort " in told(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "other_study"}, "record.json: the file is of this study; received a file of `other_study`"),
        (
            {"task": "survival"},
            "and of the model in `estimator`; received `survival`, expected `binary`",
        ),
        (
            {"selected": {"family": "spline_logistic", "params": {"penalty": 1.0}}},
            "; received `spline_logistic`, expected `logistic`",
        ),
        ({"features": ["age"]}, "; received `age`, expected `age, "),
    ],
)
def test_a_record_of_another_training(root, told, change: dict[str, Any], message: str):
    made(root, "record.json").write_text(json.dumps(record_of(root) | change))
    line = told(1)
    assert message in line
    assert f"Run `dvc repro -f train@{STUDY}`." in line


def test_a_record_of_another_form(root, told):
    made(root, "record.json").write_text('{"study": "small_study"}')
    assert "record.json, key `task`: this key is required; received none (and 16 more)" in told(1)


def test_the_stage_imports_no_engine_before_it_needs_one():
    engines = {"optuna", "xgboost", "mlflow", "great_expectations", "matplotlib"}
    code = f"import theragate.stages.refit, sys\nprint(sorted({engines!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
