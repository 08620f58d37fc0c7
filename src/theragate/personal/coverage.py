"""How intervals held for patients from whom they were not learned, by ten-fold cross-fitting."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from theragate.personal.benefits import EffectInterval
from theragate.personal.interval_kinds import Interval, limits_of
from theragate.personal.intervals import NORMAL, Floats, HeldOut, QuantityInterval
from theragate.personal.rounding import nine_digits

__all__ = ["agrees", "measure_coverage"]

_FOLDS = 10
_FIFTHS = 5

Coverage: TypeAlias = dict[str, float | int]


def measure_coverage(
    held_out: HeldOut, fit: Callable[[HeldOut], Interval], *, seed: int
) -> tuple[Coverage, Floats, Floats]:
    """Return how intervals that `fit` learns from nine tenths of the patients held in the last, tenth by tenth.

    No cluster is divided.

    A quantity's interval holds a patient's own value or not. Nobody sees a risk or a benefit, so that the coverage of
    those cannot be counted; their agreement with groups of patients can, within what chance does to a group. Returned
    beside it are the lower and the upper limits, (n,) each.
    """
    fold = (np.random.default_rng(seed).permutation(held_out.clusters) % _FOLDS)[held_out.cluster]
    intervals = {number: fit(held_out.of(fold != number)) for number in np.unique(fold)}
    lower, upper = np.empty(len(fold)), np.empty(len(fold))
    for number, interval in intervals.items():
        rows = fold == number
        lower[rows], upper[rows] = limits_of(interval, held_out.prediction[rows], held_out.members[rows])
    width = float(np.nanmean(upper - lower)) if np.isfinite(upper - lower).any() else 0.0
    summary: Coverage = {"patients": held_out.patients, "mean_width": nine_digits([width])[0]}
    benefits = {number: interval for number, interval in intervals.items() if isinstance(interval, EffectInterval)}
    if benefits:
        return summary | _benefits(held_out, fold, benefits), lower, upper
    if any(isinstance(interval, QuantityInterval) for interval in intervals.values()):
        inside = (lower <= held_out.target) & (held_out.target <= upper)
        return summary | {"coverage": round(float(inside.mean()), 4)}, lower, upper
    agreeing = sum(agrees(held_out, rows, lower, upper) for rows in _fifths(held_out))
    return summary | {"fifths": _FIFTHS, "fifths_in_agreement": agreeing}, lower, upper


def agrees(held_out: HeldOut, rows: NDArray[np.intp], lower: Floats, upper: Floats) -> bool:
    """Return whether the share with the event among `rows` agrees with their intervals, but for its own error."""
    weight, target = held_out.weight[rows], held_out.target[rows]
    total = weight.sum()
    share = float((weight * target).sum() / total)
    times = len(rows) / len(_counts(held_out, rows))
    error = np.sqrt(times * (np.square(weight) * np.square(target - share)).sum()) / total
    middle = float((weight * held_out.prediction[rows]).sum() / total)
    error = max(error, np.sqrt(middle * (1 - middle) / (len(rows) / times)))
    low, high = ((weight * limit[rows]).sum() / total for limit in (lower, upper))
    return bool(low - NORMAL * error <= share <= high + NORMAL * error)


def _benefits(held_out: HeldOut, fold: NDArray[np.intp], intervals: dict[int, EffectInterval]) -> Coverage:
    """Return in how many groups the mean doubly robust score agrees with the interval, in tenths and over all of them.

    The mean of a group is itself an estimate: it agrees where it lies no farther from the line than limits that know of
    its own error too, which 9 of 10 do if the intervals are right. ``noise_to_reach`` is how much of that distance is
    the groups' error: the larger it is, the less such agreement says.
    """
    middle, reach = np.empty(len(fold)), np.empty(len(fold))
    for number, interval in intervals.items():
        middle[fold == number], reach[fold == number] = interval.line(held_out.prediction[fold == number])
    apart, ratios = dict[str, list[bool]](fifths=[], groups=[]), []
    for fifth in _fifths(held_out):
        spread = float(held_out.target[fifth].std(ddof=1))
        parts = [fifth[fold[fifth] == number] for number in intervals]
        for name, rows in (("fifths", fifth), *(("groups", part) for part in parts if len(part))):
            noise = NORMAL * spread * float(np.sqrt(np.square(_counts(held_out, rows)).sum())) / len(rows)
            distance = abs(float((held_out.target[rows] - middle[rows]).mean()))
            apart[name].append(distance <= float(np.hypot(noise, reach[rows].mean())))
            if name == "groups":
                ratios.append(noise / max(float(reach[rows].mean()), 1e-12))
    counts = {name: len(agree) for name, agree in apart.items()}
    agreeing = {f"{name}_in_agreement": sum(agree) for name, agree in apart.items()}
    return counts | agreeing | {"noise_to_reach": round(float(np.mean(ratios)), 2)}


def _fifths(held_out: HeldOut) -> list[NDArray[np.intp]]:
    return np.array_split(np.argsort(held_out.prediction, kind="stable"), _FIFTHS)


def _counts(held_out: HeldOut, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how often each patient of `rows` is in them: who was predicted in several repeats is one patient."""
    return np.unique(held_out.patient[rows], return_counts=True)[1]
