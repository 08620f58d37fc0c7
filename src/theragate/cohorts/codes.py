"""Codes as they are written in ``params.yaml``, however a column stores them."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from theragate.cohorts.texts import in_place_of

__all__ = ["as_codes"]


def as_codes(column: pd.Series) -> pd.Series:
    """Return the values of a column as text, and the unknown as missing.

    A whole number is written as one: a CSV column of the codes 0 and 1 that lacks a value is stored as 0.0 and 1.0.
    """
    if column.dtype == "str":
        return column
    if column.dtype == object:
        return column.map(_text, na_action="ignore")
    if pd.api.types.is_integer_dtype(column):
        array = pa.array(column, from_pandas=True).cast(pa.large_string())
    else:
        code, values = pd.factorize(column)  # each value is written once
        texts = [_text(value) for value in pd.Series(values).astype(object)]
        array = pa.array(texts, pa.large_string()).take(pa.array(code, mask=code < 0))
    return in_place_of(column, array)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float | np.floating) and value.is_integer() else str(value)
