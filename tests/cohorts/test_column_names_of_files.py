"""To know its columns, no more of a file is read than its beginning."""

import pandas as pd
import pyreadstat
import pytest
from cohorts.workbooks import write_workbook

from theragate.cohorts.sources import later_file
from theragate.cohorts.sources._excel import sheet_rows
from theragate.cohorts.sources._later_patients import _names
from theragate.errors import DataError

FRAME = pd.DataFrame({"age": [50.0, 61.0], "sex": ["f", "m"]})
BELOW = "50,f\n" * 2**19  # more than is read at once


@pytest.mark.parametrize("unreadable", [b"\xff\xfe\n", b'"50,f\n', b"50,f,too,long\n"])
def test_lines_far_below_the_header_of_a_text_file_are_not_looked_at(tmp_path, unreadable):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbfage,sex,\n" + BELOW.encode() + unreadable)
    assert _names(path, later_file(None, "csv"), "`table.csv`") == ["age", "sex"]


def test_a_text_file_without_its_header_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\nage,sex\n")
    with pytest.raises(DataError, match="line 1 holds the names of the columns; received an empty line"):
        _names(path, later_file(None, "csv"), "`table.csv`")


def test_of_a_sheet_the_lines_above_the_patients_are_cells(tmp_path):
    path = tmp_path / "table.xlsx"
    write_workbook(path, {"one": [["age", "sex"], [50, "f"], [61, "m"]]})
    assert len(sheet_rows(path, "one", subject="x", most=1)) == 1
    assert _names(path, later_file(None, "excel"), "x") == ["age", "sex"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("table.sav", pyreadstat.write_sav),
        ("table.por", pyreadstat.write_por),
        ("table.dta", pyreadstat.write_dta),
        ("table.xpt", pyreadstat.write_xport),
        ("table.parquet", lambda frame, path: frame.to_parquet(path)),
    ],
)
def test_other_files_say_it_themselves(tmp_path, name, write):
    path, kinds = tmp_path / name, {"sav": "spss", "por": "spss", "dta": "stata", "xpt": "sas"}
    write(FRAME, path)
    kind = kinds.get(path.suffix[1:], path.suffix[1:])
    assert [column.lower() for column in _names(path, later_file(None, kind), "x")] == ["age", "sex"]
