"""Codes as they are written, however a column stores them; each value is written once."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.codes import as_codes

COLUMNS = {
    "whole numbers": (pd.Series([3, 1, 3, -2]), ["3", "1", "3", "-2"]),
    "numbers with a missing one": (
        pd.Series([1.0, np.nan, 0.0, -0.0, 2.5, np.inf]),
        ["1", None, "0", "0", "2.5", "inf"],
    ),
    "truth values": (pd.Series([True, False, True]), ["True", "False", "True"]),
    "texts": (pd.Series(["b", None, "a", "b", ""], dtype="str"), ["b", None, "a", "b", ""]),
    "objects that are equal and written apart": (
        pd.Series([1, True, 1.0, None], dtype=object),
        ["1", "True", "1", None],
    ),
    "categories": (pd.Series(["x", None, "y"], dtype="category"), ["x", None, "y"]),
    "nothing known": (pd.Series([np.nan, np.nan]), [None, None]),
    "nobody": (pd.Series([], dtype="float64"), []),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_codes(name: str) -> None:
    column, expected = COLUMNS[name]
    column = column.set_axis([f"row {number}" for number in range(len(column))])
    codes = as_codes(column)
    assert [code if isinstance(code, str) else None for code in codes] == expected
    assert codes.index.equals(column.index)
    one_by_one = [as_codes(column.iloc[[row]].astype(object)).iloc[0] for row in range(len(column))]
    assert [code for code in one_by_one if isinstance(code, str)] == [code for code in codes if isinstance(code, str)]
    if expected and any(expected):
        assert codes.dtype == column.astype(object).map(str, na_action="ignore").dtype
