"""Exports from REDCap: the dictionary says what a field is, and what identifies is not read."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from theragate.cohorts.sources import read_dictionary, read_table_file
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.errors import DataError

HEADER = [
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Identifier?",
]
FIELDS = [
    ("record_id", "base", "text", "Record ID", "", "", "", ""),
    ("surname", "base", "text", "Surname", "", "", "", "y"),
    ("sex", "base", "radio", "<b>Sex</b>", "1, female | 2, male | -99, not asked", "", "", ""),
    ("seen", "base", "text", "Date of visit", "", "", "date_dmy", ""),
    ("crp", "base", "text", "CRP", "", "mg/l", "number", ""),
    ("note", "base", "text", "Remark", "", "", "", ""),
    ("smokes", "risk", "yesno", "Smokes", "", "", "", ""),
    ("comorb", "risk", "checkbox", "Comorbidities", "1, diabetes | 2, stroke | -99, unknown", "", "", ""),
    ("scan", "risk", "file", "Scan", "", "", "", ""),
]
BOXES = ["comorb___1", "comorb___2", "comorb____99"]
COLUMNS = ["record_id", "surname", "sex", "seen", "crp", "note", "base_complete", "smokes", *BOXES, "scan"]
COLUMNS += ["risk_complete", "redcap_survey_identifier"]
# Record, sex, CRP, boxes and how far the second form is filled in.
PATIENTS = [
    ("001", "1", "5.5", "1,0,0", "1", "2"),
    ("002", "2", "7", "0,0,0", "0", "2"),  # filled in, nothing ticked
    ("003", "-99", "", "0,0,0", "", "0"),  # never opened
    ("004", "1", "9", "0,0,1", "1", "1"),  # unknown is ticked
    ("005", "2", "12", "0,0,0", "", "2"),  # marked as done
]


def dictionary(folder: Path, fields: list[tuple[str, ...]] = FIELDS) -> Path:
    path = folder / "dictionary.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for name, form, kind, label, choices, note, validation, identifies in fields:
            writer.writerow([name, form, "", kind, label, choices, note, validation, identifies])
    return path


def export(folder: Path, **changes: str) -> Path:
    rows = []
    for number, (record, sex, crp, boxes, smokes, status) in enumerate(PATIENTS * 4):
        row = dict.fromkeys(COLUMNS, "") | dict(zip(BOXES, boxes.split(","), strict=True))
        row |= {"record_id": f"{number:03d}{record}", "surname": "Muster", "sex": sex, "crp": crp, "smokes": smokes}
        row |= {"seen": "2024-01-31", "base_complete": "2", "risk_complete": status, "note": ["a", "b"][number % 2]}
        rows.append(row | changes)
    path = folder / "export.csv"
    pd.DataFrame(rows)[COLUMNS].to_csv(path, index=False)
    return path


def found(folder: Path, **options: Any) -> tuple[DraftedForm, pd.DataFrame]:
    form = find_form(
        folder / "export.csv", ReadingOptions(dictionary=folder / "dictionary.csv", **options), subject="x"
    )
    return form, read(form)


def read(form: DraftedForm) -> pd.DataFrame:
    return read_table_file(form.path, form.spec(), subject="the file", companions=form.companion)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dictionary(tmp_path)
    export(tmp_path)
    return tmp_path


def test_fields_are_read_as_the_dictionary_says(folder):
    form, frame = found(folder)
    assert form.entry["id"] == "record_id"
    assert frame["record_id"].tolist()[:2] == ["000001", "001002"]
    assert frame["sex"].tolist()[:2] == ["female", "male"]
    assert frame["smokes"].tolist()[:2] == ["Yes", "No"]
    assert frame["crp"].tolist()[:2] == [5.5, 7.0]
    assert frame["seen"].tolist()[0] == "2024-01-31"
    assert form.entry["text"] == ["note"]
    assert form.labels["crp"] == "CRP, mg/l"
    assert form.labels["sex"] == "Sex"
    assert form.labels["comorb___1"] == "Comorbidities: diabetes"


def test_identifiers_and_columns_of_the_system_are_left_out(folder):
    form, frame = found(folder)
    left_out = {"surname", "base_complete", "risk_complete", "scan", "redcap_survey_identifier"}
    assert set(form.entry["left_out"]) == left_out
    assert not left_out & {*frame.columns}
    form.entry["left_out"].remove("surname")
    with pytest.raises(DataError, match=r"column `surname`: a field that the dictionary marks as an identifier is not"):
        read(form)


def test_a_box_is_unknown_where_nobody_filled_in_the_form_or_unknown_is_ticked(folder):
    form, frame = found(folder)
    assert form.entry["columns"]["comorb"]["missing"] == ["-99"]
    assert form.entry["columns"]["comorb"]["note"].startswith("REVIEW: `-99` is labelled `unknown`")
    assert "comorb____99" not in frame
    for box, ticked in (("comorb___1", [1, 0, None, None, 0]), ("comorb___2", [0, 0, None, None, 0])):
        assert [None if pd.isna(value) else value for value in frame[box][:5]] == ticked


def test_codes_for_missing_are_asked_about(folder):
    form, frame = found(folder)
    assert form.entry["columns"]["sex"] == {
        "missing": ["-99"],
        "note": "REVIEW: `-99` is labelled `not asked` and was taken for missing. Is it?",
    }
    assert frame["sex"].isna().sum() == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sex": "7"}, r"column `sex`: it holds codes of the dictionary \(1, 2, -99\); received 1 others"),
        ({"comorb___1": "Checked"}, "column `comorb___1`: it holds numbers"),
        ({"comorb___1": "3"}, "a box is 1, ticked, or 0; received 20 other values"),
    ],
)
def test_an_export_of_labels_is_refused(changes, message, folder):
    form, _ = found(folder)
    export(folder, **changes)
    with pytest.raises(DataError, match=message):
        read(form)


def test_an_export_of_another_project_is_refused(folder):
    dictionary(folder, [("study_nr", *FIELDS[0][1:]), *FIELDS[1:]])
    with pytest.raises(DataError, match="it has the dictionary's first field, `study_nr`"):
        found(folder)


def test_a_file_that_is_no_dictionary_is_refused(folder):
    with pytest.raises(DataError, match="it has the columns of a data dictionary of REDCap; received none for name"):
        read_dictionary(folder / "export.csv", subject="x")
    with pytest.raises(DataError, match="the data dictionary exists; received no such file"):
        read_dictionary(folder / "none.csv", subject="x")


def test_the_dictionary_of_the_interface_has_other_names(folder):
    rows = [["field_name", "form_name", "field_type", "field_label", "select_choices_or_calculations", "identifier"]]
    rows += [["crp", "base", "calc", "CRP", "", ""], ["sex", "base", "dropdown", "Sex", "1, f | 2, m", ""]]
    (folder / "api.csv").write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in rows), encoding="utf-8")
    fields = read_dictionary(folder / "api.csv", subject="x")
    assert (fields["crp"].holds, fields["sex"].choices) == ("numbers", {"1": "f", "2": "m"})
