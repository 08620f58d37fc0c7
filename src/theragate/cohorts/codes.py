"""Codes as they are written in ``params.yaml``, however a column stores them."""

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["as_codes"]


def as_codes(column: pd.Series) -> pd.Series:
    """Return the values of a column as text, and the unknown as missing.

    A whole number is written as one: a CSV column of the codes 0 and 1 that lacks a value is stored as 0.0 and 1.0.
    """
    if column.dtype == object:  # in which True and 1 are two values
        return column.map(_text, na_action="ignore")
    places, values = pd.factorize(column, use_na_sentinel=False)
    texts = pd.Series(values).astype(object).map(_text, na_action="ignore")
    codes = texts.take(places).set_axis(column.index)
    codes.name = column.name
    return codes


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float | np.floating) and value.is_integer() else str(value)
