"""Resamples in which a metric is defined: from nearly all of them an error is estimated, from fewer none."""

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.types import Estimate

__all__ = ["unstable", "usable"]

_SHARE = 0.95


def usable(replicates: Floats) -> Floats | None:
    """Return the finite values of a metric in the resamples; None where it is not defined in too many of them."""
    finite = replicates[np.isfinite(replicates)]
    return finite if len(finite) >= _SHARE * len(replicates) else None


def unstable(value: float) -> Estimate:
    """Return an estimate without an interval."""
    return Estimate(value=value, method="none", why="not defined in too many resamples for an interval")
