"""Files that say what their columns hold: SPSS, Stata, SAS, Parquet. Labels are kept, and nothing vanishes unseen."""

import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from theragate.cohorts.sources import open_spss, read_table_file
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.errors import DataError

N = 40


def found(path: Path, **options: Any) -> tuple[DraftedForm, pd.DataFrame]:
    form = find_form(path, ReadingOptions(**options), subject="the file")
    return form, read_table_file(path, form.spec(), subject="the file", companions=form.companion)


def patients() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "nr": [f"{n:03d}" for n in range(N)],
            "sex": [1.0, 2.0] * (N // 2),
            "age": [-8.0, -9.0, np.nan, *(40.5 + n for n in range(N - 3))],
            "stage": [1.0, 2.0, 3.0, 9.0] * (N // 4),
            "pressure": [999.0, 999.0, *(100.0 + n for n in range(N - 2))],
            "seen": [datetime.date(2020, 1, 1 + n % 28) for n in range(N)],
        }
    )


def spss(path: Path) -> Path:
    pyreadstat.write_sav(
        patients(),
        path,
        column_labels={"age": "Age at admission, years", "sex": "Sex"},
        variable_value_labels={
            "sex": {1: "male", 2: "female"},
            "stage": {1: "I", 2: "II", 3: "III", 9: "unbekannt"},
            "age": {-9: "refused", -8: "not asked"},
        },
        missing_ranges={"age": [{"lo": -9, "hi": -1}]},
    )
    return path


def test_spss_labels_and_user_missing_codes(tmp_path):
    form, frame = found(spss(tmp_path / "t.sav"))
    assert form.entry["text"] == ["sex", "stage"]
    assert frame["sex"].tolist()[:2] == ["male", "female"]
    assert form.entry["columns"]["age"] == {"missing": ["-8", "-9"]}
    assert frame["age"].isna().sum() == 3
    assert form.entry["columns"]["stage"]["note"].startswith("REVIEW: `9` is labelled `unbekannt`")
    assert set(frame["stage"].dropna()) == {"I", "II", "III"}
    assert form.entry["columns"]["pressure"]["missing"] == ["999"]
    assert form.labels == {"age": "Age at admission, years", "sex": "Sex"}
    assert frame["seen"].tolist()[0] == "2020-01-01"
    assert frame["nr"].tolist()[:2] == ["000", "001"]


def test_codes_that_spss_counts_as_missing_do_not_vanish_unseen(tmp_path):
    path = spss(tmp_path / "t.sav")
    form = find_form(path, ReadingOptions(), subject="the file")
    del form.entry["columns"]["age"]
    with pytest.raises(DataError, match=r"column `age`: codes that the file counts as missing.*`-8`, `-9`"):
        read_table_file(path, form.spec(), subject="the file", companions=form.companion)
    assert open_spss(path, encoding=None, subject="the file").user_missing == {"age": ("-8", "-9")}


def test_codes_that_share_a_label_stay_apart(tmp_path):
    frame = pd.DataFrame({"ward": [1.0, 2.0, 3.0] * 4, "n": range(12)})
    pyreadstat.write_sav(
        frame, tmp_path / "t.sav", variable_value_labels={"ward": {1: "north", 2: "north", 3: "south"}}
    )
    _, read = found(tmp_path / "t.sav")
    assert set(read["ward"]) == {"north (1)", "north (2)", "south"}


def test_stata_labels_and_extended_missing_values(tmp_path):
    frame = patients().drop(columns=["seen", "age"])
    frame["dose"] = ["a", "b", *(1.5 + n for n in range(N - 2))]
    pyreadstat.write_dta(
        frame,
        tmp_path / "t.dta",
        column_labels=["", "Sex", "", "", "Dose, mg"],
        variable_value_labels={"sex": {1: "male", 2: "female"}},
        missing_user_values={"dose": ["a", "b"]},
        version=15,
    )
    form, read = found(tmp_path / "t.dta")
    assert form.entry["columns"]["dose"]["missing"] == [".a", ".b"]
    assert read["dose"].tolist()[2:4] == [1.5, 2.5]
    assert read["dose"].isna().sum() == 2
    assert set(read["sex"]) == {"male", "female"}
    assert form.labels["dose"] == "Dose, mg"
    del form.entry["columns"]["dose"]
    with pytest.raises(DataError, match="column `dose`: codes that the file counts as missing"):
        read_table_file(form.path, form.spec(), subject="the file", companions=form.companion)


def test_a_transport_file_of_sas(tmp_path):
    pyreadstat.write_xport(patients(), tmp_path / "T.XPT", file_format_version=8)
    form, read = found(tmp_path / "T.XPT")
    assert read["sex"].tolist()[:2] == [1, 2]
    assert form.entry["columns"]["pressure"]["missing"] == ["999"]
    assert any("--catalogue" in line for line in form.told)
    assert read["seen"].tolist()[0] == "2020-01-01"


def test_labels_of_sas_come_from_the_catalogue(tmp_path, monkeypatch):
    """No free library writes these files: what is tested is what is made of what pyreadstat reads."""
    meta = SimpleNamespace(
        column_names_to_labels={"sex": "Sex", "dose": None},
        variable_to_label={"sex": "SEXF"},
        missing_user_values={"dose": ["A"]},
    )
    frame = pd.DataFrame(
        {"sex": [1.0, 2.0] * 10, "dose": pd.Series(["A", *(n + 0.5 for n in range(19))], dtype=object)}
    )
    formats = SimpleNamespace(value_labels={"sexf": {1.0: "male", 2.0: "female"}})
    monkeypatch.setattr(pyreadstat, "read_sas7bdat", lambda path, **_: (frame, meta))
    monkeypatch.setattr(pyreadstat, "read_sas7bcat", lambda path, **_: (None, formats))
    for name in ("t.sas7bdat", "formats.sas7bcat"):
        (tmp_path / name).write_bytes(b"SAS")
    form, read = found(tmp_path / "t.sas7bdat", catalogue=tmp_path / "formats.sas7bcat")
    assert form.entry["catalogue"] == "formats.sas7bcat"
    assert set(read["sex"]) == {"male", "female"}
    assert form.entry["columns"]["dose"]["missing"] == [".a"]
    assert read["dose"].isna().sum() == 1


@pytest.mark.parametrize("name", ["t.sav", "t.dta", "t.sas7bdat", "t.xpt"])
def test_a_file_that_is_not_what_its_name_says(name, tmp_path):
    (tmp_path / name).write_bytes(b"nr,age\nsecret,1\n")
    with pytest.raises(DataError, match=r"readable as what its name says; received a file that is not") as caught:
        find_form(tmp_path / name, ReadingOptions(), subject="the file")
    assert "secret" not in str(caught.value)


def test_types_of_parquet(tmp_path):
    table = pa.table(
        {
            "dose": pa.array([Decimal("1.50"), Decimal("2.25"), None, *[Decimal("3.00")] * 17], pa.decimal128(8, 2)),
            "tags": pa.array([["a"], []] * 10, pa.list_(pa.string())),
            "raw": pa.array([b"\x00\x01"] * 20, pa.binary()),
            "ferritin": pa.array([f"{n},5" for n in range(19)] + ["n.d."]),
            "stage": pa.array(["1", "2"] * 10),
            "ward": pa.array(["north ", "south"] * 10).dictionary_encode(),
            "seen": pa.array([datetime.datetime(2020, 1, 1, 8)] * 20),
            "alive": pa.array([True, False] * 10),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    form, read = found(tmp_path / "t.parquet")
    assert form.entry["left_out"] == ["tags", "raw"]
    assert read["dose"].tolist()[:2] == [1.5, 2.25]
    assert read["dose"].dtype == "float64"
    assert read["ferritin"].tolist()[:2] == [0.5, 1.5]
    assert form.entry["columns"]["ferritin"] == {"decimal": ",", "missing": ["n.d."]}
    assert set(read["ward"]) == {"north", "south"}
    assert read["stage"].tolist()[:2] == ["1", "2"]
    assert read["seen"].tolist()[0] == "2020-01-01"
    assert read["alive"].dtype == bool
    for keys, message in (
        ({"left_out": ["raw"]}, r"column `tags`: a column holds numbers, texts or dates; received values of the type"),
        ({"columns": {}}, "column `ferritin`: a column of texts holds no measurements; received 19 numbers among 20"),
    ):
        spoilt = DraftedForm(form.path, "the file", form.entry | keys)
        with pytest.raises(DataError, match=message):
            read_table_file(form.path, spoilt.spec(), subject="the file", companions=form.companion)


@pytest.mark.parametrize("ending", ["dta", "sav"])
def test_whoever_has_labels_is_told_that_codes_are_read_by_them(ending, tmp_path):
    frame = pd.DataFrame({"age": [50.5, 61.25, 70.0], "sex": [1, 2, 2], "ward": [1, 1, 2]})
    labels = {"sex": {1: "male", 2: "female"}, "ward": {1: "north", 2: "south"}}
    write = {"dta": pyreadstat.write_dta, "sav": pyreadstat.write_sav}[ending]
    write(frame, tmp_path / f"t.{ending}", variable_value_labels=labels)
    form, _ = found(tmp_path / f"t.{ending}")
    assert "codes, read by their labels: `sex`, `ward`" in form.told
