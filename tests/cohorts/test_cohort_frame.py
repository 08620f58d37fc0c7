"""A cohort in memory is read as one in a file is."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts import cohort_frame
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.cohort_frame import Cohort, CohortFrame, CohortTable, each_column, in_memory_if_small
from theragate.cohorts.parquet import write_table
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.table import Table


@pytest.fixture
def both(tmp_path):
    frame = pd.DataFrame(
        {"patient": list("abcdef"), "age": [1.0, np.nan, 3, 4, 5, 6], "sex": ["f", None, "m", "f", "m", "f"]}
    )
    write_table(tmp_path / "cohort.parquet", frame)
    return CohortFile(tmp_path / "cohort.parquet", "Make it again."), CohortFrame(frame)


@pytest.mark.parametrize("columns", [None, ["sex", "age"], ["age", "no such"], []])
@pytest.mark.parametrize("rows", [None, np.array([1, 4]), np.empty(0, dtype=np.intp)])
def test_it_gives_what_the_file_gives(columns, rows, both):
    file, held = both
    assert len(file) == len(held) == 6
    pd.testing.assert_frame_equal(held.columns, file.columns)
    pd.testing.assert_frame_equal(held.frame(columns, rows), file.frame(columns, rows), check_column_type=False)


def test_few_cells_are_held_and_more_are_not(both, monkeypatch):
    file, held = both
    small: Cohort = in_memory_if_small(file)
    assert isinstance(small, CohortFrame)
    pd.testing.assert_frame_equal(small.table, file.frame())
    monkeypatch.setattr(cohort_frame, "HELD_CELLS", 17)
    assert in_memory_if_small(file) is file
    assert in_memory_if_small(held) is held


@pytest.mark.parametrize("cells", [1, 12, 100])
def test_columns_come_in_their_order_however_many_are_read_at_once(cells, both, monkeypatch):
    monkeypatch.setattr(cohort_frame, "FEW_CELLS", cells)
    names = ["sex", "patient", "age"]
    for cohort in both:
        columns = list(each_column(cohort, names))
        pd.testing.assert_frame_equal(pd.concat(columns, axis=1), both[0].frame(names))


@pytest.mark.parametrize("columns", [None, ["sex", "age"], ["age", "no such"], []])
@pytest.mark.parametrize("rows", [None, np.array([1, 4]), np.empty(0, dtype=np.intp)])
def test_columns_that_wait_in_a_file_without_a_name_are_read_as_well(columns, rows, both, tmp_path):
    held = both[1]
    with Scratch(tmp_path, in_memory=0) as scratch:
        waiting = CohortTable(Table.read(((name, held.table[name]) for name in held.table), scratch))
        assert len(waiting) == 6
        pd.testing.assert_frame_equal(waiting.columns, held.columns)
        pd.testing.assert_frame_equal(waiting.frame(columns, rows), held.frame(columns, rows), check_column_type=False)
