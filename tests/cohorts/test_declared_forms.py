"""A file is read exactly as its source declares. What does not fit is refused, and no patient's cell is shown."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
from cohorts.declared import WORDS, file, study_folder

from theragate.cohorts.sources import read_source
from theragate.digests import sha256_file
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.errors import ConfigurationError, DataError
from theragate.study import FileSource, parse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return study_folder(tmp_path)


def read(folder: Path, content: str, **more: Any) -> pd.DataFrame:
    (folder / "t.csv").write_text(content, encoding="utf-8")
    spec = parse(FileSource, {"kind": "file", "path": "t.csv", **more} | WORDS, at="source")
    return read_source(spec, folder.parent.parent, study="s").frame


def numbers(cells: list[str]) -> str:
    return "x;n\n" + "".join(f"{cell};{number}\n" for number, cell in enumerate(cells))


MEASURED = [f"{n}.5" for n in range(20)]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["fehlt", "."], "received `fehlt`, `.`, in 2 cells, among 22"),
        ([">200"], "received `>200`, in 1 cells"),
        (["12,5", "1.234,5"], "received `99,9`, `9.999,9`, in 2 cells"),
        (["Muster", "Müller"], "received `aaaaaa`, in 2 cells"),
        (["hemolysed"] * 11, "received `hemolysed`, in 11 cells"),
        (["inf"], "received `inf`, in 1 cells"),
        (["2024-01-31"], "received `9999-99-99`"),
    ],
)
def test_a_column_that_is_not_under_text_holds_numbers(cells, shown, folder):
    with pytest.raises(DataError, match=r"column `x`: it holds numbers, as it is not under `source.text`") as caught:
        read(folder, numbers(MEASURED + cells), separator=";")
    assert shown in str(caught.value)
    assert "M" not in str(caught.value).replace("MEASURED", "")
    assert read(folder, numbers(MEASURED + cells), separator=";", text=["x"])["x"].nunique() > 20


@pytest.mark.parametrize("cells", [["007", "008"], ["1234567890123456"]])
def test_codes_that_numbers_would_not_keep_are_refused(cells, folder):
    with pytest.raises(DataError, match="codes with zeros in front or more than 15 digits"):
        read(folder, numbers(["1", *cells]), separator=";")


def test_what_is_declared_is_read(folder):
    columns = {
        "x": {"decimal": ",", "thousands": ".", "missing": ["fehlt", "-9"], "inequalities": "bound"},
        "y": {"inequalities": "missing"},
        "d": {"date": "%d.%m.%Y"},
    }
    rows = ["x;y;d", "1.234,5;>5;31.01.2024", "fehlt;3;", "-9,0;4;1.2.2024", ">200;<=1;n"]
    frame = read(folder, "\n".join(rows), separator=";", columns=columns, missing=["n"])
    assert frame["x"].tolist()[::3] == [1234.5, 200.0]
    assert frame["x"].isna().tolist() == [False, True, True, False]
    assert frame["y"].isna().tolist() == [True, False, False, True]
    assert frame["d"].tolist()[0] == "2024-01-31"
    assert frame["d"].isna().tolist() == [False, True, False, True]


def test_only_what_is_declared_is_missing(folder):
    content = "word;n\nNA;1\nNone; \n null ;3\n"
    assert read(folder, content, separator=";", text=["word"])["word"].tolist() == ["NA", "None", "null"]
    declared = read(folder, content, separator=";", text=["word"], missing=["NA", "null"])
    assert declared["word"].isna().tolist() == [True, False, True]
    assert declared["n"].isna().tolist() == [False, True, False]


def test_spaces_and_letters_in_parts_make_no_other_category(folder):
    frame = read(folder, "geschlecht ;n\nma\u0308nnlich;1\n männlich ;2\n", separator=";", text=["geschlecht"])
    assert frame["geschlecht"].tolist() == ["männlich"] * 2


def test_a_date_of_another_form_is_refused(folder):
    with pytest.raises(DataError, match=r"column `x`: a date is written as `%d.%m.%Y` says; received 1 of 2 cells"):
        read(folder, numbers(["31.01.2024", "01/31/2024"]), separator=";", columns={"x": {"date": "%d.%m.%Y"}})


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("a;b\n1;2\n", {}, r"separated by `,` \(`source.separator`\); received a header without any, but with `;`"),
        ("a,b\n1,2\n3,4,5\n", {}, "as many cells as the header, 2; received 1 of 2 lines that have not"),
        ("a,b\n1,2\n", {"header": 5}, "line 5 holds the names of the columns"),
        ("a,,b\n1,7,2\n", {}, "every column has a name; received 1 without"),
        ("a,b\n1,2\n", {"left_out": ["c"]}, "the column `c` that `source.left_out` names"),
        ("a,b\n1,2\n", {"columns": {"c": {"missing": ["9"]}}}, "the column `c` that `source.columns` names"),
        ("a,b\n1,2\n", {"footer": 1}, "0 rows and 2 columns"),
    ],
)
def test_a_layout_that_is_not_as_declared_is_refused(content, more, message, folder):
    with pytest.raises(DataError, match=message):
        read(folder, content, **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"sheet": "S"}, r"`sheet` belongs to files of other formats \(excel\), not to csv"),
        ({"path": "t.sav", "header": 2}, "`header` belongs to files of other formats"),
        ({"left_out": ["a"], "text": ["a"]}, "`a` is under `left_out`, so that nothing else is said"),
        ({"text": ["a"], "columns": {"a": {"date": "%Y"}}}, "`a` is under `text`, so that it holds neither"),
        ({"columns": {"a": {"dates": "%Y"}}}, "received an unknown key"),
        ({"dictionary": "../d.csv"}, "a file is named by its path below"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(more, message):
    with pytest.raises(ConfigurationError, match=message):
        parse(FileSource, {"kind": "file", "path": "t.csv", **more} | WORDS, at="source")


def test_what_is_left_out_is_not_converted(folder):
    assert read(folder, "a,b\n1,no number\n", left_out=["b"]).columns.tolist() == ["a"]


def test_the_version_names_what_belongs_to_the_file(folder):
    (folder / "d.csv").write_text(
        "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\nrecord,b,text,,,\n",
        encoding="utf-8",
    )
    raw = read_source(file("t.csv", dictionary="d.csv"), folder.parent.parent, study="s")
    digests = [sha256_file(folder / name) for name in ("t.csv", "d.csv")]
    assert raw.version == "sha256:{}, dictionary sha256:{}".format(*digests)


def test_a_long_number_among_decimals_is_no_code(folder):
    assert read(folder, numbers(["1234567890123456", "0.5"]), separator=";")["x"].tolist() == [1234567890123456.0, 0.5]


def test_a_portable_file_of_spss_is_read_and_drafted_as_any_of_spss(folder):
    frame = pd.DataFrame({"RECORD": ["007", "8"], "CODE": [1.0, 2.0], "AGE": [50.0, None]})
    pyreadstat.write_por(frame, folder / "t.por", column_labels={"AGE": "Age in years"})
    spec = file("t.por", id="RECORD", text=("CODE",))
    read = read_source(spec, folder.parent.parent, study="s").frame
    assert read.astype(object).where(read.notna(), None).to_dict("list") == {
        "RECORD": ["007", "8"],
        "CODE": ["1", "2"],
        "AGE": [50.0, None],
    }
    form = find_form(folder / "t.por", ReadingOptions(), subject="t.por")
    assert "an SPSS file" in form.told
    assert form.labels == {"AGE": "Age in years"}
    (folder / "t.por").write_bytes(b"no file of SPSS at all")
    with pytest.raises(DataError, match="the file is readable as what its name says"):
        read_source(spec, folder.parent.parent, study="s")
