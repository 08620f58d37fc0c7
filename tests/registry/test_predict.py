"""The champion's answers for a file: ids as they are written, features in the model's types, no value in a message."""

import bz2
import gzip
import lzma
import os
import traceback
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cohorts.workbooks import write_workbook
from patients import make_world

from theragate.cohorts.sources import _packed
from theragate.errors import ConfigurationError, DataError
from theragate.personal.answers import PersonalModel
from theragate.registry.loading import Champion
from theragate.registry.predict import InputForm, predict_file

MARKER = "Qx7731"  # a patient's value that nothing may repeat
IDS = ["000123", "9007199254740993", "0012E5", "NA", "1.50", "", " x", "True", 'a "b", c', "2026-01-02", "-0", "nan"]


@pytest.fixture(scope="module")
def personal() -> PersonalModel:
    return make_world("binary", "logistic").fitted.personal


@pytest.fixture(scope="module")
def champion(personal) -> Champion:
    return Champion("small_binary", "1", None, None, personal)


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    cohort = make_world("binary", "logistic").cohort[["age", "sex", "marker"]].head(len(IDS))
    return cohort.assign(**{"Patient ID": IDS})[["Patient ID", "age", "sex", "marker"]]


def predict(champion: Champion, source: Path, *, id_column: str | None = "Patient ID", kind: str = "csv"):
    target = source.with_name(f"answers.{kind}")
    predict_file(champion, source, target, id_column=id_column)
    if kind == "parquet":
        return pd.read_parquet(target)
    return pd.read_csv(target, dtype={id_column: "str"}, keep_default_na=False)


def refused(champion: Champion, source: Path, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        predict(champion, source, **options)
    assert MARKER not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ids_of_a_csv_file_are_copied_character_for_character(champion, personal, patients, tmp_path, kind):
    patients.to_csv(tmp_path / "in.csv", index=False)
    answers = predict(champion, tmp_path / "in.csv", kind=kind)
    assert list(answers) == ["Patient ID", *personal.answer(patients)]
    assert list(answers["Patient ID"]) == IDS
    np.testing.assert_array_equal(answers["prediction"].astype(float), personal.answer(patients)["prediction"])


def test_ids_of_a_parquet_file_stay_whole_numbers_beside_a_missing_one(champion, patients, tmp_path):
    ids = [9007199254740993, None, *range(3, len(IDS) + 1)]
    patients.assign(**{"Patient ID": pd.array(ids, dtype="Int64")}).to_parquet(tmp_path / "in.parquet")
    written = predict(champion, tmp_path / "in.parquet")["Patient ID"]
    assert list(written) == ["" if one is None else str(one) for one in ids]
    predict(champion, tmp_path / "in.parquet", kind="parquet")
    assert pq.read_table(tmp_path / "answers.parquet")["Patient ID"].to_pylist() == ids


def test_an_index_with_a_name_can_be_the_id(champion, patients, tmp_path):
    patients.set_index("Patient ID").to_parquet(tmp_path / "in.parquet")
    assert list(predict(champion, tmp_path / "in.parquet")["Patient ID"]) == IDS


def test_rows_are_numbered_where_no_id_is_named(champion, patients, tmp_path):
    patients.to_csv(tmp_path / "in.csv", index=False)
    assert list(predict(champion, tmp_path / "in.csv", id_column=None)["row"]) == list(range(1, len(IDS) + 1))


def test_a_feature_can_be_the_id(champion, patients, tmp_path):
    patients.to_csv(tmp_path / "in.csv", index=False)
    by_age = predict(champion, tmp_path / "in.csv", id_column="age")
    assert list(by_age["age"]) == [str(age) for age in patients["age"]]
    assert list(by_age["prediction"]) == list(predict(champion, tmp_path / "in.csv")["prediction"])


def coded(codes: list[str]) -> Champion:
    """A champion that knows the sexes by other codes."""
    world = make_world("binary", "logistic")
    personal = world.fitted.personal
    typicality = personal.context.typicality
    columns = tuple(
        column.model_copy(update={"categories": tuple(codes)}) if column.name == "sex" else column
        for column in typicality.columns
    )
    context = personal.context.model_copy(
        update={
            "typicality": typicality.model_copy(update={"columns": columns}),
            "accepted": personal.context.accepted.model_copy(update={"rules": ()}),
        }
    )
    return Champion("small_binary", "1", None, None, PersonalModel(personal.predictor, context))


@pytest.mark.parametrize(
    ("codes", "given"),
    [
        (["01", "02"], ["01", "02", "01"]),
        (["1", "2"], ["1.0", "2.0", "1.0"]),
        (["0012E5", "7"], ["0012E5", "0012E5", "0012E5"]),
        (["NA", "EU"], ["NA", "EU", "NA"]),
        (["1", "<1"], ["1", "1", "1"]),
        (["True", "False"], ["True", "False", "True"]),
    ],
)
def test_a_batch_of_numbers_is_read_as_the_categories_that_the_model_knows(tmp_path, codes, given):
    pd.DataFrame({"age": [60, 70, 80], "sex": given, "marker": [0.5, 1, 0]}).to_csv(tmp_path / "in.csv", index=False)
    answers = predict(coded(codes), tmp_path / "in.csv", id_column=None)
    assert not answers["reason"].str.contains("category|missing").any()
    assert answers["prediction"].ne("").all()


def test_a_category_of_which_two_are_possible_is_not_guessed_at(tmp_path):
    frame = pd.DataFrame({"age": [60, 60], "sex": [1, 1], "marker": [0.5, 0.5]})
    frame.to_parquet(tmp_path / "in.parquet")
    answers = predict(coded(["01", "1.0"]), tmp_path / "in.parquet", id_column=None)
    assert answers["reason"].eq("sex: a category that the model has not learned").all()


def test_whole_numbers_and_truth_values_are_numbers(champion, tmp_path):
    frame = pd.DataFrame({"age": [60, 70], "sex": ["f", "m"], "marker": [True, False]})
    plain = frame.astype({"age": float, "marker": float})
    for name, table in (("in", frame), ("plain", plain)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    expected = predict(champion, tmp_path / "plain.csv", id_column=None)
    for name in ("in.csv", "in.parquet", "plain.parquet"):
        pd.testing.assert_frame_equal(predict(champion, tmp_path / name, id_column=None), expected)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"age,sex,marker\n60,f,1\n60,f,1,{MARKER},{MARKER}\n", "`in.csv`, line 3: it has 3 cells"),
        (f"age,sex,marker\n60,f,1,{MARKER}\n", "`in.csv`, line 2: it has 3 cells"),
        (f'age,sex,marker\n60,"{MARKER},1\n', "`in.csv`, line 2: it has 3 cells"),
        ("", "the file can be read as a table"),
        (f"age,sex,age,marker\n60,f,{MARKER},1\n", "every feature of the model is a column of the data, once"),
        (f"{MARKER},sex,marker\n60,f,1\n", "received no columns of that name"),
    ],
    ids=["long line", "all lines long", "open quote", "empty", "a feature twice", "no header"],
)
def test_what_cannot_be_read_is_refused_without_a_line_of_it(champion, tmp_path, content, sentence):
    (tmp_path / "in.csv").write_text(content)
    assert sentence in str(refused(champion, tmp_path / "in.csv", id_column=None))
    assert not (tmp_path / "answers.csv").exists()


def test_a_file_in_another_form_is_answered_as_the_plain_one(champion, patients, tmp_path):
    patients.to_csv(tmp_path / "plain.csv", index=False)
    other = patients.assign(sex=patients["sex"] + " ", ward="Süd")
    other.to_csv(tmp_path / "other.CSV.gz", index=False, sep=";", decimal=",", encoding="cp1252")
    with pytest.raises(DataError, match="--separator"):
        predict(champion, tmp_path / "other.CSV.gz")
    utf8 = InputForm(separator=";")
    with pytest.raises(DataError, match=r"no text in utf-8. Give its --encoding, such as cp1252"):
        predict_file(champion, tmp_path / "other.CSV.gz", tmp_path / "a.csv", id_column=None, form=utf8)
    form = InputForm("cp1252", ";", ",", ("fehlt",))
    predict_file(champion, tmp_path / "other.CSV.gz", tmp_path / "answers.csv", id_column="Patient ID", form=form)
    answers = pd.read_csv(tmp_path / "answers.csv", dtype={"Patient ID": "str"}, keep_default_na=False)
    pd.testing.assert_frame_equal(answers, predict(champion, tmp_path / "plain.csv"))


def test_cells_that_mean_missing_or_are_no_number_do_not_change_the_others(champion, tmp_path):
    rows = ["age;sex;marker", "60;f;0,5", "60;f;fehlt", "60;f;>200", "60;f;0,25"]
    (tmp_path / "in.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=r"received one, with `;` in it. Give `--separator ';'`"):
        predict(champion, tmp_path / "in.csv", id_column=None)
    form = InputForm(separator=";", decimal=",", missing=("fehlt",))
    predict_file(champion, tmp_path / "in.csv", tmp_path / "answers.csv", id_column=None, form=form)
    answers = pd.read_csv(tmp_path / "answers.csv", keep_default_na=False)
    assert answers["reason"][2] == "blood marker, mg/dl (marker): not a number"
    assert "not a number" not in "".join(answers["reason"].drop(2))
    assert answers["prediction"][0] != answers["prediction"][3]


def test_a_point_among_decimal_commas_is_not_read_as_a_smaller_number(champion, tmp_path):
    (tmp_path / "in.csv").write_text("age;sex;marker\n60;f;1.234\n60;f;1,5\n60;f;1.234,5\n")
    form = InputForm(separator=";", decimal=",")
    predict_file(champion, tmp_path / "in.csv", tmp_path / "answers.csv", id_column=None, form=form)
    answers = pd.read_csv(tmp_path / "answers.csv", keep_default_na=False)
    assert list(answers["reason"] == "blood marker, mg/dl (marker): not a number") == [True, False, True]


def test_an_encoding_that_is_not_utf8_is_refused(champion, tmp_path):
    (tmp_path / "in.csv").write_bytes(f"age,sex,marker\n60,{MARKER}ü,1\n".encode("cp1252"))
    assert "the file can be read as a table" in str(refused(champion, tmp_path / "in.csv", id_column=None))


def test_what_is_no_number_or_category_costs_one_patient_the_answer_and_is_not_repeated(champion, tmp_path):
    (tmp_path / "in.csv").write_text(f"age,sex,marker\n{MARKER},f,1\n60,{MARKER},1\n60,f,1\n")
    answers = predict(champion, tmp_path / "in.csv", id_column=None)
    assert list(answers["reason"])[:2] == ["age: not a number", "sex: none of f (female), m (male)"]
    assert answers["prediction"].ne("").tolist() == [False, False, True]
    assert MARKER not in (tmp_path / "answers.csv").read_text()


def test_a_name_that_may_have_been_meant_is_suggested(champion, patients, tmp_path):
    patients.rename(columns={"age": "Age"}).to_csv(tmp_path / "in.csv", index=False)
    assert refused(champion, tmp_path / "in.csv").remedy == "Did you mean `Age`? Rename it to `age`."
    patients.to_csv(tmp_path / "in.csv", index=False)
    assert refused(champion, tmp_path / "in.csv", id_column="patient id").remedy.startswith(
        "Did you mean `Patient ID`? "
    )
    assert "omit it" in refused(champion, tmp_path / "in.csv", id_column="ward").remedy


def test_an_id_cannot_have_the_name_of_an_answers_column(champion, patients, tmp_path):
    patients.rename(columns={"Patient ID": "answer"}).to_csv(tmp_path / "in.csv", index=False)
    assert "another name than those of an answer" in str(refused(champion, tmp_path / "in.csv", id_column="answer"))


def test_answers_do_not_replace_the_patients_file(champion, patients, tmp_path):
    file, link = tmp_path / "in.csv", tmp_path / "other.csv"
    patients.to_csv(file, index=False)
    before = file.read_bytes()
    link.symlink_to(file)
    for target in (file, link):
        with pytest.raises(DataError, match="received the same file"):
            predict_file(champion, file, target, id_column=None)
    assert file.read_bytes() == before


def test_a_file_without_patients_is_refused(champion, patients, tmp_path):
    patients.head(0).to_csv(tmp_path / "in.csv", index=False)
    assert "received none below the header" in str(refused(champion, tmp_path / "in.csv"))
    assert not (tmp_path / "answers.csv").exists()


@pytest.mark.parametrize(("content", "what"), [("", "an empty file"), ("age,sex\n1,f\n1,f,2,3\n", "received 4 cells")])
def test_what_a_library_says_of_a_file_is_worded(champion, tmp_path, content, what):
    (tmp_path / "in.csv").write_text(content)
    message = str(refused(champion, tmp_path / "in.csv", id_column=None))
    assert what in message
    assert "Error" not in message


RAGGED = {
    "a separator at the end of every line": ("age,sex,marker\n60,f,0.5,\n70,m,1,\n", 2),
    "one cell more in every line": ("age,sex,marker\n1,60,f,0.5\n2,70,m,1\n", 2),
    "two cells more in every line": ("age,sex,marker\n1,2,60,f,0.5\n1,2,70,m,1\n", 2),
    "one more in one line": ("age,sex,marker\n60,f,0.5\n70,m,1,9\n", 3),
    "one less in one line": ("age,sex,marker\n60,f,0.5\n\n70,m\n", 4),
    "a decimal comma": ("age,sex,marker\n60,f,0,5\n70,m,1,0\n", 2),
    "after a cell of two lines": ('age,sex,marker\n60,"f\nf",0.5\n70,m,1,\n', 4),
}


@pytest.mark.parametrize(("text", "line"), RAGGED.values(), ids=RAGGED)
def test_a_line_of_another_length_shifts_no_column(champion, tmp_path, text, line):
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    error = refused(champion, tmp_path / "in.csv", id_column=None)
    assert f"`in.csv`, line {line}: it has 3 cells, as many as the header; received" in str(error)
    with gzip.open(tmp_path / "in.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write(text)
    assert f"line {line}" in str(refused(champion, tmp_path / "in.csv.gz", id_column=None))


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    '=HYPERLINK("http://x")',
    "＝1+1",
    "-A1",
    "+49 1",
]


@pytest.mark.parametrize("cell", FORMULAS, ids=ascii)
def test_no_spreadsheet_runs_an_identifier(champion, patients, tmp_path, cell):
    named = patients.assign(**{"Patient ID": ["1", cell, *IDS[2:]]})
    named.to_parquet(tmp_path / "in.parquet", index=False)
    error = refused(champion, tmp_path / "in.parquet")
    assert "received such a cell in line 3, column `Patient ID`" in str(error)
    assert not (tmp_path / "answers.csv").exists()
    assert predict(champion, tmp_path / "in.parquet", kind="parquet")["Patient ID"][1] == cell
    patients.rename(columns={"Patient ID": "=1+1"}).to_parquet(tmp_path / "in.parquet", index=False)
    assert "received the name of a column" in str(refused(champion, tmp_path / "in.parquet", id_column="=1+1"))


@pytest.mark.parametrize("cell", ["-1", "+4.5", "-1,5", "-1e-7", "-", "--", "a=1", " =1", "1-2"])
def test_a_negative_number_is_no_formula(champion, patients, tmp_path, cell):
    patients.assign(**{"Patient ID": [cell, *IDS[1:]]}).to_parquet(tmp_path / "in.parquet", index=False)
    assert predict(champion, tmp_path / "in.parquet")["Patient ID"][0] == cell


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
@pytest.mark.parametrize("name", ["prediction", "answer", "version", "row", "lower"])
def test_an_id_of_the_name_of_an_answers_column_is_refused_in_a_sentence(champion, patients, tmp_path, kind, name):
    named, source = patients.rename(columns={"Patient ID": name}), tmp_path / f"in.{kind}"
    if kind == "xlsx":
        write_workbook(source, {"patients": [list(named), *named.to_numpy().tolist()]})
    elif kind == "parquet":
        named.to_parquet(source, index=False)
    else:
        named.to_csv(source, index=False)
    if name == "row":
        assert len(predict(champion, source, id_column=name)) == len(IDS)
        return
    assert "has another name than those of an answer" in str(refused(champion, source, id_column=name))


def test_a_packed_file_fills_no_memory(champion, tmp_path, monkeypatch):
    monkeypatch.setattr(_packed, "_MOST_UNPACKED", 1 << 20)
    content = b"age,sex,marker\n" + b"60,f,0.5\n" * (1 << 18)
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "in.csv.bz2").write_bytes(bz2.compress(content))
    (tmp_path / "in.csv.xz").write_bytes(lzma.compress(content))
    for name in ("in.csv.zip", "in.xlsx"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in.csv", content)
    for name in ("in.csv.gz", "in.csv.bz2", "in.csv.xz", "in.csv.zip", "in.xlsx"):
        assert "a packed file holds 1,048,576 bytes at most" in str(refused(champion, tmp_path / name, id_column=None))


@pytest.mark.parametrize(
    "said", [{"separator": ";"}, {"encoding": "cp1252"}, {"decimal": ","}, {"missing": ("fehlt",)}]
)
def test_an_option_that_a_parquet_file_cannot_heed_is_refused_and_not_ignored(champion, patients, tmp_path, said):
    patients.to_parquet(tmp_path / "in.parquet")
    (option,) = said
    with pytest.raises(ConfigurationError, match=f"`--{option}`: .*; received a Parquet file"):
        predict_file(
            champion, tmp_path / "in.parquet", tmp_path / "out.csv", id_column="Patient ID", form=InputForm(**said)
        )
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.parquet", "pipe.xlsx", "pipe.csv.gz"])
def test_a_pipe_is_not_waited_for(champion, tmp_path, name):
    os.mkfifo(tmp_path / name)
    assert "received a pipe or a device" in str(refused(champion, tmp_path / name))


def test_of_a_file_of_many_columns_only_those_of_the_model_are_looked_at(
    champion, personal, patients, tmp_path, monkeypatch
):
    """The mark that some programs write in front of a header belongs to no name."""
    others = pd.DataFrame({f"other {number}": MARKER for number in range(12_000)}, index=patients.index)
    whole = pd.concat([others, patients], axis=1)
    whole.to_csv(tmp_path / "wide.csv", index=False, encoding="utf-8-sig")
    patients.to_csv(tmp_path / "marked.csv", index=False, encoding="utf-8-sig")
    expected = predict(champion, tmp_path / "marked.csv")
    asked = []
    read_csv = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda *given, **options: asked.append(options) or read_csv(*given, **options))
    found = predict(champion, tmp_path / "wide.csv")
    assert [len(options["usecols"]) for options in asked if "usecols" in options] == [4, 4]
    pd.testing.assert_frame_equal(found, expected)
    assert list(found["Patient ID"]) == IDS
    whole.drop(columns="age").to_csv(tmp_path / "wide.csv", index=False)
    assert "`age`" in str(refused(champion, tmp_path / "wide.csv"))
