"""Codes as they are written in ``params.yaml``, however a column stores them."""

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["as_codes"]


def as_codes(column: pd.Series) -> pd.Series:
    """Return the values of a column as text, and the unknown as missing.

    A whole number is written as one: a CSV column of the codes 0 and 1 that lacks a value is stored as 0.0 and 1.0.
    """
    if column.dtype == object:  # which may hold 1, 1.0 and True, and they are written apart
        return _written(column)
    places, distinct = pd.factorize(column)
    if not len(distinct):
        return _written(column)
    # Each value is written once, not once for each patient.
    return _written(pd.Series(distinct)).reindex(places).set_axis(column.index)


def _written(column: pd.Series) -> pd.Series:
    return column.astype(object).map(_text, na_action="ignore")


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float | np.floating) and value.is_integer() else str(value)
