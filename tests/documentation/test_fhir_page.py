"""What the page about records in FHIR shows is what becomes of records."""

import json
import re
from pathlib import Path

import pandas as pd
import yaml
from cohorts.fhir.records import condition, encounter, observation, patient, pressure, quantity, write
from support import ROOT

from theragate.cohorts.fhir import compile_view
from theragate.cohorts.fhir.standard_views import VIEWS
from theragate.cohorts.sources import read_source
from theragate.study import STANDARD_VIEWS, FhirSource, spec_of

PAGE = (ROOT / "docs" / "sources" / "fhir.md").read_text(encoding="utf-8")
CLASSES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def stay(key: str, who: str, day: str, code: str = "IMP") -> dict[str, object]:
    return encounter(key, who, day, **{"class": {"system": CLASSES, "code": code}})


def test_the_example_makes_the_table_of_the_page(tmp_path: Path):
    spec = spec_of(FhirSource, yaml.safe_load(examples("yaml")[0])["source"], subject="the page", remedy="Correct it.")
    write(
        tmp_path / "sources" / "my_study" / "export",
        Patient=[
            patient("a1"),
            patient("b2", gender="male", birthDate="1963-01-01", deceasedDateTime="2020-04-01"),
        ],
        Encounter=[
            stay("e1", "a1", "2020-03-01"),
            stay("e2", "a1", "2019-05-01", "AMB"),
            stay("e3", "a1", "2020-02-28", "AMB"),
            stay("e4", "b2", "2020-03-01"),
        ],
        Condition=[condition("c1", "a1", "E11.9", "2018-01-01")],
        Observation=[
            observation("o1", "a1", "2160-0", "2020-02-28", 1.4),
            observation("o2", "b2", "14682-9", "2020-02-28", quantity(0.9 / 0.01131, "umol/L")),
        ],
    )
    found = read_source(spec, tmp_path, study="my_study").frame.round(6)
    lines = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| (patient|a1|b2) \|", line)]
    shown = pd.DataFrame(lines[1:], columns=lines[0])
    for name in shown:
        expected = shown[name] if name in {"patient", "gender"} else shown[name].astype(float)
        pd.testing.assert_series_equal(found[name], expected, check_dtype=False)
    assert set(found) == set(shown)


def test_the_other_examples_are_read():
    columns = yaml.safe_load(examples("yaml")[1])["columns"]
    content = yaml.safe_load(examples("yaml")[0])["source"] | {"columns": columns}
    assert spec_of(FhirSource, content, subject="the page", remedy="Correct it.").after_index == ("days", "died")
    view = compile_view(json.loads(examples("json")[0]))
    assert view.rows(pressure("o", "a1", "2020-03-01", 120, 80)) == [("a1", "2020-03-01", 40)]


def test_every_standard_view_is_in_the_table_with_its_columns():
    cells = [line.strip("|").split("|") for line in PAGE.splitlines()]
    rows = {row[0].strip("` "): row[2] for row in cells if len(row) > 2}
    assert set(VIEWS) == set(STANDARD_VIEWS)
    for name in STANDARD_VIEWS:
        for column in compile_view(VIEWS[name]).columns:
            assert column.name in {"patient", "time"} or f"`{column.name}`" in rows[name]
