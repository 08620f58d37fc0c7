"""Arithmetic that answers NaN where a number is not defined, and never warns."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "log", "logit", "ratio"]

Floats: TypeAlias = NDArray[np.float64]

# Predicted risks of exactly 0 and 1 have no logit; they count as this far from certainty.
_NEAREST = 1e-6


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is not above 0."""
    result: Floats = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def log(values: Floats) -> Floats:
    """Return the natural logarithm; NaN where the value is not above 0."""
    result: Floats = np.full(values.shape, np.nan)
    np.log(values, out=result, where=values > 0)
    return result


def logit(risk: Floats) -> Floats:
    """Return the log odds of risks, which are first moved to at least 1e-6 from 0 and 1."""
    inside = np.clip(risk, _NEAREST, 1 - _NEAREST)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds
