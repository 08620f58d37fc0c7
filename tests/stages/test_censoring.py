"""Hazards of being lost: of many patients, models of a sample foretell those of all others, piece by piece."""

from pathlib import Path

import numpy as np
import pytest

from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Censored, Outcome
from theragate.cohorts.parquet import write_table
from theragate.stages.censoring import weighted_for_losses
from theragate.study import Study
from theragate.testing.cohorts import make_cohort, make_study

PATIENTS, SAMPLE = 8_000, 5_000
FOLDS = np.zeros((1, PATIENTS - 1_000), dtype=np.int64)


def study(**tuning: int) -> Study:
    scheme = {"scheme": "holdout", "fraction": 0.5, "inner_folds": 2, "reason": "Many."}
    return make_study(
        "survival", validation=scheme, tuning={"reference": "ridge_cox", "families": [], "trials": 1, **tuning}
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[CohortFile, np.ndarray, Censored]:
    """A cohort of which the old and ill are lost sooner, and the true log hazards of that."""
    frame = make_cohort("survival", patients=PATIENTS)
    random = np.random.default_rng(4)
    log_hazard = 0.04 * (frame["age"] - 60) + 0.5 * frame["marker"].fillna(0)
    lost = random.exponential(500 * np.exp(-log_hazard)).round()
    frame["died"] = frame["died"].where(frame["time"] <= lost, 0)
    frame["time"] = np.minimum(frame["time"], lost)
    frame["patient"] = frame["patient"].astype(str)
    path = tmp_path_factory.mktemp("censoring") / "cohort.parquet"
    write_table(path, frame)
    outcome = Censored(frame["time"].to_numpy(dtype=float), frame["died"].to_numpy(dtype=bool), 400.0)
    return CohortFile(path, "Make it again."), log_hazard.to_numpy(), outcome


def logs(outcome: Outcome) -> np.ndarray:
    assert isinstance(outcome, Censored)
    assert outcome.hazard is not None
    return np.asarray(np.log(outcome.hazard))


def test_a_sample_foretells_all_others(
    drawn: tuple[CohortFile, np.ndarray, Censored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort_file, "_PIECE", 600)
    file, truth, everybody = drawn
    rows = np.arange(1_000, PATIENTS)  # who is held out
    outcome = everybody.take(rows)
    found, told = weighted_for_losses(file, rows, outcome, study(sample=SAMPLE), folds=FOLDS, seed=1)
    again, _ = weighted_for_losses(file, rows, outcome, study(sample=SAMPLE), folds=FOLDS, seed=1)
    whole, of_whole = weighted_for_losses(file, rows, outcome, study(), folds=FOLDS, seed=1)
    own = logs(found)
    np.testing.assert_array_equal(own, logs(again))
    assert np.corrcoef(own, truth[rows])[0, 1] > 0.95
    assert np.abs(own - logs(whole)).mean() < 0.1
    assert told is not None
    assert of_whole is not None
    assert told.weights == "features"
    assert told.unobserved == pytest.approx(of_whole.unobserved, abs=0.02)
    assert {"age", "marker"} <= set(told.depends_on)


def test_where_nobody_is_lost_no_feature_is_read(tmp_path: Path) -> None:
    nothing = CohortFile(tmp_path / "none.parquet", "There is none.")
    outcome = Censored(np.full(9, 500.0), np.zeros(9, dtype=bool), 400.0)
    found = weighted_for_losses(nothing, np.arange(9), outcome, study(), folds=FOLDS, seed=1)
    assert found == (outcome, None)
