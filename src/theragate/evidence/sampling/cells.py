"""Which patients of a large cohort count as alike: the same labels and outcome, and nearly the same prediction."""

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.metrics.log_odds import logit
from theragate.evidence.metrics.quantity import NEAR, conformal_width
from theragate.evidence.sampling.pools import Pool

__all__ = ["LARGE", "pool_of_cells"]

LARGE = 20_000  # rows above which cells are drawn; also about as many cells as there should be
_FEWEST, _MOST = 64, 256  # intervals of risks: more would keep no more of the variance that could be seen
_FEWEST_QUANTITIES, _MOST_QUANTITIES = 24, 100
_TIMES = 12
_TENTHS = np.arange(1, 10) / 10


def pool_of_cells(
    target: Target, prediction: Floats, *, rows: NDArray[np.intp], atoms: NDArray[np.intp], kinds: int
) -> Pool:
    """Share the patients out between cells.

    Parameters
    ----------
    prediction
        Shape (n,), of the whole cohort.
    rows
        Who is to be drawn; all others get a unit of size 0 that is never looked at.
    atoms
        Shape (n,): numbers of the patients' labels, from 0 to `kinds` - 1; no cell has patients of two.
    """
    own = prediction[rows]
    if isinstance(target, QuantityTarget):
        intervals = int(np.clip(np.sqrt(LARGE / kinds), _FEWEST_QUANTITIES, _MOST_QUANTITIES))
        error = own - target.value[rows]
        size = np.abs(error)
        close = (size <= NEAR * np.abs(target.value[rows])) * 2 + (size <= conformal_width(prediction - target.value))
        outcome, outcomes = _interval(error, _even(error, intervals)) * 4 + close, (intervals + 1) * 4
        edges = _even(own, intervals)
    else:
        outcome, outcomes = _outcomes(target, rows)
        thresholds = () if target.threshold_range is None else (*target.threshold_range, target.threshold or 0.0)
        edges = _risks(own, int(np.clip(LARGE // (kinds * outcomes), _FEWEST, _MOST)), thresholds)
    level = _interval(own, edges)
    levels = len(edges) + 1
    cell = (atoms[rows] * outcomes + outcome) * levels + level
    counts = np.bincount(cell, minlength=kinds * outcomes * levels)
    occupied = np.flatnonzero(counts)
    number = np.zeros(len(counts), dtype=np.intp)
    number[occupied] = np.arange(len(occupied))
    unit = np.zeros(len(prediction), dtype=np.intp)
    unit[rows] = number[cell]
    return Pool(unit, counts[occupied].astype(np.float64), occupied % levels)


def _outcomes(target: BinaryTarget | SurvivalTarget, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """Give what happened a number: for survival lost, free, or an event in one of 12 spans of time."""
    event = target.event[rows]
    if isinstance(target, BinaryTarget):
        return event.astype(np.intp), 2
    time = target.time[rows]
    happened = event & (time <= target.horizon)
    kind = (time > target.horizon).astype(np.intp)
    spans = np.quantile(time[happened], np.linspace(0, 1, _TIMES + 1)[1:-1]) if happened.any() else np.zeros(0)
    kind[happened] = 2 + np.searchsorted(spans, time[happened])
    return kind, 2 + _TIMES


def _risks(risk: Floats, intervals: int, thresholds: tuple[float, ...]) -> Floats:
    """Return the inner edges: quantiles, even steps of the log odds, which make the tails fine, and what is counted by.

    That are thresholds, and the tenths of the expected calibration error.
    """
    low, high = logit(np.array([risk.min(), risk.max()]))
    even = 1 / (1 + np.exp(-np.linspace(low, high, intervals // 3 + 1)[1:-1]))
    quantiles = np.quantile(risk, np.linspace(0, 1, intervals - intervals // 3 + 1)[1:-1])
    return np.unique(np.concatenate([even, quantiles, np.asarray(thresholds, dtype=np.float64), _TENTHS]))


def _even(values: Floats, intervals: int) -> Floats:
    """Return the inner edges: half quantiles, half even steps, which make the tails fine."""
    quantiles = np.quantile(values, np.linspace(0, 1, intervals - intervals // 2 + 1)[1:-1])
    return np.unique(np.concatenate([np.linspace(values.min(), values.max(), intervals // 2 + 1)[1:-1], quantiles]))


def _interval(values: Floats, edges: Floats) -> NDArray[np.intp]:
    return np.searchsorted(edges, values, side="right")
