"""Several rows of one patient: one counts."""

import pandas as pd
import pytest

from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.table import Table
from theragate.study import RepeatedRows

FRAME = pd.DataFrame({"pat": ["b", "a", "b", None, "a", None], "x": range(6)})


@pytest.mark.parametrize(("keep", "rows"), [("first", [0, 1, 3, 5]), ("last", [2, 3, 4, 5])])
def test_one_row_of_each_patient_is_kept_and_those_without_an_id_are_left_for_the_check(keep, rows):
    kept = one_row_each(Table.of(FRAME), "pat", RepeatedRows(keep=keep, reason="A test.")).frame()
    assert kept["x"].tolist() == rows
    assert list(kept.index) == list(range(4))


def test_nothing_happens_that_is_not_declared():
    table = Table.of(FRAME)
    assert one_row_each(table, "pat", None) is table
    assert one_row_each(table, None, RepeatedRows(keep="first", reason="A test.")) is table
