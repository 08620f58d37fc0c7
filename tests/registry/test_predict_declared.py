"""A later file of any form in which a study's own table may come, read as the study declares."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from cohorts.workbooks import write_workbook
from patients import make_world

from theragate.cohorts.sources import later_file, read_later_patients
from theragate.errors import ConfigurationError, DataError
from theragate.personal.answers import PersonalModel
from theragate.registry.loading import Champion
from theragate.registry.predict import DeclaredSource, InputForm, predict_file
from theragate.study import FileSource, SimulatedSource

LABELS = {1: "f", 2: "m"}
CODES = {label: code for code, label in LABELS.items()}
IDS = [f"{number:04d}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def personal() -> PersonalModel:
    return make_world("binary", "logistic").fitted.personal


@pytest.fixture(scope="module")
def champion(personal: PersonalModel) -> Champion:
    return Champion("small_binary", "1", None, None, personal)  # type: ignore[arg-type] # nothing of them is asked


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    cohort = make_world("binary", "logistic").cohort[["age", "sex", "marker"]].head(len(IDS)).reset_index(drop=True)
    return cohort.assign(record=IDS, extra=[b"what no study has seen"] * len(IDS))


@pytest.fixture
def expected(personal: PersonalModel, patients: pd.DataFrame) -> pd.DataFrame:
    return personal.answer(patients[["age", "sex", "marker"]])


def declared(folder: Path, path: str, *, years: tuple[str, ...] = (), **keys: Any) -> DeclaredSource:
    """A source whose own table has columns that a later file lacks: the outcome, and what is left out."""
    keys = {"id": "number", "left_out": ("diagnosis",), "text": ("sex", "ill")} | keys
    source = FileSource(kind="file", path=path, citation="The clinic.", licence="None needed.", **keys)
    return DeclaredSource(source, years, folder)


def answers(champion: Champion, file: Path, id_column: str | None = "record", **options: Any) -> pd.DataFrame:
    target = file.with_name("answers.parquet")
    predict_file(champion, file, target, id_column=id_column, **options)
    return pd.read_parquet(target)


def check(found: pd.DataFrame, expected: pd.DataFrame, ids: list[str] | None = None) -> None:
    first = next(iter(found))
    assert list(found[first]) == (IDS if ids is None else ids)
    np.testing.assert_array_equal(found["prediction"], expected["prediction"])
    assert list(found["reason"]) == list(expected["reason"])
    assert expected["prediction"].notna().any()


def coded(patients: pd.DataFrame) -> pd.DataFrame:
    """As a statistics program has them: sex as a number with a label, 99 and 999 for what is unknown."""
    frame = patients[["record", "age", "marker"]].assign(sex=patients["sex"].map(CODES).fillna(99).astype(float))
    return frame.assign(marker=frame["marker"].fillna(999.0), ward=1.0)


MISSING = {"sex": {"missing": ("99",)}, "marker": {"missing": ("999",)}, "ill": {"missing": ("9",)}}


def refusal(champion: Champion, file: Path, id_column: str | None = None, **options: Any) -> str:
    with pytest.raises((DataError, ConfigurationError)) as caught:
        answers(champion, file, id_column, **options)
    assert not file.with_name("answers.parquet").exists()
    return str(caught.value)


@pytest.mark.parametrize("ending", ["sav", "zsav", "dta"])
def test_codes_of_a_statistics_program_are_read_by_their_labels(champion, patients, expected, tmp_path, ending):
    frame, file = coded(patients), tmp_path / f"later.{ending}"
    labels = {"sex": LABELS}
    if ending == "dta":
        pyreadstat.write_dta(frame, file, variable_value_labels=labels)
    else:
        # The file itself counts a code of another column as missing, of which the study never said anything.
        missing = {"ward": [1.0]}
        pyreadstat.write_sav(
            frame, file, variable_value_labels=labels, compress=ending == "zsav", missing_ranges=missing
        )
    check(answers(champion, file, declared=declared(tmp_path, f"cohort.{ending}", columns=MISSING)), expected)
    unsaid = answers(champion, file, declared=None)
    assert unsaid["reason"][frame["sex"] == 99].str.contains("sex: ").all(), "a code that nobody has declared"


def test_a_transport_file_and_a_portable_one_are_answered(champion, patients, expected, tmp_path):
    frame = patients[["record", "age", "sex", "marker"]].assign(sex=patients["sex"].fillna(""))
    pyreadstat.write_xport(frame, tmp_path / "later.xpt", file_format_version=8)
    found = answers(champion, tmp_path / "later.xpt", declared=declared(tmp_path, "cohort.csv"))
    np.testing.assert_allclose(found["prediction"], expected["prediction"], rtol=1e-12)
    pyreadstat.write_por(frame, tmp_path / "later.por")
    said = refusal_of_names(champion, tmp_path / "later.por")
    assert "it has the column `age` of the model; received no such column. Did you mean `AGE`?" in said


def refusal_of_names(champion: Champion, file: Path) -> str:
    file.with_name("answers.parquet").unlink(missing_ok=True)
    return refusal(champion, file)


def test_a_sheet_is_read_as_declared(champion, patients, expected, tmp_path):
    rows = [["Ward 7, for the registry"], ["record", "age", "sex", "marker", "ward"]]
    for row in patients.itertuples():
        marker = "fehlt" if np.isnan(row.marker) else row.marker
        rows.append([row.record, row.age, "?" if row.sex is np.nan else row.sex, marker, "Süd"])
    write_workbook(tmp_path / "later.xlsx", {"Notes": [["text"]], "Patients": [*rows, ["in all", len(patients)]]})
    layout = {"sheet": "Patients", "header": 2, "footer": 1, "missing": ("fehlt", "?")}
    check(answers(champion, tmp_path / "later.xlsx", declared=declared(tmp_path, "cohort.xlsx", **layout)), expected)


def test_an_export_from_redcap_is_read_by_the_dictionary_of_the_study(champion, patients, expected, tmp_path):
    header = "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\n"
    fields = 'record,base,text,,,\nage,base,text,,,\nsex,base,radio,,"1, f | 2, m | 9, ?",\nmarker,base,text,,,\n'
    (tmp_path / "dictionary.csv").write_text(f"{header}{fields}surname,base,text,,,y\n", encoding="utf-8")
    later = coded(patients).assign(sex=patients["sex"].map(CODES).fillna(9).astype(int), surname="Lovelace")
    later.drop(columns="ward").to_csv(tmp_path / "export.csv", index=False)
    codes = MISSING | {"sex": {"missing": ("9",)}}
    source = declared(tmp_path, "cohort.csv", dictionary="dictionary.csv", text=("ill",), columns=codes)
    check(answers(champion, tmp_path / "export.csv", declared=source), expected)


def german(patients: pd.DataFrame, file: Path, *, above: str = "") -> None:
    frame = patients[["record", "age", "sex", "marker"]]
    text = frame.to_csv(index=False, sep=";", decimal=",", na_rep="fehlt")
    file.write_bytes((above + text).encode("cp1252"))


@pytest.mark.parametrize("above", ["", "Männer und Frauen;;;\n"])
def test_a_csv_file_is_read_as_declared_and_what_is_said_by_hand_counts_more(
    champion, patients, expected, tmp_path, above
):
    german(patients, tmp_path / "later.csv", above=above)
    layout = {"separator": ";", "decimal": ",", "missing": ("fehlt",), "header": 2 if above else 1}
    source = declared(tmp_path, "cohort.csv", encoding="cp1252", **layout)
    check(answers(champion, tmp_path / "later.csv", declared=source), expected)
    wrong = declared(tmp_path, "cohort.csv", encoding="utf-16", **layout | {"separator": ","})
    said = InputForm(encoding="cp1252", separator=";")
    (tmp_path / "answers.parquet").unlink()
    check(answers(champion, tmp_path / "later.csv", declared=wrong, form=said), expected)


def test_what_a_kind_of_file_does_not_have_is_not_said_of_it(champion, patients, tmp_path):
    pyreadstat.write_dta(coded(patients), tmp_path / "later.dta")
    said = refusal(champion, tmp_path / "later.dta", form=InputForm(separator=";"))
    assert said.startswith("`--separator`: it is said of files that may differ in it (csv, redcap); received a file of")
    for form in (InputForm(encoding="nix"), InputForm(separator=";;")):
        (tmp_path / "later.csv").write_text("age,sex,marker\n60,f,1\n", encoding="utf-8")
        said = refusal(champion, tmp_path / "later.csv", form=form)
        assert said.startswith(("`--encoding`: an encoding is one that", "`--separator`: String should have at most 1"))
    for name, received in (("later.docx", "received `.docx`"), ("absent.xlsx", "received no such file")):
        assert received in refusal(champion, tmp_path / name)


def test_the_form_of_one_kind_of_file_is_not_carried_to_another(champion, patients, expected, tmp_path):
    """A study of a German CSV file gets later patients as a workbook: numbers there are numbers."""
    frame = patients[["record", "age", "sex", "marker"]].astype(object)
    frame = frame.where(frame.notna(), None)
    write_workbook(tmp_path / "later.xlsx", {"S": [list(frame), *frame.to_numpy().tolist()]})
    source = declared(tmp_path, "cohort.csv", separator=";", decimal=",", encoding="cp1252", header=3)
    check(answers(champion, tmp_path / "later.xlsx", declared=source), expected)


def test_a_cell_that_is_no_number_is_refused_without_the_row(champion, patients, tmp_path):
    frame = coded(patients).astype(object)
    frame.loc[2, "age"] = "n.d."
    write_workbook(tmp_path / "later.xlsx", {"S": [list(frame), *frame.to_numpy().tolist()]})
    said = refusal(champion, tmp_path / "later.xlsx", id_column="record")
    assert "`later.xlsx`, column `age`: it holds numbers" in said
    assert IDS[2] not in said


def test_dates_become_years_as_in_the_cohort(tmp_path):
    (tmp_path / "later.csv").write_text("born;ward\n13.06.1950;1\n01.02.1960;2\n", encoding="utf-8")
    form = {"born": {"date": "%d.%m.%Y"}}
    source = declared(tmp_path, "cohort.csv", separator=";", id=None, columns=form, years=("born",))
    frame = read_later_patients(
        tmp_path / "later.csv",
        later_file(source.source, "csv"),
        features=("born",),
        texts=(),
        years=source.years,
        id_column=None,
        companions=lambda name: tmp_path / name,
    )
    assert frame.to_dict("list") == {"born": [1950, 1960]}
    with pytest.raises(DataError, match="column `born`: it holds dates or years"):
        read_later_patients(
            tmp_path / "later.csv",
            later_file(source.source, "csv", columns={}, text=("born",)),
            features=("born",),
            texts=(),
            years=source.years,
            id_column=None,
            companions=lambda name: tmp_path / name,
        )


def test_a_study_whose_source_is_no_file_declares_nothing(tmp_path):
    study = make_world("binary", "logistic").study
    simulated = SimulatedSource(kind="simulated", world="w", patients=50, seed=1, citation="Us.", licence="None.")
    assert DeclaredSource.of(study.model_copy(update={"source": simulated}), tmp_path, {}) is None
    file = declared(tmp_path, "cohort.sav").source
    found = DeclaredSource.of(study.model_copy(update={"source": file}), tmp_path, {})
    assert found == DeclaredSource(file, study.deidentification.dates, tmp_path / "sources" / study.name)


def test_a_workbook_without_cells_is_no_question_of_sheets(champion, tmp_path):
    write_workbook(tmp_path / "later.xlsx", {"empty": []})
    assert "a sheet of it that is not hidden has cells; received none" in refusal(champion, tmp_path / "later.xlsx")
