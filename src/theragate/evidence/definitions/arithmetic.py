"""Arithmetic that answers NaN where a number is not defined, and never warns."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "log", "ratio"]

Floats: TypeAlias = NDArray[np.float64]


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
