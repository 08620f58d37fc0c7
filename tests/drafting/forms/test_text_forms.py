"""The form of text files is found as a person would find it, and what is found reads the file."""

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from theragate.cohorts.sources import read_table_file
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.errors import DataError
from theragate.study import format_of

ROWS = [(f"{number:03d}", 30 + number % 50, 20.5 + number / 8, "m" if number % 3 else "f") for number in range(40)]


def lines(separator: str = ",", *, decimal: str = ".", sex: dict[str, str] | None = None) -> list[str]:
    named = sex or {"m": "m", "f": "f"}
    cells = [(number, str(age), f'"{bmi}"'.replace(".", decimal), named[code]) for number, age, bmi, code in ROWS]
    body = [separator.join(row) for row in cells]
    return [separator.join(["nr", "age", "bmi", "sex"]), *body]


def found(path: Path, content: bytes | str, **options: Any) -> tuple[DraftedForm, pd.DataFrame]:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    form = find_form(path, ReadingOptions(**options), subject="the file")
    return form, read_table_file(path, form.spec(), subject="the file", companions=form.companion)


def text(rows: list[str]) -> str:
    return "\n".join(rows) + "\n"


def column(tmp_path: Path, cells: list[str], **options: Any) -> tuple[dict[str, Any], pd.Series, list[str]]:
    """Find the form of one column beside one of plain numbers; return what is declared, what is read, what is said."""
    rows = ["x;n", *(f'"{cell}";{number}' for number, cell in enumerate(cells))]
    form, frame = found(tmp_path / "c.csv", text(rows), **({"decimal": "."} | options))
    entry = form.entry.get("columns", {}).get("x", {}) | {"text": "x" in form.entry.get("text", [])}
    return entry, frame["x"], form.told


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp850", "mac_roman"])
def test_separator_decimal_mark_and_encoding_are_found(separator, decimal, encoding, tmp_path):
    rows = lines(
        separator, decimal=decimal, sex={"m": "männlich", "f": "weiblich ♀" if encoding[:3] == "utf" else "übrig"}
    )
    form, frame = found(tmp_path / "t.csv", text(rows).encode(encoding))
    assert form.entry.get("separator", ",") == separator
    assert form.entry.get("decimal", ".") == decimal
    assert frame["bmi"].tolist() == [bmi for _, _, bmi, _ in ROWS]
    assert frame["age"].dtype == "int64"
    assert set(frame["sex"]) == {"männlich", "weiblich ♀" if encoding[:3] == "utf" else "übrig"}
    assert frame["nr"].tolist() == [number for number, *_ in ROWS]
    assert form.entry["text"] == ["nr", "sex"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [("t.csv.gz", gzip.compress), ("t.CSV.bz2", bz2.compress), ("t.tsv.xz", lzma.compress), ("T.TXT", bytes)],
)
def test_packed_files_and_other_endings(name, pack, tmp_path):
    form, frame = found(tmp_path / name, pack(text(lines("\t")).encode()))
    assert len(frame) == len(ROWS)
    assert form.entry["path"] == name


def test_a_zip_file_holds_one_table(tmp_path):
    path = tmp_path / "t.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.csv", text(lines()))
        archive.writestr("__MACOSX/._inside.csv", "")
    _, frame = found(path, path.read_bytes())
    assert len(frame) == len(ROWS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.csv", "a,b\n")
    with pytest.raises(DataError, match="a packed table is one file; received an archive of 2"):
        found(path, path.read_bytes())
    with pytest.raises(DataError, match="can be unpacked; received one that cannot"):
        found(path, path.read_bytes()[:80])


@pytest.mark.parametrize("name", ["Export 01.03.2024.zip", "labs.zip", "labs.GZ"])
def test_a_packed_file_may_be_named_after_its_pack_alone(name, tmp_path):
    path = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside.csv", text(lines()))
    else:
        path.write_bytes(gzip.compress(text(lines()).encode()))
    form, frame = found(path, path.read_bytes())
    assert (len(frame), form.entry["path"]) == (len(ROWS), name)


def test_a_packed_workbook_is_refused_by_what_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("inside.xlsx", "PK")
    with pytest.raises(DataError, match=r"an archive with a file `\*\.xlsx`\. Unpack it"):
        find_form(tmp_path / "t.zip", ReadingOptions(), subject="the file")
    assert format_of("t.tar.gz") is None


@pytest.mark.parametrize(
    ("cells", "unit", "first"),
    [
        ([f"{70 + n / 8} kg" for n in range(40)], "kg", 70.0),
        ([f"{n}%" for n in range(40)], "%", 0.0),
        ([f"{n} %" for n in range(5)] * 8, "%", 0.0),
        ([f">{n} mg/l" if n % 7 == 0 else f"{n}.5mg/L" for n in range(40)], "mg/L", 0.0),
        ([f"{n},5 10^9/l" for n in range(40)], "10^9/l", 0.5),
        ([f"1.{n:03},5 µmol/l" for n in range(40)], "µmol/l", 1000.5),
        ([f"{n}.25 kg/m²" for n in range(39)] + ["n.d."], "kg/m²", 0.25),
        ([f"{n}h" for n in range(40)], "h", 0.0),
    ],
)
def test_numbers_with_their_unit_stay_numbers(cells, unit, first, tmp_path):
    declared, read, told = column(tmp_path, cells)
    assert (declared["unit"], declared["text"]) == (unit, False)
    assert (read.dtype, read[0]) == ("float64" if read.isna().any() or read[0] % 1 or first else read.dtype, first)
    assert f"`x`: numbers with the unit `{unit}`" in told
    assert not any("absent" in line for line in told)


def test_numbers_without_the_unit_of_the_others_are_asked_about(tmp_path):
    declared, read, told = column(tmp_path, [f"{n}.5 mg/l" if n % 3 else f"{n}.5" for n in range(40)])
    assert read.tolist() == [n + 0.5 for n in range(40)]
    assert declared["note"] == "REVIEW: numbers without `mg/l` were taken to be of the same unit. Are they?"
    assert "`x`: `mg/l` is absent in 14 cells" in told


def test_numbers_of_two_units_are_refused(tmp_path):
    cells = [f"{70 + n} kg" for n in range(30)] + [f"{150 + n} lb" for n in range(12)]
    with pytest.raises(DataError, match=r"one unit; received `kg` in 30, `lb` in 12 cells\. Convert them"):
        column(tmp_path, cells)
    assert column(tmp_path, cells, text=("x",))[1].nunique() == 42


@pytest.mark.parametrize("cells", [["1a", "1b", "2a", "2b"] * 10, ["3A", "4A"] * 20, ["I20", "I21"] * 20])
def test_stages_and_codes_are_no_units(cells, tmp_path):
    declared, read, _ = column(tmp_path, cells)
    assert declared == {"text": True}
    assert set(read) == set(cells)


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        ([f"{120 + n}/{70 + n}" for n in range(40)], "cells of two numbers were read as categories"),
        ([f"{n}/{n + 1}" for n in range(40)], "Are they dates or fractions?"),
        (
            [f"{n} {'ca.' if n % 2 else '(?)'}" for n in range(40)],
            "cells of a number and more were read as categories",
        ),
    ],
)
def test_numbers_that_become_categories_are_told(cells, asked, tmp_path):
    declared, _, told = column(tmp_path, cells)
    assert declared["text"]
    assert asked in declared["note"]
    assert any(line.startswith("`x`: ") and "read as categories" in line and "REVIEW" not in line for line in told)


def test_titles_totals_and_names_of_rows(tmp_path):
    body = lines(";")
    table = ["Export of the study;;;", "made on 01.02.2026;;;", "", *body, "Summe;2180;;", "Stand: heute, Station 3;;;"]
    form, frame = found(tmp_path / "t.csv", text(table))
    assert (form.entry["header"], form.entry["footer"]) == (4, 2)
    assert form.entry["note"].startswith("REVIEW: the last 2 lines were taken for totals")
    assert frame["nr"].tolist() == [number for number, *_ in ROWS]


@pytest.mark.parametrize("header", ['"","a","b"', '"a","b"'])
def test_names_of_rows_are_left_out(header, tmp_path):
    form, frame = found(tmp_path / "t.csv", text([header, *(f'"{n}",{n * 2},{n * 3}' for n in range(1, 20))]))
    assert form.entry["row_names"] is True
    assert "note" not in form.entry
    assert frame.columns.tolist() == ["a", "b"]
    assert frame["b"].tolist() == [n * 3 for n in range(1, 20)]
    named, _ = found(tmp_path / "t.csv", text([header, *(f'"P-{n}",{n * 2},{n * 3}' for n in range(1, 20))]))
    assert "If it names the patients" in named.entry["note"]


def test_names_of_rows_beside_one_column_are_no_title(tmp_path):
    form, frame = found(tmp_path / "t.csv", text([",ill", *(f"{n},{'yes' if n % 3 else 'no'}" for n in range(1, 20))]))
    assert form.entry["row_names"] is True
    assert frame.columns.tolist() == ["ill"]


def test_a_patient_is_no_header_and_no_cell_of_one_is_shown(tmp_path):
    rows = [f"{n + 0.5},{'yes' if n % 3 else 'no'}" for n in range(20)]
    with pytest.raises(DataError, match="none: the first holds numbers") as caught:
        found(tmp_path / "t.csv", text(rows))
    assert "0.5" not in str(caught.value)


def test_a_separator_at_the_end_of_lines_makes_no_column(tmp_path):
    for header in ("a,b,", "a,b"):
        form, frame = found(tmp_path / "t.csv", text([header, *(f"{n},{n * 3}," for n in range(20))]))
        assert "row_names" not in form.entry
        assert frame.columns.tolist() == ["a", "b"]


def test_words_for_missing_among_numbers(tmp_path):
    cells = [f"{n}.5" for n in range(40)] + ["fehlt", " n.d. ", ".", "", "k. A.", "NA"]
    entry, read, told = column(tmp_path, cells)
    assert entry == {"missing": [".", "NA", "fehlt", "k. A.", "n.d."], "text": False}
    assert read.isna().sum() == 6
    assert read.dtype == "float64"
    assert any("`fehlt` in 1 cells" in line for line in told)


@pytest.mark.parametrize(
    ("cells", "values", "declared"),
    [
        (["1.234,5", "12,5", "0,25"], [1234.5, 12.5, 0.25], {"decimal": ",", "thousands": "."}),
        (["1,234.5", "12.5", "0.25"], [1234.5, 12.5, 0.25], {"decimal": ".", "thousands": ","}),
        (["1 234,5", "12,5", "7"], [1234.5, 12.5, 7.0], {"decimal": ",", "thousands": " "}),
        (["1\u202f234,5", "12,5", "7"], [1234.5, 12.5, 7.0], {"decimal": ",", "thousands": " "}),
        (["1'234.5", "12.5", "7"], [1234.5, 12.5, 7.0], {"decimal": ".", "thousands": "'"}),
        (["12,5", "12.5", "7"], [12.5, 12.5, 7.0], {"decimal": "either"}),
        (["1e-3", "2.5E2", "−7.5"], [0.001, 250.0, -7.5], {}),
    ],
)
def test_numbers_in_the_ways_people_write_them(cells, values, declared, tmp_path):
    entry, read, _ = column(tmp_path, cells * 5)
    assert {key: value for key, value in entry.items() if key not in {"text", "note"}} == declared
    assert read.tolist() == values * 5
    assert ("note" in entry) == (declared.get("decimal") == "either")


def test_thousands_that_may_be_decimals_are_asked_about(tmp_path):
    entry, read, _ = column(tmp_path, ["1,765", "6,181", "850"] * 5)
    assert read.tolist() == [1765, 6181, 850] * 5
    assert entry["note"].startswith("REVIEW: numbers such as `1,234` were read as 1234. Is it right")


def test_bounds_are_read_as_the_bound_and_asked_about(tmp_path):
    entry, read, told = column(tmp_path, [str(n) for n in range(60, 90)] + [">200", "< 5", "≥90"])
    assert read.tolist()[-3:] == [200, 5, 90]
    assert entry["inequalities"] == "bound"
    assert entry["note"].startswith("REVIEW: ")
    assert any("`>200`" in line for line in told)


def test_codes_for_missing_are_found_by_value(tmp_path):
    pressure = [str(60 + n % 50) for n in range(200)] + ["-9"] * 25
    entry, read, told = column(tmp_path, pressure)
    assert (entry["missing"], int(read.isna().sum())) == (["-9"], 25)
    assert entry["note"] == "REVIEW: `-9` stands alone among its numbers and was taken for missing. Is it?"
    assert any("in 25 cells" in line for line in told)
    entry, read, _ = column(tmp_path, pressure, missing=("-9.0",))
    assert entry == {"text": False}
    assert read.isna().sum() == 25


def test_a_rare_word_that_nobody_knows_is_asked_about_and_not_repeated(tmp_path):
    cells = [str(n) for n in range(40)] + ["Muster", "12x"]
    with pytest.raises(DataError, match=r"received `aaaaaa`, `99a`, in 2 cells, among 40 numbers.*--missing") as caught:
        column(tmp_path, cells)
    assert "Muster" not in str(caught.value)
    entry, read, _ = column(tmp_path, cells, missing=("Muster", "12x"))
    assert read.isna().sum() == 2
    entry, read, _ = column(tmp_path, cells, text=("x",))
    assert entry["text"]
    frequent, read, _ = column(tmp_path, [str(n) for n in range(40)] + ["hemolytic"] * 11)
    assert (frequent["missing"], read.isna().sum()) == (["hemolytic"], 11)
    assert frequent["note"].startswith("REVIEW: `hemolytic` among its numbers was taken for missing")


def test_codes_stay_texts(tmp_path):
    for cells in (["1", "2", "3a", "3b"], ["I", "II", "NA"], ["007", "012", "100"], ["+", "-"], ["TRUE", "FALSE"]):
        entry, read, _ = column(tmp_path, cells * 5)
        assert entry["text"]
        assert set(read.dropna()) == set(cells) - {"NA"}
    entry, _, _ = column(tmp_path, ["1/2", "2/3"] * 8)
    assert entry["note"] == "REVIEW: cells such as `1/2` were read as categories. Are they dates or fractions?"
    entry, read, _ = column(tmp_path, ["DE", "FR", "NA"] * 8)
    assert "Is it one of them?" in entry["note"]
    assert read.isna().sum() == 8


@pytest.mark.parametrize(
    ("cells", "form", "first"),
    [
        (["13.06.2019", "01.02.2020"], "%d.%m.%Y", "2019-06-13"),
        (["6/13/2019", "1/2/2020"], "%m/%d/%Y", "2019-06-13"),
        (["2019/06/13", "2020/02/01"], "%Y/%m/%d", "2019-06-13"),
        (["20190613", "20200201"], "%Y%m%d", "2019-06-13"),
        (["2019-06-13", "2020-02-01T10:11:12Z"], "ISO8601", "2019-06-13"),
        (["13.06.2019 08:30", "01.02.2020 17:05"], "%d.%m.%Y %H:%M", "2019-06-13"),
        (["13-Jun-2019", "01-Feb-2020"], "%d-%b-%Y", "2019-06-13"),
        (["13JUN2019", "01FEB2020"], "%d%b%Y", "2019-06-13"),
        (["Jun 13, 2019", "Feb 1, 2020"], "%b %d, %Y", "2019-06-13"),
        (["Jun 2019", "Feb 2020"], "%b %Y", "2019-06-01"),
        (["June 2019", "February 2020"], "%B %Y", "2019-06-01"),
        (["Jun-19", "Feb-20"], "%b-%y", "2019-06-01"),
        (["2019-06", "2020-02"], "%Y-%m", "2019-06-01"),
        (["06/2019", "2/2020"], "%m/%Y", "2019-06-01"),
        (["06.2019", "02.2020"], "%m.%Y", "2019-06-01"),
        (["13.06.19", "01.02.20"], "%d.%m.%y", "2019-06-13"),
        (["13-Jun-19", "01-Feb-20"], "%d-%b-%y", "2019-06-13"),
    ],
)
def test_dates_in_the_ways_people_write_them(cells, form, first, tmp_path):
    entry, read, _ = column(tmp_path, [*cells, "", "unbekannt"] * 5)
    assert entry["date"] == form
    assert read.tolist()[0] == first
    assert read.isna().sum() == 10
    assert ("note" in entry) == form.endswith("%y")


def test_the_order_of_day_and_month_is_asked_about_or_said(tmp_path):
    cells = ["01.02.2024", "03.04.2024"] * 5
    entry, read, _ = column(tmp_path, cells)
    assert (entry["date"], read[0]) == ("%d.%m.%Y", "2024-02-01")
    assert entry["note"].startswith("REVIEW: dates were read with the day first; no date tells whether it is the month")
    entry, read, _ = column(tmp_path, cells, date="mdy")
    assert (entry["date"], read[0]) == ("%m.%d.%Y", "2024-01-02")
    assert "note" not in entry


def test_dates_in_several_forms_are_refused(tmp_path):
    with pytest.raises(DataError, match="dates are written in one form; received 20 cells"):
        column(tmp_path, ["13.06.2019", "2019-06-14"] * 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,a\n1,2\n", "`a` more than once"),
        ("a,b\n1,inf\n2,3\n", "column `b`: a number is finite or missing; received 1 infinite values"),
        ("1.5,2.5,2.5\n3.5,4.5,1\n", "a line above the patients names the columns; received none"),
        ("2,0,2\n3,4,1\n", "a line above the patients names the columns; received none"),
        ("3,2,up\n1.5,2.5,1,5.5,c,d\n3.5,4.5,2,6.5,c,d\n", "a line above the patients"),
        ("\n\n", "no line with cells"),
        ("a,b\n1,2\n3\n", "as many cells as the header, 2; received 1 of 2 lines that have not"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        found(tmp_path / "t.csv", content)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "klingon"}, "the encoding `klingon`; received a name that Python does not know"),
        ({"separator": "::"}, r"readable CSV with a header line; received a file that is not \(ValueError\)"),
        ({"encoding": "ascii"}, "the encoding `ascii`; received bytes that are not"),
    ],
)
def test_options_that_cannot_be(options, message, tmp_path):
    with pytest.raises(DataError, match=message):
        found(tmp_path / "t.csv", "a,b\nü,1\n", **options)


def test_a_quote_that_is_never_closed_is_refused(tmp_path):
    rows = [*lines(), '041,50,"20.5,f', *lines()[1:]]
    with pytest.raises(DataError, match="readable CSV with a header line") as caught:
        found(tmp_path / "t.csv", text(rows))
    assert "041" not in str(caught.value)


def test_a_cell_in_quotes_may_hold_lines_and_separators(tmp_path):
    rows = ['a;"b;c"', *(f'{n};"one; ""two""\nthree {n % 2}"' for n in range(30))]
    form, frame = found(tmp_path / "t.csv", text(rows))
    assert form.entry["separator"] == ";"
    assert frame["b;c"][1] == 'one; "two"\nthree 1'


def test_a_column_that_is_dropped_is_never_read(tmp_path):
    form, frame = found(tmp_path / "t.csv", text(lines()), drop=("bmi",))
    assert (form.entry["left_out"], "bmi" in frame) == (["bmi"], False)
    with pytest.raises(DataError, match=r"--drop bni: it names a column.*Did you mean `bmi`\?"):
        found(tmp_path / "t.csv", text(lines()), drop=("bni",))


def test_a_column_with_another_decimal_mark_than_the_file_has_its_own_form(tmp_path):
    rows = ["a;b;c;d", *(f"{n},5;{n},25;{n}.75;{n}" for n in range(20))]
    form, frame = found(tmp_path / "t.csv", text(rows))
    assert (form.entry["decimal"], form.entry["columns"]) == (",", {"c": {"decimal": "."}})
    assert frame.iloc[3].tolist() == [3.5, 3.25, 3.75, 3.0]


def test_a_code_in_the_outcome_is_kept_and_asked_about(tmp_path):
    entry, read, _ = column(tmp_path, [*map(str, range(30, 80)), "999", "999"], outcome=("x",))
    assert (read.max(), "missing" in entry) == (999, False)
    assert entry["note"] == "REVIEW: a number that looks like a code stands alone; it was kept. Is it a value?"


def test_a_line_of_units_becomes_labels(tmp_path):
    rows = ["nr;age;bmi;sex", ";[years];kg/m²;", *lines(";")[1:]]
    form, frame = found(tmp_path / "t.csv", text(rows))
    assert form.entry["units"] is True
    assert form.labels == {"age": "age, years", "bmi": "bmi, kg/m²"}
    assert frame["bmi"].tolist() == [bmi for _, _, bmi, _ in ROWS]
    words, _ = found(tmp_path / "t.csv", text(["a;b;c", *("x;y;z" for _ in range(20))]))
    assert "units" not in words.entry
