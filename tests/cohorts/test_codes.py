"""A code is the same text however it is stored."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.codes import as_codes


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([1, 0], ["1", "0"]),
        ([1.0, np.nan, -2.0], ["1", None, "-2"]),
        ([0.5, np.inf], ["0.5", "inf"]),
        ([True, False], ["True", "False"]),
        (["01", "1.0", None], ["01", "1.0", None]),
        (pd.array([1, None], dtype="Int64"), ["1", None]),
        (pd.Categorical([1.0, 2.0, None]), ["1", "2", None]),
        (["a", 1.0], ["a", "1"]),
        ([None, None], [None, None]),
    ],
)
def test_codes(values, codes):
    found = as_codes(pd.Series(values))
    assert [None if pd.isna(code) else code for code in found] == codes
