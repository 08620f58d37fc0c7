"""How well patients are ranked: areas under the curve and concordance, with each patient's influence on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.metrics.arrays import Floats

__all__ = ["Ranked", "area_under_curve", "concordance"]

_ROUNDING = 1e-12
_PAIRS = 2**19  # pairs held at once: a block stays in the processor's cache


@dataclass(frozen=True)
class Ranked:
    """A measure of ranking.

    Parameters
    ----------
    value
        In [0, 1]; .5 is chance.
    influence
        Shape (n,): how far each patient moves it; the sum of squares is its variance.
    """

    value: float
    influence: Floats


def area_under_curve(risk: Floats, *, cases: Floats, controls: Floats) -> Ranked | None:
    """Return the area under the ROC curve with DeLong's influence values.

    Ties count one half. Without censoring, the weights are 0 and 1 and the variance is DeLong's (Biometrics
    1988;44:837), by midranks in n log n steps (Sun, Xu, IEEE Signal Process Lett 2014;21:1389). With censoring they
    are inverse-probability weights, taken as known, which errs on the wide side (Blanche et al., Stat Med
    2013;32:5381).

    Parameters
    ----------
    risk
        Shape (n,).
    cases, controls
        Shape (n,): each patient's weight as a case and as a control, 0 for none.

    Returns
    -------
    None where there are no cases or no controls.
    """
    if not cases.any() or not controls.any():
        return None
    _, level = np.unique(risk, return_inverse=True)
    share_cases, share_controls = cases / cases.sum(), controls / controls.sum()
    above_controls = _midranks(level, share_controls)
    above_cases = _midranks(level, share_cases)
    value = float(share_cases @ above_controls)
    influence = _unbiased(share_cases) * (above_controls - value)
    influence += _unbiased(share_controls) * (1 - above_cases - value)
    return Ranked(_exact_at_ends(value), influence)


def _midranks(level: NDArray[np.intp], share: Floats) -> Floats:
    """Return the share of the weight that lies below each patient's level, half of that at it included."""
    at_level = np.bincount(level, weights=share)
    ranks: Floats = (np.cumsum(at_level) - at_level / 2)[level]
    return ranks


def _exact_at_ends(value: float) -> float:
    """Take off the rounding of a ranking that is right (or wrong) in every pair."""
    return float(round(value)) if min(value, 1 - value) < _ROUNDING else value


def _unbiased(share: Floats) -> Floats:
    """Enlarge shares so that sums of squares have the divisor m - 1, with m the effective number."""
    effective = 1 / float(share @ share)
    return share * np.sqrt(effective / (effective - 1)) if effective > 1 + 1e-9 else share


def concordance(
    time: Floats, event: NDArray[np.bool_], risk: Floats, *, weights: tuple[Floats, ...]
) -> tuple[Ranked | None, ...]:
    """Return one concordance index for each of `weights`, with influence values.

    A pair is comparable where one has the event while the other is still at risk; it is concordant where the first
    has the higher risk, and half so where risks tie. All weights 1 give Harrell's index (Stat Med 1996;15:361);
    1 / G² up to the horizon and 0 after it give Uno's (Stat Med 2011;30:1105). The influence values are those of the
    infinitesimal jackknife of a ratio of two U-statistics; weights are taken as known.

    Parameters
    ----------
    time, event, risk
        Shape (n,), sorted by time with events before censored at one time.
    weights
        Each of shape (n,): how much the pairs count in which a patient has the event first.

    Returns
    -------
    For each of `weights` an index, or None where no pair is comparable.
    """
    events = np.flatnonzero(event)
    counted = np.stack(weights)[:, events]
    # The first place behind all events at the same time: from there on everybody is comparable.
    censored_at = np.where(event, -1, np.arange(len(time)))
    after_time = np.searchsorted(time, time[events], side="right")
    ties = np.array([np.count_nonzero(censored_at[a:b] >= 0) for a, b in zip(events, after_time, strict=True)], int)
    first = after_time - ties
    _, level = np.unique(risk, return_inverse=True)
    signs = _pair_signs(level.astype(np.int32), events, first=first, weights=counted)
    return tuple(_ranked(events, first, weight=w, by_event=signs[0], by_other=o, n=len(time))
                 for w, o in zip(counted, signs[1], strict=True))  # fmt: skip


def _pair_signs(
    level: NDArray[np.int32], events: NDArray[np.intp], *, first: NDArray[np.intp], weights: Floats
) -> tuple[Floats, Floats]:
    """Return sums of concordant minus discordant pairs: per event (e,), and per other patient and weight (k, n)."""
    n = len(level)
    by_event = np.zeros(len(events))
    by_other = np.zeros((len(weights), n))
    block = max(1, _PAIRS // n)
    for start in range(0, len(events), block):
        chosen = slice(start, start + block)
        low, high = int(first[chosen].min(initial=n)), int(first[chosen].max(initial=0))
        own, others = level[events[chosen], None], level[None, low:]
        sign = (own > others).view(np.int8) - (own < others).view(np.int8)
        sign[:, : high - low][np.arange(low, high) < first[chosen, None]] = 0
        signs = sign.astype(np.float64)
        by_event[chosen] = signs.sum(axis=1)
        by_other[:, low:] += weights[:, chosen] @ signs
    return by_event, by_other


def _ranked(
    events: NDArray[np.intp],
    first: NDArray[np.intp],
    *,
    weight: Floats,
    by_event: Floats,
    by_other: Floats,
    n: int,
) -> Ranked | None:
    pairs = weight * (n - first)
    total = float(pairs.sum())
    if total <= 0:
        return None
    value = float((weight @ by_event) / total + 1) / 2
    # Each patient's own pairs, as the one with the event and as the other one.
    comparable = np.cumsum(np.bincount(first, weights=weight, minlength=n + 1))[:n]
    sign = by_other.copy()
    np.add.at(comparable, events, pairs)
    np.add.at(sign, events, weight * by_event)
    return Ranked(_exact_at_ends(value), ((sign + comparable) / 2 - value * comparable) / total)
