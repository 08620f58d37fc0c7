"""Workbooks: sheets, dates, errors, formulas, and what a spreadsheet makes of texts."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cohorts.workbooks import Day, Error, Formula, write_workbook

from theragate.cohorts.sources import read_table_file
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.errors import DataError

HEADER = ["nr", "age", "bmi", "sex", "seen"]
ROWS = [[f"{n:03d}", 40 + n, 20.5 + n / 8, "f" if n % 2 else "m", Day(43600 + n)] for n in range(20)]


def found(path: Path, sheets: dict[str, Any], *, hidden: Any = (), **options: Any) -> tuple[DraftedForm, pd.DataFrame]:
    write_workbook(path, sheets, hidden=hidden)
    form = find_form(path, ReadingOptions(**options), subject="the file")
    return form, read_table_file(path, form.spec(), subject="the file", companions=form.companion)


def column(tmp_path: Path, cells: list[Any], **options: Any) -> tuple[DraftedForm, pd.Series]:
    rows = [["n", "x"], *([number, cell] for number, cell in enumerate(cells))]
    form, frame = found(tmp_path / "t.xlsx", {"S": rows}, **options)
    return form, frame["x"]


def test_the_visible_sheet_is_read_with_its_numbers_dates_and_texts(tmp_path):
    sheets = {"Notes": [["old", "data"], [1, 2]], "Empty": [], "Patients": [HEADER, *ROWS]}
    form, frame = found(tmp_path / "t.XLSX", sheets, hidden=["Notes"])
    assert form.entry["sheet"] == "Patients"
    assert form.entry["columns"] == {"seen": {"date": "ISO8601"}}
    assert form.entry["text"] == ["nr", "sex"]
    assert frame["nr"].tolist()[:2] == ["000", "001"]
    assert frame["bmi"].tolist() == [row[2] for row in ROWS]
    assert frame["seen"].tolist()[0] == "2019-05-15"


def test_of_several_sheets_one_has_to_be_named(tmp_path):
    sheets = {"A": [HEADER, *ROWS], "B": [["x", "y"], [1, 2], [3, 4]]}
    with pytest.raises(DataError, match=r"received 2 visible: `A`, `B`. Give --sheet"):
        found(tmp_path / "t.xlsx", sheets)
    form, frame = found(tmp_path / "t.xlsx", sheets, sheet="B")
    assert frame.columns.tolist() == ["x", "y"]
    with pytest.raises(DataError, match="it has the sheet `C`; received sheets `A`, `B`"):
        found(tmp_path / "t.xlsx", sheets, sheet="C")
    spec = form.spec().model_copy(update={"sheet": None})
    with pytest.raises(DataError, match=r"`source.sheet` names the sheet, unless there is one; received 2: `A`, `B`"):
        read_table_file(tmp_path / "t.xlsx", spec, subject="the file", companions=form.companion)


def test_titles_empty_columns_and_totals_are_no_patients(tmp_path):
    body = [[None, *row] for row in [HEADER, *ROWS]]
    form, frame = found(tmp_path / "t.xlsx", {"S": [["Export"], [], *body, [None, "Total", 1200.0]]})
    assert (form.entry["header"], form.entry["footer"]) == (3, 1)
    assert frame["age"].tolist() == [row[1] for row in ROWS]
    assert frame.columns.tolist() == HEADER


def test_errors_are_words_for_missing_and_formulas_have_values(tmp_path):
    cells = [Formula("A1*2", 7.5), *(n + 0.5 for n in range(20)), Error("#N/A"), Error("#DIV/0!"), "n.d."]
    form, read = column(tmp_path, cells)
    assert form.entry["columns"]["x"]["missing"] == ["#DIV/0!", "#N/A", "n.d."]
    assert (read.tolist()[0], int(read.isna().sum())) == (7.5, 3)
    with pytest.raises(DataError, match="every formula of the sheet has been computed; received 2 cells"):
        column(tmp_path, [Formula("A1*2", None), Formula("A1*3", None), 1.0])


def test_a_text_that_became_a_date_is_refused(tmp_path):
    with pytest.raises(DataError, match="received 1 dates among 20 others"):
        column(tmp_path, ["MARCH1", "TP53"] * 10 + [Day(45536)])
    write_workbook(tmp_path / "t.xlsx", {"S": [["gene"], ["TP53"], [Day(45536)]]})
    form = find_form(tmp_path / "t.xlsx", ReadingOptions(text=("gene",)), subject="the file")
    with pytest.raises(DataError, match="a column of texts holds no date; received 1 of them"):
        read_table_file(form.path, form.spec(), subject="the file", companions=form.companion)


def test_numbers_written_as_texts_with_a_decimal_comma(tmp_path):
    form, read = column(tmp_path, [12.5, "13,5", 14, "1.234,5"] * 5)
    assert read.tolist() == [12.5, 13.5, 14.0, 1234.5] * 5
    assert form.entry["columns"]["x"]["decimal"] == "either" or form.entry["decimal"] == ","


def test_truth_values_and_numbers_as_codes(tmp_path):
    form, read = column(tmp_path, [True, False] * 10)
    assert (form.entry["text"], set(read)) == (["x"], {"TRUE", "FALSE"})
    form, read = column(tmp_path, [1.0, 2.0, "3a"] * 10)
    assert (form.entry["text"], set(read)) == (["x"], {"1", "2", "3a"})


def test_codes_for_missing_are_found_among_numbers_of_a_sheet(tmp_path):
    form, read = column(tmp_path, [*(30 + n for n in range(40)), 999, 999, 999])
    assert form.entry["columns"]["x"]["missing"] == ["999"]
    assert read.isna().sum() == 3


def test_a_file_that_is_no_workbook(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"age,bmi\n1,2\n")
    with pytest.raises(DataError, match="the file is a readable workbook; received a file that is not"):
        find_form(tmp_path / "t.xlsx", ReadingOptions(), subject="the file")
