"""The outcome of treated patients and controls, freed from censoring by inverse probability weights."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome, Treated, censored_part
from theragate.evidence.inputs.doubly_robust import censoring_weights, uncensored_values

__all__ = ["inverse_censoring_weights", "uncensored_outcome"]


def inverse_censoring_weights(outcome: Outcome, development: Outcome) -> NDArray[np.float64]:
    """Return the weight of each patient of `outcome`, (n,); the censoring is learned from `development`.

    Where both have hazards of being lost (see `theragate.learning.censoring_model`), weights follow the features.
    """
    parts = censored_part(outcome), censored_part(development)
    if parts[0] is None or parts[1] is None:
        return np.ones(len(outcome))
    time, event = (np.concatenate([getattr(part, name) for part in parts]) for name in ("time", "event"))
    treated = np.concatenate([_arms(outcome), _arms(development)])
    hazards = [part.hazard for part in parts if part is not None and part.hazard is not None]
    source = np.arange(len(time)) >= len(outcome)
    weights = censoring_weights(
        time,
        event,
        treated,
        horizon=parts[0].horizon,
        among=source,
        hazard=np.concatenate(hazards) if len(hazards) == len(parts) else None,
    )
    return weights[: len(outcome)]


def _arms(outcome: Outcome) -> NDArray[np.bool_]:
    return outcome.treated if isinstance(outcome, Treated) else np.zeros(len(outcome), dtype=np.bool_)


def uncensored_outcome(outcome: Treated) -> NDArray[np.float64]:
    """Return what each patient reached, freed from censoring, shape (n,): what effects are learned from."""
    return uncensored_values(outcome.reached, outcome.treated, inverse_censoring_weights(outcome, outcome))
