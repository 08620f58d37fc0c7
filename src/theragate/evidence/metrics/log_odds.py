"""The log odds of risks."""

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["logit"]

# Predicted risks of exactly 0 and 1 have no logit; they count as this far from certainty.
_NEAREST = 1e-6


def logit(risk: Floats) -> Floats:
    """Return the log odds of risks, which are first moved to at least 1e-6 from 0 and 1."""
    inside = np.clip(risk, _NEAREST, 1 - _NEAREST)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds
