"""Rates of eight groups with bootstrap intervals, against fairlearn's; and how their cost grows with rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from theragate.evidence.sampling.counts import confusion, count, draw_counts

ROWS, RESAMPLES, FAIRLEARN_RESAMPLES = 100_000, 2000, 40
FEW, MANY, TRIES = 10**4, 10**7, 5
THRESHOLD, QUANTILES = 0.3, [0.025, 0.975]
RATES = ("sensitivity", "false_positive_rate", "selection_rate", "accuracy")


@dataclass(frozen=True)
class Patients:
    """Risks, outcomes and two attributes whose labels make eight groups."""

    risk: NDArray[np.float64]
    event: NDArray[np.bool_]
    sex: NDArray[np.intp]
    ward: NDArray[np.intp]


def fairness_speedup() -> dict[str, float]:
    """Time the whole of ours, counting included, and fairlearn's by the resample; check that the intervals agree.

    fairlearn resamples `FAIRLEARN_RESAMPLES` times, and its time without any resample is taken off before the rest is
    scaled to `RESAMPLES`: 2,000 would take most of an hour.
    """
    patients = draw(ROWS)
    ours = min(_timed(lambda: limits(patients, resamples=RESAMPLES)) for _ in range(TRIES))
    point = _timed(lambda: frame(patients, resamples=None))
    start = time.process_time()
    theirs = frame(patients, resamples=FAIRLEARN_RESAMPLES)
    drawn = (time.process_time() - start - point) / FAIRLEARN_RESAMPLES
    check(limits(patients, resamples=RESAMPLES), theirs)
    scaled = point + drawn * RESAMPLES
    return {"fairness_seconds": ours, "fairness_fairlearn_seconds": scaled, "fairness_speedup": scaled / ours}


def fairness_rows_scaling() -> dict[str, float]:
    """Time the resampling of ten million rows against that of ten thousand, after one counting pass over each."""
    counts = [cells(draw(rows)) for rows in (FEW, MANY)]
    times = [
        [_timed(lambda own=own: rates(draw_counts(own, resamples=RESAMPLES, seed=1))) for own in counts]
        for _ in range(TRIES)
    ]
    few, many = (min(column) for column in zip(*times, strict=True))
    return {"fairness_rows_scaling": many / few}


def draw(rows: int, *, seed: int = 0) -> Patients:
    """Draw patients."""
    random = np.random.default_rng(seed)
    risk = random.beta(2, 4, rows)
    return Patients(risk, random.random(rows) < risk, random.integers(0, 2, rows), random.integers(0, 4, rows))


def cells(patients: Patients) -> NDArray[np.int64]:
    """Count the patients, in one pass."""
    group = patients.sex * 4 + patients.ward
    return count(patients.risk, patients.event, group, kinds=8, thresholds=(THRESHOLD,))


def rates(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the four rates of each group, shape (..., 8)."""
    found = confusion(counts).at(0).rates()
    return found | {"false_positive_rate": 1 - found["specificity"]}


def limits(patients: Patients, *, resamples: int) -> dict[str, NDArray[np.float64]]:
    """Return the 95% percentile limits of the four rates in each group, shape (2, 8)."""
    found = rates(draw_counts(cells(patients), resamples=resamples, seed=1))
    return {name: np.quantile(found[name], QUANTILES, axis=0) for name in RATES}


def frame(patients: Patients, *, resamples: int | None) -> MetricFrame:
    """Measure the same with fairlearn."""
    metrics = (true_positive_rate, false_positive_rate, selection_rate, accuracy_score)
    return MetricFrame(
        metrics=dict(zip(RATES, metrics, strict=True)),
        y_true=patients.event.astype(int),
        y_pred=(patients.risk >= THRESHOLD).astype(int),
        sensitive_features=pd.DataFrame({"sex": patients.sex, "ward": patients.ward}),
        n_boot=resamples,
        ci_quantiles=QUANTILES if resamples else None,
        random_state=0 if resamples else None,
    )


def check(ours: dict[str, NDArray[np.float64]], theirs: MetricFrame) -> None:
    """Compare the widths of all intervals: their ratio is 1 up to the Monte-Carlo error of fairlearn's few resamples.

    Raises
    ------
    RuntimeError
        If the ratio's mean over rates and groups is farther from 1 than that.
    """
    low, high = (part.sort_index() for part in theirs.by_group_ci)
    ratio = np.array(
        [(high[name] - low[name]).to_numpy(dtype=float) / np.diff(ours[name], axis=0)[0] for name in RATES]
    )
    # Percentile limits of so few resamples are biased inwards, and vary by a tenth over 32 correlated intervals.
    if not 0.8 < ratio.mean() < 1.1:
        raise RuntimeError(f"the intervals of fairlearn are {ratio.mean():.2f} times as wide")


def _timed(work: Callable[[], object]) -> float:
    """Return the seconds of the processor that it took: both sides use one, and what else runs does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start
