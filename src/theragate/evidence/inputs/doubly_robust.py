"""Doubly robust scores: for each patient a number whose mean, in any group of patients, is their mean effect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.metrics.censoring import LEAST_OBSERVED

__all__ = ["Nuisances", "censoring_weights", "doubly_robust_scores", "uncensored_values"]

Floats = NDArray[np.float64]

_ROUNDING = 1e-12  # of sums of hazards


@dataclass(frozen=True)
class Nuisances:
    """What is not of interest itself, and has to be known of each patient, by models that never saw that patient.

    Parameters
    ----------
    control, treated
        Shape (n,): what is expected without and with treatment.
    propensity
        Shape (n,): the chance of treatment, inside (0, 1).
    """

    control: Floats
    treated: Floats
    propensity: Floats


def doubly_robust_scores(reached: Floats, treated: NDArray[np.bool_], weight: Floats, nuisances: Nuisances) -> Floats:
    """Return augmented inverse-probability-weighted scores of the effect of treatment, shape (n,).

    The mean of the scores is the mean effect if either the expected outcomes or the propensities are right (Robins,
    Rotnitzky, Zhao, J Am Stat Assoc 1994;89:846), and their error is no larger than the product of both errors.

    Parameters
    ----------
    reached
        Shape (n,): what each patient reached, higher being better; any finite number where it is not known.
    treated
        Shape (n,).
    weight
        Shape (n,): 1 without censoring; else from `censoring_weights`, 0 for who was not followed long enough.
    nuisances
        Of these patients.
    """
    expected = np.where(treated, nuisances.treated, nuisances.control)
    chance = np.where(treated, nuisances.propensity, nuisances.propensity - 1)
    return nuisances.treated - nuisances.control + weight * (reached - expected) / chance


def censoring_weights(
    time: Floats,
    event: NDArray[np.bool_],
    treated: NDArray[np.bool_],
    *,
    horizon: float,
    among: NDArray[np.bool_],
    hazard: Floats | None = None,
) -> Floats:
    """Return inverse probabilities of being uncensored, estimated within each arm, shape (n,).

    The weight of a patient with the event by `horizon` is 1 / P(censored no earlier than the event), that of a patient
    followed beyond it 1 / P(censored after it); 0 for all others, whose outcome is not known. The mean of a weighted
    outcome is then that without censoring (Robins, Finkelstein, Biometrics 2000;56:779), if within an arm censoring
    tells nothing about the outcome; with hazards, if it tells nothing among patients whose features are the same. The
    estimates are those of `theragate.evidence.metrics.censoring`.

    Parameters
    ----------
    time, event, treated
        Shape (n,): the follow-up, whether it ended with the event, and the arm.
    among
        Shape (n,): the patients from whom the censoring is learned.
    hazard
        Shape (n,): how much sooner than others each patient would be lost, above 0; None where all are alike.
    """
    weights = np.zeros(len(time))
    for arm in (treated, ~treated):
        source = arm & among
        times, free = _censoring(time[source], event[source], None if hazard is None else hazard[source])
        known = arm & ((event & (time <= horizon)) | (time > horizon))
        # An event comes before a censoring at the same time, so that it asks for the chance just before.
        before = np.searchsorted(times, time[known], side="left")
        after = np.searchsorted(times, horizon, side="right")
        step = np.where(time[known] > horizon, after, before)
        chance, smallest = np.append(1.0, free)[step], LEAST_OBSERVED
        if hazard is None:
            # Nobody is left beyond the last censoring: who is known there counts as those just before.
            smallest = free[free > 0].min(initial=1.0)
        else:
            chance = chance ** hazard[known]
        weights[known] = 1 / np.maximum(chance, smallest)
    return weights


def uncensored_values(reached: Floats, treated: NDArray[np.bool_], weight: Floats) -> Floats:
    """Return values whose expectation, given the features and the arm, is that of `reached` without censoring.

    ``mean + weight × (reached - mean)`` with the weighted mean of the arm: a censoring-unbiased transformation (Fan,
    Gijbels, J Am Stat Assoc 1994;89:560), by which learners that know nothing of weights can learn.
    """
    values = np.empty(len(reached))
    for arm in (treated, ~treated):
        mean = float(np.average(reached[arm], weights=weight[arm])) if weight[arm].any() else 0.0
        values[arm] = mean + weight[arm] * (reached[arm] - mean)
    return values


def _censoring(time: Floats, event: NDArray[np.bool_], hazard: Floats | None) -> tuple[Floats, Floats]:
    """Return the times of censoring and the chance of being uncensored after each; with hazards, where it is 1."""
    if hazard is not None:
        return _baseline(time, event, hazard)
    times, counts = np.unique(time[~event], return_counts=True)
    # At risk of being censored at a time: who is followed up to it, without an event at that very time.
    later = len(time) - np.searchsorted(np.sort(time), times, side="left")
    happened = np.searchsorted(np.sort(time[event]), times, side="right")
    happened -= np.searchsorted(np.sort(time[event]), times, side="left")
    return times, np.cumprod(1 - counts / np.maximum(later - happened, 1))


def _baseline(time: Floats, event: NDArray[np.bool_], hazard: Floats) -> tuple[Floats, Floats]:
    """Return the times of censoring, one for each patient lost, and the baseline chance after each."""
    order = np.lexsort((~event, time))
    time, lost, hazard = time[order], ~event[order], hazard[order]
    at_risk = np.cumsum(hazard[::-1])[::-1][lost]
    gone = np.minimum(hazard[lost] / at_risk, 1 - _ROUNDING)
    return time[lost], np.exp(np.cumsum(np.log1p(-gone) / hazard[lost]))
