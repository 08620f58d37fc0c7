"""How well patients are ranked: areas under the curve and concordance, with each patient's influence on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.metrics.order import ascend, bring_together, check_weights, levels
from theragate.evidence.metrics.pairs import pair_signs
from theragate.evidence.metrics.placements import place

__all__ = ["Ranked", "area_under_curve", "areas_by_group", "concordance", "influences_by_group"]

_ROUNDING = 1e-12


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


def area_under_curve(
    risk: Floats, *, cases: Floats, controls: Floats, order: NDArray[np.intp] | None = None
) -> Ranked | None:
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
    order
        Shape (n,): ``np.argsort(risk)``, where the caller has it already.

    Returns
    -------
    None where there are no cases or no controls.

    Raises
    ------
    EvidenceError
        If a number is not finite, a weight is below 0, lengths differ, or `order` does not sort `risk`.
    """
    order, ascending = ascend(risk, order, cases, controls)
    check_weights(cases, controls)
    level = np.empty(len(order), dtype=np.intp)
    level[order] = levels(ascending)
    if not cases.any() or not controls.any():
        return None
    share_cases, share_controls = cases / cases.sum(), controls / controls.sum()
    above_controls = _midranks(level, share_controls)
    above_cases = _midranks(level, share_cases)
    value = _dot(share_cases, above_controls)
    influence = _unbiased(share_cases) * (above_controls - value)
    influence += _unbiased(share_controls) * (1 - above_cases - value)
    return Ranked(_exact_at_ends(value), influence)


def areas_by_group(
    risk: Floats,
    event: NDArray[np.bool_],
    group_codes: NDArray[np.integer],
    *,
    groups: int,
    order: NDArray[np.intp] | None = None,
) -> tuple[Floats, Floats]:
    """Return the areas under the ROC curve and DeLong's standard errors: within each group, then of all patients.

    The numbers are those of `area_under_curve` for an outcome that was seen in everybody. One sort serves all groups.

    Parameters
    ----------
    risk, event
        Shape (n,).
    group_codes
        Shape (n,): each patient's group, from 0 to `groups` - 1.
    groups
        How many groups there are; some may have no patient.
    order
        Shape (n,): ``np.argsort(risk)``, where the caller has it already.

    Returns
    -------
    Values and standard errors on the area's own scale, each of shape (groups + 1,), the last of all patients; NaN
    where there are no cases or no controls.

    Raises
    ------
    EvidenceError
        If a risk is not finite, a code lies outside its range, lengths differ, or `order` does not sort `risk`.
    """
    order, risk = ascend(risk, order, event, group_codes)
    event = event[order]
    together, slices = bring_together(group_codes[order], groups)
    risk_apart, event_apart = risk[together], event[together]
    areas = [_area(risk_apart[own], event_apart[own]) for own in slices]
    values, errors = np.array([*areas, _area(risk, event)]).T
    return values, errors


def influences_by_group(
    risk: Floats,
    event: NDArray[np.bool_],
    group_codes: NDArray[np.integer],
    *,
    groups: int,
    order: NDArray[np.intp] | None = None,
) -> tuple[Floats, Floats]:
    """Return the areas under the ROC curve within groups, and how far each patient moves that of her own group.

    Parameters, errors and numbers are those of `areas_by_group`. Groups are disjoint, so one column holds them all.

    Returns
    -------
    Values of shape (groups,), NaN where there are no cases or no controls; influence values of shape (n,), whose sum
    of squares over a group is its variance, 0 in the groups without a value.
    """
    order, risk = ascend(risk, order, event, group_codes)
    event = event[order]
    together, slices = bring_together(group_codes[order], groups)
    rows, risk, event = order[together], risk[together], event[together]
    values, influence = np.full(groups, np.nan), np.zeros(len(risk))
    for group, own in enumerate(slices):
        placed = place(risk[own], event[own])
        if placed is not None:
            values[group] = _exact_at_ends(placed.value)
            influence[rows[own]] = placed.influence(event[own])
    return values, influence


def concordance(
    time: Floats,
    event: NDArray[np.bool_],
    risk: Floats,
    *,
    weights: tuple[Floats, ...],
    order: NDArray[np.intp] | None = None,
) -> tuple[Ranked | None, ...]:
    """Return one concordance index for each of `weights`, with influence values, in n log n steps.

    A pair is comparable where one has the event while the other is still at risk; it is concordant where the first
    has the higher risk, and half so where risks tie. All weights 1 give Harrell's index (Stat Med 1996;15:361);
    1 / G² up to the horizon and 0 after it give Uno's (Stat Med 2011;30:1105). The influence values are those of the
    infinitesimal jackknife of a ratio of two U-statistics; weights are taken as known.

    Parameters
    ----------
    time, event, risk
        Shape (n,), in any order. At one time, who is censored was still at risk when the others had their event.
    weights
        Each of shape (n,): how much the pairs count in which a patient has the event first.
    order
        Shape (n,): ``np.argsort(risk)``, where the caller has it already.

    Returns
    -------
    For each of `weights` an index, or None where no pair is comparable.

    Raises
    ------
    EvidenceError
        If a number is not finite, a weight is below 0, lengths differ, or `order` does not sort `risk`.
    """
    order, ascending = ascend(risk, order, time, event, *weights)
    counted = np.where(event, np.stack(weights), 0.0)
    check_weights(time, *counted)
    # How many times with an event somebody outlived; whoever outlived more of them is comparable with an event.
    outlived = (np.searchsorted(np.unique(time[event]), time, side="right") - event).astype(np.int32)
    signs = np.empty_like(counted)
    signs[:, order] = pair_signs(outlived[order], levels(ascending), counted[:, order])
    return tuple(_concordant(outlived, weight=w, sign=s) for w, s in zip(counted, signs, strict=True))


def _concordant(outlived: NDArray[np.int32], *, weight: Floats, sign: Floats) -> Ranked | None:
    """Return the index and its influence values from each patient's sum of concordant minus discordant pairs."""
    patients = np.bincount(outlived)
    earlier = np.bincount(outlived, weights=weight)
    # Each patient's own pairs, as the one with the event and as the other one.
    pairs = weight * (len(weight) - np.cumsum(patients))[outlived] + (np.cumsum(earlier) - earlier)[outlived]
    total = float(pairs.sum()) / 2
    if total <= 0:
        return None
    value = (float(sign.sum()) / 2 / total + 1) / 2
    return Ranked(_exact_at_ends(value), ((sign + pairs) / 2 - value * pairs) / total)


def _area(risk: Floats, event: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the area and its standard error of patients whose risks ascend."""
    placed = place(risk, event)
    return (_exact_at_ends(placed.value), placed.standard_error) if placed is not None else (np.nan, np.nan)


def _midranks(level: NDArray[np.intp], share: Floats) -> Floats:
    """Return the share of the weight that lies below each patient's level, half of that at it included."""
    at_level = np.bincount(level, weights=share)
    ranks: Floats = (np.cumsum(at_level) - at_level / 2)[level]
    return ranks


def _dot(a: Floats, b: Floats) -> float:
    """Multiply and add without BLAS, whose number of threads would move the last digit."""
    return float(np.einsum("i,i", a, b))


def _exact_at_ends(value: float) -> float:
    """Take off the rounding of a ranking that is right (or wrong) in every pair."""
    return float(round(value)) if min(value, 1 - value) < _ROUNDING else value


def _unbiased(share: Floats) -> Floats:
    """Enlarge shares so that sums of squares have the divisor m - 1, with m the effective number."""
    effective = 1 / _dot(share, share)
    return share * np.sqrt(effective / (effective - 1)) if effective > 1 + 1e-9 else share
