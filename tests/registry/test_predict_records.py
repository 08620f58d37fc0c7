"""Records of a later patient, through the recipe that makes the cohort, to the champion's answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cohorts.fhir.records import bundle, encounter, observation, patient, quantity
from patients import make_world

from theragate.errors import ConfigurationError, DataError
from theragate.personal.answers import PersonalModel
from theragate.registry.loading import Champion
from theragate.registry.predict import DeclaredSource, InputForm, predict_file
from theragate.study import FhirSource, spec_of

VIEW = {
    "resource": "Patient",
    "select": [
        {
            "column": [
                {"name": "patient", "path": "getResourceKey()"},
                {"name": "birth_date", "path": "birthDate"},
                {"name": "sex", "path": "extension('http://x/sex').value.ofType(code)"},
            ]
        }
    ],
}
MARKER = {"view": "observations", "codes": ["http://loinc.org|2160-0"], "take": "last", "unit": "mg/dL"}
ILL = {
    "view": "encounters",
    "codes": ["http://x/act|EMER"],
    "take": "exists",
    "window": {"first_day": 1, "last_day": 90},
}


@pytest.fixture(scope="module")
def personal() -> PersonalModel:
    return make_world("binary", "logistic").fitted.personal


@pytest.fixture
def declared(tmp_path: Path) -> DeclaredSource:
    folder = tmp_path / "sources" / "small_binary"
    folder.mkdir(parents=True)
    (folder / "patients.json").write_text(json.dumps(VIEW), "utf-8")
    content = {
        "kind": "fhir",
        "path": "export",
        "citation": "The clinic.",
        "licence": "None needed.",
        "patients": "patients.json",
        "index": {"view": "encounters", "codes": ["http://x/act|IMP"]},
        "columns": {"marker": MARKER, "ill": ILL},
    }
    return DeclaredSource(spec_of(FhirSource, content, subject="the source", remedy="None."), (), folder)


def records() -> list[dict[str, Any]]:
    who = patient("x7", birthDate="1960-01-01", extension=[{"url": "http://x/sex", "valueCode": "f"}])
    return [
        who,
        encounter("e", "x7", "2020-06-01"),
        observation("o1", "x7", "2160-0", "2020-05-01", quantity(0.5)),
        observation("o2", "x7", "2160-0", "2020-06-01", quantity(12.5, "mg/L")),
        observation("o3", "x7", "2160-0", "2020-07-01", quantity(3.0)),
    ]


def answers(personal: PersonalModel, declared: DeclaredSource, content: Any, **options: Any) -> pd.DataFrame:
    file = declared.folder.parents[1] / "later.json"
    file.write_text(json.dumps(content), "utf-8")
    champion = Champion("small_binary", "1", None, None, personal)  # type: ignore[arg-type] # nothing of them is asked
    target = file.with_name("answers.parquet")
    predict_file(champion, file, target, declared=declared, **{"id_column": "patient"} | options)
    return pd.read_parquet(target)


def test_a_bundle_is_answered_as_the_row_that_it_is(personal, declared):
    expected = personal.answer(pd.DataFrame({"age": [60.0], "sex": ["f"], "marker": [1.25]}))
    found = answers(personal, declared, bundle(*records()))
    assert list(found["patient"]) == ["x7"]
    assert expected["prediction"].notna().all()
    np.testing.assert_array_equal(found["prediction"], expected["prediction"])


def test_what_was_not_sent_is_missing(personal, declared):
    expected = personal.answer(pd.DataFrame({"age": [60.0], "sex": ["f"], "marker": [np.nan]}))
    found = answers(personal, declared, bundle(*records()[:2]))
    np.testing.assert_array_equal(found["prediction"], expected["prediction"])
    assert list(found["reason"]) == list(expected["reason"])


def test_records_are_read_by_the_recipe_alone(personal, declared):
    with pytest.raises(ConfigurationError, match="records, which are read by the study's own recipe"):
        answers(personal, declared, bundle(*records()), form=InputForm(encoding="cp1252"))
    with pytest.raises(DataError, match="it is a resource of FHIR, with a `resourceType`; received something else"):
        answers(personal, declared, records())
