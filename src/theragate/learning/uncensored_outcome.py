"""The outcome of treated patients and controls, freed from censoring by inverse probability weights."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored, Treated
from theragate.evidence.inputs.doubly_robust import censoring_weights, uncensored_values

__all__ = ["inverse_censoring_weights", "uncensored_outcome"]


def inverse_censoring_weights(outcome: Treated, development: Treated) -> NDArray[np.float64]:
    """Return the weight of each patient of `outcome`, (n,); the censoring is learned from `development`."""
    if not isinstance(outcome.measured, Censored) or not isinstance(development.measured, Censored):
        return np.ones(len(outcome))
    both = (outcome, development)
    time = np.concatenate([part.measured.time for part in both if isinstance(part.measured, Censored)])
    event = np.concatenate([part.measured.event for part in both if isinstance(part.measured, Censored)])
    treated = np.concatenate([part.treated for part in both])
    source = np.arange(len(time)) >= len(outcome)
    weights = censoring_weights(time, event, treated, horizon=outcome.measured.horizon, among=source)
    return weights[: len(outcome)]


def uncensored_outcome(outcome: Treated) -> NDArray[np.float64]:
    """Return what each patient reached, freed from censoring, shape (n,): what effects are learned from."""
    return uncensored_values(outcome.reached, outcome.treated, inverse_censoring_weights(outcome, outcome))
