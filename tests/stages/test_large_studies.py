"""A study that learns from more patients than its sample: what is fitted again, measured, and told of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project, small_cohort

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.samples import sample_rows
from theragate.cohorts.splits import outer_splits
from theragate.learning.families import FAMILIES
from theragate.learning.persistence import load
from theragate.learning.predictor import fit_predictor
from theragate.learning.seeds import derive
from theragate.release.champion import ChampionRecipe, write_champion
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import load_seed, load_study

PATIENTS, SAMPLE, LEARNED = 6_700, 5_000, 6_030


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large") / "project"
    root.mkdir()
    project = Project(root)
    project.study["tuning"].update(trials=1, families=[], sample=SAMPLE)
    project.study["validation"] = {"scheme": "holdout", "fraction": 0.1, "inner_folds": 2, "reason": "Many."}
    project.put(small_cohort(PATIENTS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("THERAGATE_JOBS", "1")
        assert [exit_code(stage, [STUDY]) for stage in (ingest, validate, train, refit, evaluate, gate)] == [0] * 6
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the finished project, entered."""
    copy = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(copy)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return copy


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(root / "models" / STUDY / f"{name}.parquet")


def drawn(root: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The cohort, and whom the documented rule draws of those learned from."""
    study, seed = load_study(root / "params.yaml", STUDY), load_seed(root / "params.yaml")
    cohort = pd.read_parquet(root / "data" / STUDY / "cohort.parquet")
    outcome = read_outcome(cohort, study)
    (split,) = outer_splits(cohort, outcome, study, seed=seed)
    assert len(split.train) == LEARNED
    return cohort, sample_rows(outcome, split.train, most=SAMPLE, seed=derive(seed, STUDY, "audit sample"))


def test_refits_and_halves_are_of_the_sample_alone(finished: Path) -> None:
    cohort, rows = drawn(finished)
    sample = sorted(cohort["patient"].iloc[rows])
    refits, halves = table(finished, "refits"), table(finished, "halves")
    assert refits["refit"].unique().tolist() == list(range(-1, 21))
    for number, part in refits.groupby("refit"):
        assert part["patient"].tolist() == sample
        assert part["drawn"].sum() == (0 if number < 0 else len(rows))
        assert (part["drawn"] == 1).all() == (number == 0)
    assert halves.groupby("half")["patient"].apply(list).map(sample.__eq__).all()
    said = json.loads((finished / "models" / STUDY / "refits.json").read_text())
    assert said["sample"] == {"patients": len(rows), "of": LEARNED}


def test_refits_are_compared_with_a_model_of_the_sample_beside_which_the_released_one_stands(finished: Path) -> None:
    cohort, rows = drawn(finished)
    study = load_study(finished / "params.yaml", STUDY)
    released = load(finished / "models" / STUDY / "estimator")
    record = json.loads((finished / "models" / STUDY / "record.json").read_text())["selected"]
    frame = cohort.iloc[rows]
    own = fit_predictor(
        frame,
        read_outcome(frame, study),
        task="binary",
        family=record["family"],
        params=record["params"],
        schema=released.schema,
        seed=0,
    )
    wide = table(finished, "refits").pivot(index="patient", columns="refit", values="prediction").loc[frame["patient"]]
    np.testing.assert_array_equal(wide[-1], released.predict(frame))
    np.testing.assert_allclose(wide[0], own.predict(frame), rtol=1e-9)
    evidence = json.loads((finished / "reports" / STUDY / "evidence.json").read_text())
    apart = np.abs(wide[0] - wide[-1]).mean()
    assert evidence["audited"] == {"patients": len(rows), "of": LEARNED, "apart": pytest.approx(apart)}
    refits = wide[range(1, 21)].sub(wide[0], axis=0).abs().to_numpy()
    assert evidence["stability"]["difference"]["value"] == pytest.approx(refits.mean())
    assert evidence["membership"]["patients"] == len(rows)
    assert evidence["cohort"]["patients"] == PATIENTS - LEARNED


def test_verdict_and_card_say_of_whom_it_was_measured(finished: Path) -> None:
    sample = f"a random sample of {len(drawn(finished)[1]):,} of the 6,030 patients learned from"
    verdict = json.loads((finished / "reports" / STUDY / "verdict.json").read_text())
    summaries = {finding["gate"]: finding["summary"] for finding in verdict["findings"]}
    for gate_name in ("stability", "privacy"):
        assert f" in {sample}, and a " in summaries[gate_name]
    card = (finished / "reports" / STUDY / "card.md").read_text(encoding="utf-8")
    assert f"{sample}. A model of fewer" in card


def test_the_same_again(root: Path) -> None:
    names = [root / "models" / STUDY / f"{name}.parquet" for name in ("refits", "halves")]
    before = [path.read_bytes() for path in names]
    assert exit_code(refit, [STUDY]) == 0
    assert [path.read_bytes() for path in names] == before


def champion_of(root: Path, **changes: Any) -> None:
    record = json.loads((root / "models" / STUDY / "record.json").read_text())
    content = {
        "version": "4",
        "model_sha256": "a" * 64,
        "cohort_sha256": "b" * 64,
        "predictions_sha256": "c" * 64,
        "family": record["reference"]["family"],
        "params": record["reference"]["params"],
        "features": tuple(record["features"]),
    }
    path = root / "release" / STUDY / "champion.json"
    write_champion(path, STUDY, ChampionRecipe(**content | changes))


def test_a_champions_recipe_is_fitted_to_all_who_are_learned_from(root: Path) -> None:
    champion_of(root)
    assert exit_code(refit, [STUDY]) == 0
    reference = table(root, "predictions").query("model == 'reference'")
    expected = reference[["repeat", "fold", "patient", "prediction"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(table(root, "champion"), expected, check_exact=True)
    assert exit_code(evaluate, [STUDY]) == 0
    evidence = json.loads((root / "reports" / STUDY / "evidence.json").read_text())
    assert evidence["champion"]["comparisons"] == evidence["comparisons"]
    assert not (root / ".theragate" / "refits" / STUDY).exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"features": ("age", "weight")}, "it needs `weight`, from which the study no longer learns"),
        (
            {
                "family": "xgboost",
                "params": {"rounds": 9, "depth": 2, "rows": 5.0, "columns": 0.8, "penalty": 3.0},
            },
            "its recipe has no stable solution in repeat 1, fold 1",
        ),
    ],
)
def test_a_champion_that_cannot_be_run_is_a_result(
    changes: dict[str, Any], why: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    champion_of(root, **changes)
    capsys.readouterr()
    assert exit_code(refit, [STUDY]) == 0
    assert capsys.readouterr().out.strip().endswith(f"champion version 4 could not be run: {why}")
    assert table(root, "champion").empty


def test_a_champion_whose_family_needs_everybody_in_memory(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(FAMILIES["binary"]["logistic"]), "in_pieces", False)
    champion_of(root)
    capsys.readouterr()
    assert exit_code(refit, [STUDY]) == 0
    why = "its family, `logistic`, is not fitted piece by piece, as more than 5,000 patients ask for"
    assert capsys.readouterr().out.strip().endswith(why)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda refits: refits[refits["refit"] >= 0],
            "22 models predict every patient of the sample; received 21 models",
        ),
        (
            lambda refits: refits[refits["patient"] != refits["patient"].iloc[0]],
            "22 models predict every patient of the",
        ),
        (lambda refits: refits.assign(prediction=refits["prediction"] + (refits["refit"] < 0)), "between 0 and 1"),
    ],
)
def test_refits_of_others_are_refused(change, message: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "models" / STUDY / "refits.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    capsys.readouterr()
    assert exit_code(evaluate, [STUDY]) == 1
    line = capsys.readouterr().err.strip()
    assert message in line
    assert "dvc repro -f refit@" in line
    assert len(line.splitlines()) == 1
