"""Predictions of several repeats of a cross-validation: each measured by itself, and the measures averaged.

One model is released, so what is estimated is how good one model of the recipe is. The mean of the repeats'
predictions is an ensemble that nobody gets: it is better calibrated and ranks better than any of its members.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.net_benefit import NetBenefit
from theragate.evidence.metrics.benefit import ThresholdRange
from theragate.evidence.metrics.quantity import QuantityScore
from theragate.evidence.metrics.ranks import Ranked
from theragate.evidence.metrics.risk import RiskScore

__all__ = [
    "RepeatedQuantities",
    "RepeatedRange",
    "RepeatedRisks",
    "RepeatedScore",
    "mean_benefit",
    "mean_ranked",
    "means",
]

S = TypeVar("S", RiskScore, QuantityScore)
_POINTS = 64  # of the calibration curve


def means(each: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return the mean of every named array, where all repeats have it; NaN wherever one of them has no value."""
    if len(each) == 1:
        return dict(each[0])
    return {name: np.mean([own[name] for own in each], axis=0) for name in each[0] if all(name in own for own in each)}


def mean_benefit(each: Sequence[NetBenefit]) -> NetBenefit:
    """Return the mean net benefit; the better default, which knows no model, is the same in all repeats."""
    names = ("model", "treat_all", "gain", "selected")
    return NetBenefit(*(np.mean([getattr(own, name) for own in each], axis=0) for name in names))


def mean_ranked(each: Sequence[Mapping[str, Ranked]]) -> dict[str, Ranked]:
    """Return the mean of measures of ranking, and of how far each patient moves them."""
    return {
        name: Ranked(
            float(np.mean([own[name].value for own in each])), np.mean([own[name].influence for own in each], axis=0)
        )
        for name in each[0]
        if all(name in own for own in each)
    }


class RepeatedScore(Generic[S]):
    """The predictions of all repeats for some patients, ready to be measured in any resample of them.

    A patient who is drawn is drawn with the predictions of all repeats.

    Parameters
    ----------
    scores
        One per repeat, of the same patients in the same order.
    """

    def __init__(self, scores: Iterable[S]) -> None:
        self.scores: tuple[S, ...] = tuple(scores)
        self.points: Floats = _common_points([score.smoother.points for score in self.scores])
        """Where the calibration curve is drawn."""

    def sums(self, draws: Floats, seen: Floats) -> list[Floats]:
        """Add up whatever the measures are made of, repeat by repeat; weights have the shape (b, units)."""
        return [score.sums(draws, seen) for score in self.scores]

    def of_sums(self, sums: Sequence[Floats], draws: Floats) -> dict[str, Floats]:
        """Return every metric in every resample, (b,)."""
        return means([score.of_sums(own, draws) for score, own in zip(self.scores, sums, strict=True)])

    def points_by_repeat(self, draws: Floats, seen: Floats) -> list[dict[str, float]]:
        """Return every metric of the patients as they are, for each repeat; weights have the shape (1, units)."""
        return [score.point(draws, seen) for score in self.scores]

    def point(self, draws: Floats, seen: Floats) -> dict[str, float]:
        """Return every metric of the patients as they are."""
        return _mean_numbers(self.points_by_repeat(draws, seen))

    def calibration(self, sums: Sequence[Floats]) -> Floats:
        """Return the smoothed outcome at `points`, shape (b, points); NaN where a repeat predicts nothing."""
        curves = [score.calibration(own) for score, own in zip(self.scores, sums, strict=True)]
        if len(curves) == 1:
            return curves[0]
        own = [score.smoother.points for score in self.scores]
        mean: Floats = np.mean([_at(self.points, *each) for each in zip(own, curves, strict=True)], axis=0)
        return mean

    def influence(self, names: Sequence[str], sums: Sequence[Floats]) -> dict[str, Floats]:
        """Return how far each patient moves metrics, shape (n,) each; `sums` are those of the patients as they are."""
        return means([score.influence(names, own) for score, own in zip(self.scores, sums, strict=True)])


class RepeatedRisks(RepeatedScore[RiskScore]):
    """The risks of all repeats."""

    @property
    def has_levels(self) -> bool:
        """Whether there is a ROC curve."""
        return all(score.levels is not None for score in self.scores)

    def sensitivities(self, draws: Floats, grid: Floats) -> Floats:
        """Return the ROC curve at `grid`, shape (b, grid), without resamples that lack an event or a non-event."""
        each = [score.levels.sensitivities(draws, grid) for score in self.scores if score.levels is not None]
        mean: Floats = np.mean(each, axis=0)
        return mean

    def denominators(self, seen: Floats) -> dict[str, float]:
        """Return the (mean) number of patients behind each proportion; ``seen`` has the shape (n,)."""
        return _mean_numbers([score.denominators(seen) for score in self.scores])

    def over(self, thresholds: Sequence[float]) -> "RepeatedRange":
        """Return the net benefit over a range of thresholds, ready to be measured in any resample."""
        return RepeatedRange([score.over(thresholds) for score in self.scores])


class RepeatedQuantities(RepeatedScore[QuantityScore]):
    """The quantities of all repeats."""


class RepeatedRange:
    """The net benefit over a range of thresholds of all repeats."""

    def __init__(self, ranges: Sequence[ThresholdRange]) -> None:
        self._ranges = ranges

    def values(self, seen: Floats) -> NetBenefit:
        """Return the mean net benefit at each threshold, from weights of shape (b, units)."""
        return mean_benefit([own.values(seen) for own in self._ranges])


def _mean_numbers(each: Sequence[dict[str, float]]) -> dict[str, float]:
    if len(each) == 1:
        return each[0]
    names = [name for name in each[0] if all(name in own for own in each)]
    return {name: float(np.mean([own[name] for own in each])) for name in names}


def _common_points(each: Sequence[Floats]) -> Floats:
    """Return predictions that all repeats can be compared at: quantiles of all their points."""
    if len(each) == 1:
        return each[0]
    pooled = np.sort(np.concatenate(each))
    return np.unique(np.quantile(pooled, np.linspace(0, 1, _POINTS)))


def _at(points: Floats, own: Floats, curves: Floats) -> Floats:
    """Interpolate curves, shape (b, own), between a repeat's `own` points; NaN outside of them."""
    left = np.clip(np.searchsorted(own, points, side="right") - 1, 0, max(len(own) - 2, 0))
    right = np.minimum(left + 1, len(own) - 1)
    width = own[right] - own[left]
    share = np.divide(points - own[left], width, out=np.zeros_like(points), where=width > 0)
    low, high = curves[:, left], curves[:, right]
    between = np.where(share == 0, low, np.where(share == 1, high, low + (high - low) * share))
    found: Floats = np.where((points < own[0]) | (points > own[-1]), np.nan, between)
    return found
