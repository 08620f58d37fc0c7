"""What treated patients and controls reached, freed from censoring."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored, Treated
from theragate.evidence.scores import censoring_weights, uncensored_values

__all__ = ["learned_values", "weights_of"]


def weights_of(outcome: Treated, development: Treated) -> NDArray[np.float64]:
    """Return the weight of each patient of `outcome`, (n,); the censoring is learned from `development`."""
    if not isinstance(outcome.measured, Censored) or not isinstance(development.measured, Censored):
        return np.ones(len(outcome))
    both = (outcome, development)
    time = np.concatenate([part.measured.time for part in both if isinstance(part.measured, Censored)])
    event = np.concatenate([part.measured.event for part in both if isinstance(part.measured, Censored)])
    treated = np.concatenate([part.treated for part in both])
    source = np.arange(len(time)) >= len(outcome)
    found = censoring_weights(time, event, treated, horizon=outcome.measured.horizon, among=source)
    return found[: len(outcome)]


def learned_values(outcome: Treated) -> NDArray[np.float64]:
    """Return what is learned from, (n,): what each patient reached, freed from censoring."""
    return uncensored_values(outcome.reached, outcome.treated, weights_of(outcome, outcome))
