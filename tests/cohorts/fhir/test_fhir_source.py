"""From an export of FHIR to a row a patient: what is taken, what is left out and told, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from cohorts.fhir.records import (
    CREATININE,
    ICD,
    LOINC,
    PRESSURE,
    SMOKING,
    SYSTOLIC,
    bundle,
    concept,
    condition,
    encounter,
    observation,
    pack,
    patient,
    pressure,
    quantity,
    write,
)

from theragate.cohorts.sources import RawTable, read_later_records, read_source
from theragate.errors import DataError, TheragateError
from theragate.study import FhirSource, spec_of

INDEX = {"view": "encounters", "codes": ["http://x/act|IMP"], "take": "first"}
LABS = {"view": "observations", "codes": [f"{LOINC}|{CREATININE}"], "unit": "mg/dL"}
DEATH = {"view": "deaths", "window": {"first_day": 0, "last_day": 365}}


def source(columns: dict[str, Any], **more: Any) -> FhirSource:
    content = {"kind": "fhir", "path": "export", "citation": "Made up.", "licence": "None.", "index": INDEX}
    return spec_of(FhirSource, content | {"columns": columns} | more, subject="the source", remedy="None.")


def read(root: Path, columns: dict[str, Any], **more: Any) -> RawTable:
    return read_source(source(columns, **more), root, study="s")


def refusal(root: Path, columns: dict[str, Any], **more: Any) -> str:
    with pytest.raises(TheragateError) as caught:
        read(root, columns, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert "p1" not in said.replace("Corp1", "")
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three patients: one with much, one with little, one who was never in hospital."""
    return write(
        tmp_path / "sources" / "s" / "export",
        Patient=[
            patient("p1"),
            patient("p2", gender="male", birthDate="1960", deceasedDateTime="2020-03-11T08:00:00+01:00"),
            patient("p3"),
        ],
        Encounter=[encounter("e1", "p1", "2020-03-01"), encounter("e2", "p2", "2020-03-01T23:30:00-05:00")],
        Observation_1=[
            observation("o1", "p1", CREATININE, "2020-02-01", 1.0),
            observation("o2", "p1", CREATININE, "2020-02-29T10:00:00Z", 3.0),
            observation("o3", "p1", CREATININE, "2020-03-02", 9.0),
            observation("o4", "p1", CREATININE, "2019-01-01", 5.0),
        ],
        Observation_2=[pressure("o5", "p1", "2020-03-01", 120, 80), pressure("o6", "p2", "2020-01-01", 140, 90)],
    )


def test_values_are_taken_from_the_window_before_the_index_date(folder, tmp_path):
    year = {"window": {"first_day": -365, "last_day": 0}}
    made = read(
        tmp_path,
        {
            **{take: LABS | year | {"take": take} for take in ("last", "first", "mean", "min", "max")},
            "ever": LABS | {"take": "min"},
            "oldest": LABS | {"take": "first"},
            "count": {"view": "observations", "codes": LABS["codes"], "take": "count"} | year,
            "days": {"view": "observations", "codes": LABS["codes"], "take": "days_to_last"},
            "systolic": {"view": "observations", "codes": [f"{LOINC}|{SYSTOLIC}"], "unit": "mm[Hg]", "take": "last"},
            "died": DEATH | {"take": "exists"},
            "day_of_death": DEATH | {"take": "days_to_first"},
        },
    )
    assert made.id_column == "patient"
    expected = {
        "patient": ["p1", "p2"],
        "age": [69.0, 60.0],
        "gender": ["female", "male"],
        "last": [3.0, np.nan],
        "first": [1.0, np.nan],
        "mean": [2.0, np.nan],
        "min": [1.0, np.nan],
        "max": [3.0, np.nan],
        "ever": [1.0, np.nan],
        "oldest": [5.0, np.nan],
        "count": [2.0, 0.0],
        "days": [-1.0, np.nan],
        "systolic": [120.0, 140.0],
        "died": [0.0, 1.0],
        "day_of_death": [np.nan, 10.0],
    }
    pd.testing.assert_frame_equal(made.frame, pd.DataFrame(expected), check_dtype=False, check_like=True)
    assert made.notes == ("fewer than 11 patients without an index date were left out.",)


def test_the_end_of_follow_up_is_that_of_the_event_or_the_last_contact(folder, tmp_path):
    write(folder, Encounter_2=[encounter("e3", "p1", "2020-05-01", kind="AMB")])
    last = {"view": "encounters", "take": "days_to_last", "window": {"first_day": 0, "last_day": 365}}
    made = read(tmp_path, {"time": DEATH | {"take": "days_to_first", "otherwise": last}})
    assert list(made.frame["time"]) == [61.0, 10.0]


def test_one_day_may_be_the_index_date_of_all(folder, tmp_path):
    made = read(tmp_path, {"creatinine": LABS | {"take": "last"}}, index={"day": "2020-03-02"})
    assert list(made.frame["patient"]) == ["p1", "p2", "p3"]
    np.testing.assert_array_equal(made.frame["creatinine"], [9.0, np.nan, np.nan])
    assert made.notes == ()


def test_the_same_export_in_another_order_and_packed_is_the_same_table(folder, tmp_path):
    columns = {"last": LABS | {"take": "last"}, "n": {"view": "observations", "codes": LABS["codes"], "take": "count"}}
    write(folder, Observation_3=[observation("o9", "p1", CREATININE, "2020-02-29T10:00:00Z", 2.0)])
    before = read(tmp_path, columns)
    assert list(before.frame["last"][:1]) == [3.0], "of two at one moment the larger"
    (folder / "Observation.1.ndjson").rename(folder / "Observation.9.ndjson")
    lines = (folder / "Patient.ndjson").read_text("utf-8").splitlines(keepends=True)
    (folder / "Patient.ndjson").write_text("".join(reversed(lines)), "utf-8")
    pack(folder / "Observation.9.ndjson")
    after = read(tmp_path, columns)
    pd.testing.assert_frame_equal(before.frame, after.frame)
    assert before.version != after.version
    assert read(tmp_path, columns).version == after.version
    assert after.version.endswith("of the names and digests of 5 files")


def test_units_are_converted_or_refused(folder, tmp_path):
    mixed = [
        observation("m1", "p2", CREATININE, "2020-01-01", quantity(88.4, "umol/L")),
        observation("m2", "p2", CREATININE, "2020-01-02", quantity(20, "mg/L")),
    ]
    write(folder, Observation_3=mixed)
    said = refusal(tmp_path, {"creatinine": LABS | {"take": "last"}})
    assert "`creatinine`: its values are in `mg/dL`, or in a unit that is converted to it" in said
    assert "received values in `umol/L`. Declare its `unit`, and under `other_units`" in said
    declared = LABS | {"other_units": {"umol/L": 1 / 88.4}}
    made = read(tmp_path, {"first": declared | {"take": "first"}, "last": declared | {"take": "last"}})
    np.testing.assert_allclose(made.frame.loc[1, ["first", "last"]].astype(float), [1.0, 2.0])
    assert "`first`: fewer than 11 values in `mg/L` were converted to `mg/dL`." in made.notes


def test_two_units_for_one_code_are_refused_where_no_unit_is_declared(folder, tmp_path):
    plain = {key: value for key, value in LABS.items() if key != "unit"} | {"take": "last"}
    write(folder, Observation_3=[observation("m1", "p2", CREATININE, "2020-01-01", quantity(1, "apples"))])
    said = refusal(tmp_path, {"creatinine": plain})
    assert "its values are without a unit" in said
    assert "received values in `mg/dL`, in what is no unit of UCUM." in said
    write(folder, Observation_3=[observation("m1", "p2", CREATININE, "2020-01-01", quantity(1, None))])
    assert "values without a unit" in refusal(tmp_path, {"creatinine": LABS | {"take": "last"}})
    made = read(tmp_path, {"creatinine": LABS | {"take": "last", "other_units": {"": 1.0}}})
    assert list(made.frame["creatinine"]) == [3.0, 1.0]


def test_what_was_entered_in_error_is_left_out_and_counted(folder, tmp_path):
    error = {"status": "entered-in-error"}
    wrong = [observation(f"w{at}", "p1", CREATININE, "2020-02-29T11:00:00Z", 99, **error) for at in range(12)]
    refuted = condition("c2", "p2", "I10", "2019-05-01", verificationStatus=concept("x", "entered-in-error"))
    write(folder, Observation_3=wrong, Condition=[condition("c1", "p1", "E11.9", "2019-05-01"), refuted])
    codes = [f"{ICD}|E11*", f"{ICD}|I10"]
    made = read(
        tmp_path,
        {"last": LABS | {"take": "last"}, "ill": {"view": "conditions", "codes": codes, "take": "exists"}},
    )
    assert list(made.frame["last"][:1]) == [3.0]
    assert list(made.frame["ill"]) == [1.0, 0.0]
    assert "12 resources `Observation` were entered in error and left out." in made.notes
    assert "fewer than 11 resources `Condition` were entered in error and left out." in made.notes
    assert f"`ill`: no record has the code `{ICD}|I10`." in made.notes


def test_comparators_are_declared_and_counted(folder, tmp_path):
    below = [observation("b1", "p2", CREATININE, "2020-01-01", quantity(0.2, comparator="<"))]
    write(folder, Observation_3=below)
    said = refusal(tmp_path, {"creatinine": LABS | {"take": "last"}})
    assert "some with a comparator, such as `<5`. Say `inequalities: bound` or `missing`." in said
    for how, value, became in (("bound", 0.2, "the bound"), ("missing", np.nan, "missing")):
        made = read(tmp_path, {"creatinine": LABS | {"take": "last", "inequalities": how}})
        np.testing.assert_array_equal(made.frame["creatinine"], [3.0, value])
        assert (
            f"`creatinine`: fewer than 11 values with a comparator, such as `<5`, were taken as {became}." in made.notes
        )


def test_references_are_followed_or_counted(folder, tmp_path):
    lost = [observation(f"l{at}", "nobody", CREATININE, "2020-01-01", 7) for at in range(20)]
    lost[0]["subject"] = {"reference": "urn:uuid:0"}
    lost[1]["subject"] = {"reference": "Group/p2"}
    lost[2]["subject"] = {"reference": "Patient/p2/_history/3"}
    lost[3]["subject"] = {"reference": "https://a.server/fhir/Patient/p2"}
    write(folder, Observation_3=lost)
    made = read(tmp_path, {"n": {"view": "observations", "codes": LABS["codes"], "take": "count"}})
    assert list(made.frame["n"]) == [3.0, 2.0]
    assert "18 resources of the view `observations` name no patient of the cohort and were left out." in made.notes
    assert "fewer than 11 references to a version of a patient were taken for references to the patient." in made.notes


def test_what_has_no_whole_date_is_left_out_and_counted(folder, tmp_path):
    vague = [observation(f"v{at}", "p2", CREATININE, day, 7) for at, day in enumerate(["2019", "2019-05", "soon"])]
    vague.append(observation("v9", "p2", CREATININE, "2019-05-01", 7))
    del vague[0]["effectiveDateTime"]
    write(folder, Observation_3=vague)
    made = read(tmp_path, {"n": {"view": "observations", "codes": LABS["codes"], "take": "count"}})
    assert list(made.frame["n"]) == [3.0, 1.0]
    assert "`n`: fewer than 11 rows without a whole date were left out." in made.notes


def test_a_record_with_two_codes_counts_once(folder, tmp_path):
    both = observation("b1", "p2", CREATININE, "2020-01-01", 1.0)
    both["code"] = concept(LOINC, CREATININE, (LOINC, "38483-4"))
    write(folder, Observation_3=[both])
    codes = [f"{LOINC}|{CREATININE}", f"{LOINC}|38483-4"]
    made = read(tmp_path, {"n": {"view": "observations", "codes": codes, "take": "count"}})
    assert list(made.frame["n"]) == [3.0, 1.0]


def test_texts_and_truth_values_are_taken_too(folder, tmp_path):
    said = [
        observation("t1", "p1", SMOKING, "2020-01-01", None, valueCodeableConcept=concept("http://s", "never")),
        observation("t2", "p2", SMOKING, "2020-01-01", None, valueCodeableConcept=concept("http://s", "daily")),
        observation("t3", "p2", SMOKING, "2020-02-01", None, valueCodeableConcept=concept("http://s", "former")),
        observation("t4", "p2", "1-1", "2020-02-01", None, valueBoolean=True),
    ]
    for each in said:
        del each["valueQuantity"]
    write(folder, Observation_3=said)
    smoking = {"view": "observations", "codes": [f"{LOINC}|{SMOKING}"], "of": "text"}
    made = read(
        tmp_path,
        {
            "smoking": smoking | {"take": "last"},
            "once": smoking | {"take": "first"},
            "yes": {"view": "observations", "codes": [f"{LOINC}|1-1"], "of": "truth", "take": "last"},
        },
    )
    assert list(made.frame["smoking"]) == ["never", "former"]
    assert list(made.frame["once"]) == ["never", "daily"]
    np.testing.assert_array_equal(made.frame["yes"], [np.nan, 1.0])
    assert "its values are numbers, or all are texts" in refusal(tmp_path, {"smoking": smoking | {"take": "mean"}})


def own_view(folder: Path, **changes: Any) -> None:
    view = {
        "resourceType": "ViewDefinition",
        "resource": "Observation",
        "select": [
            {
                "column": [
                    {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                    {"name": "time", "path": "effective.ofType(dateTime)"},
                    {
                        "name": "pulse",
                        "path": "component[0].value.ofType(Quantity).value - component[1].valueQuantity.value",
                    },
                ]
            }
        ],
        "where": [{"path": f"code.coding.exists(code = '{PRESSURE}')"}],
    }
    (folder.parent / "pulse.json").write_text(json.dumps(view | changes), "utf-8")


PULSE = {"pulse": {"view": "pulse.json", "of": "pulse", "take": "last"}}


def test_a_view_of_the_study_is_run(folder, tmp_path):
    own_view(folder)
    made = read(tmp_path, PULSE)
    assert list(made.frame["pulse"]) == [40.0, 50.0]
    assert ", views sha256:" in made.version
    own_view(folder, title="Pulse")
    assert read(tmp_path, PULSE).version != made.version


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"select": []}, "received a view without columns"),
        ({"where": [{"path": "status = 'amended'"}]}, "view `pulse.json`: it gives rows; received none of 6 resources"),
        ({"where": [{"path": "status"}]}, "received one with the condition `status`, which is neither true nor false"),
        ({"where": [{"path": "id +"}]}, "received in the path `id +`, an end where a value should stand"),
        (
            {"select": [{"column": [{"name": "patient", "path": "id"}]}]},
            "it has a column `time`, which `pulse` asks for",
        ),
    ],
)
def test_a_view_that_is_none_or_gives_nothing_is_refused(folder, tmp_path, changes, said):
    own_view(folder, **changes)
    assert said in refusal(tmp_path, PULSE)


def test_a_view_that_is_missing_or_no_json_is_refused(folder, tmp_path):
    assert "view `sources/s/pulse.json`: it is a ViewDefinition in JSON; received no such file" in refusal(
        tmp_path, PULSE
    )
    (folder.parent / "pulse.json").write_text("{", "utf-8")
    assert "received what is no JSON" in refusal(tmp_path, PULSE)


COUNT = {"n": {"view": "observations", "codes": LABS["codes"], "take": "count"}}


def spoil_truncated(folder: Path) -> None:
    file = folder / "Observation.1.ndjson"
    file.write_bytes(file.read_bytes()[:-40])


def spoil_packed(folder: Path) -> None:
    file = pack(folder / "Observation.1.ndjson")
    file.write_bytes(file.read_bytes()[:-20])


def spoil_mixed(folder: Path) -> None:
    with (folder / "Observation.1.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps(patient("p9")) + "\n")


def spoil_other(folder: Path) -> None:
    (folder / "Observation.1.ndjson").write_text("[1]\n", "utf-8")


def spoil_release(folder: Path) -> None:
    write(folder, Condition=[condition("c1", "p1", "I10", "2020-01-01", clinicalStatus="active")])


def spoil_type(folder: Path) -> None:
    write(folder, MedicationOrder=[{"resourceType": "MedicationOrder", "id": "m1"}])


def spoil_twice(folder: Path) -> None:
    write(folder, Observation_8=[observation("o1", "p1", CREATININE, "2020-02-01", 1.0)])


def spoil_patients(folder: Path) -> None:
    (folder / "Patient.ndjson").unlink()


def spoil_codes(folder: Path) -> None:
    (folder / "Observation.1.ndjson").unlink()


def spoil_file(folder: Path) -> None:
    (folder / "Miller.xml").write_text("x", "utf-8")


def spoil_folder(folder: Path) -> None:
    (folder / "2020").mkdir()


def spoil_bundle(folder: Path) -> None:
    (folder / "Ada_Lovelace.json").write_text('{"resourceType": "Bundle", "entry": [', "utf-8")


def spoil_single(folder: Path) -> None:
    (folder / "Ada_Lovelace.json").write_text(json.dumps(patient("p8")), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            spoil_truncated,
            "(`Observation`): every line is one resource in JSON; received another line 4, the last",
        ),
        (spoil_packed, "it can be read to its end; received a file that is truncated or damaged"),
        (spoil_mixed, "a file of NDJSON holds resources of one type; received a `Patient` in line 5"),
        (spoil_other, "it is a resource of FHIR, with a `resourceType`; received something else"),
        (spoil_release, "the records are of FHIR R4; received `Condition.clinicalStatus` as in DSTU 2 and STU 3"),
        (spoil_type, "received a resource `MedicationOrder`, which DSTU 2 has and R4 has not"),
        (spoil_twice, "each is there once, by its type and id; received 1 more than once"),
        (spoil_patients, "received none of 0 resources `Patient`"),
        (spoil_codes, "a row of the view `observations` has one of its codes; received none of 6 rows"),
        (spoil_file, "received a file whose name ends otherwise in it"),
        (spoil_folder, "received a folder in it"),
        (spoil_bundle, "a file `.json` is one Bundle; received what is no JSON, or is truncated"),
        (spoil_single, "a file `.json` is one Bundle; received a `Patient`"),
    ],
)
def test_a_bad_export_is_refused_in_one_line_without_a_name(folder, tmp_path, spoil, said):
    spoil(folder)
    heard = refusal(tmp_path, COUNT)
    assert said in heard
    assert not {"Lovelace", "Miller"} & set(heard.replace("_", " ").replace("/", " ").split())
    assert heard.startswith("records `sources/s/export`")


def test_an_export_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "sources" / "s").mkdir(parents=True)
    assert "there is an export of FHIR: a folder, or one file; received nothing there" in refusal(tmp_path, COUNT)
    (tmp_path / "sources" / "s" / "export").mkdir()
    assert "received an empty folder" in refusal(tmp_path, COUNT)


def test_a_folder_of_bundles_is_an_export_too(tmp_path):
    folder = tmp_path / "sources" / "s" / "export"
    folder.mkdir(parents=True)
    for at, key in enumerate(("p1", "p2")):
        who = {"reference": f"urn:uuid:{key}"}
        entries = [
            {"fullUrl": f"urn:uuid:{key}", "resource": {k: v for k, v in patient(key).items() if k != "id"}},
            {"fullUrl": f"urn:uuid:e{at}", "resource": encounter(f"e{at}", key, "2020-03-01") | {"subject": who}},
            {"resource": observation(f"o{at}", key, CREATININE, "2020-02-01", at) | {"subject": who}},
        ]
        content = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (folder / f"{key}.json").write_text(json.dumps(content), "utf-8")
    made = read(tmp_path, {"last": LABS | {"take": "last"}})
    assert made.frame[["patient", "last"]].to_dict("list") == {"patient": ["p1", "p2"], "last": [0.0, 1.0]}


def later(root: Path, content: dict[str, Any], columns: dict[str, Any]) -> RawTable:
    file = root / "later" / "Ada_Lovelace.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), "utf-8")
    spec = source(columns)
    assert spec.takes(file)
    return read_later_records(spec, file, root / "sources" / "s", environ={})


COLUMNS = {
    "last": LABS | {"take": "last"},
    "n": {"view": "observations", "codes": LABS["codes"], "take": "count"},
    "ill": {"view": "conditions", "codes": [f"{ICD}|I10"], "take": "exists"},
    "died": DEATH | {"take": "exists"},
}


def test_a_bundle_of_a_later_patient_is_read_by_the_same_recipe(tmp_path):
    (tmp_path / "sources" / "s").mkdir(parents=True)
    records = [patient("x"), encounter("e", "x", "2021-01-01"), observation("o", "x", CREATININE, "2020-12-24", 2.5)]
    row = later(tmp_path, bundle(*records), COLUMNS).frame.iloc[0]
    assert (row["age"], row["last"], row["n"]) == (70.0, 2.5, 1.0)
    assert np.isnan(row["ill"]), "no conditions were sent, so that nobody knows"
    searched = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": "https://s/fhir/Condition?patient=x"}],
    }
    row = later(tmp_path, bundle(*records, searched), COLUMNS).frame.iloc[0]
    assert row["ill"] == 0.0, "conditions were asked for, and there are none"


def test_an_empty_file_says_that_there_are_none(folder, tmp_path):
    def ill() -> list[float]:
        return list(read_later_records(source(COLUMNS), folder, folder.parent, environ={}).frame["ill"])

    (folder / "Patient.ndjson").write_text("".join(f"{json.dumps(patient(key))}\n" for key in ("p1", "p2")), "utf-8")
    assert np.isnan(ill()).all()
    write(folder, Condition=[])
    assert ill() == [0.0, 0.0]


def test_a_later_patient_without_an_index_date_is_refused(tmp_path):
    (tmp_path / "sources" / "s").mkdir(parents=True)
    with pytest.raises(DataError, match="every later patient has one; received patients without") as caught:
        later(tmp_path, bundle(patient("x")), COLUMNS)
    assert "Lovelace" not in str(caught.value).replace("Ada_Lovelace.json", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"view": "labs"}, "a view is one of `conditions`, `deaths`"),
        ({"codes": ["2160-0"]}, "a code is written with its system"),
        ({"codes": ["a|b", "a|b"]}, "each of the `codes` is named once"),
        ({"window": {"first_day": 1, "last_day": 0}}, "`first_day` is not after `last_day`"),
        ({"take": "count"}, "`take: count` has no use for a `unit`"),
        ({"unit": None, "other_units": {"g": 1.0}}, "`other_units` are converted to a `unit`"),
        ({"otherwise": {"view": "deaths", "take": "exists"}}, "takes something else `otherwise`"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_before_anything_is_read(changes, said):
    with pytest.raises(DataError) as caught:
        source({"a": LABS | {"take": "last"} | changes})
    assert said in str(caught.value)


@pytest.mark.parametrize("index", [{}, {"view": "encounters", "day": "2020-01-01"}])
def test_there_is_one_index_date(index):
    with pytest.raises(DataError, match="an index date is that of a `view`, or one `day` for all"):
        source({}, index=index)


def test_a_recipe_in_yaml_is_that_in_json():
    spec = source(COLUMNS, index={"day": "2020-03-02"})
    again = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    assert spec_of(FhirSource, again, subject="s", remedy="r") == spec
    assert spec.after_index == ("died",)
