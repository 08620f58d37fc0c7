"""One line says which key of a file is wrong, by which rule, and what was received; a private value is not shown."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Self

import pytest
from pydantic import Field, model_validator

from theragate.errors import ConfigurationError, DataError
from theragate.study import Spec, read_spec, spec_of, unfit


class Visit(Spec):
    day: date
    systolic: Annotated[float, Field(gt=0)]


class Chart(Spec):
    patient: str
    visits: tuple[Visit, ...]


GOOD = {"patient": "p1", "visits": [{"day": "2026-11-24", "systolic": 128}]}


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_file_is_read_into_its_spec(tmp_path):
    chart = read_spec(Chart, written(tmp_path / "chart.json", GOOD), remedy="Restore it.")
    assert chart == Chart(patient="p1", visits=(Visit(day=date(2026, 11, 24), systolic=128.0),))


def test_a_missing_file_and_one_that_is_no_json_say_what_restores_them(tmp_path):
    with pytest.raises(DataError, match=r"chart\.json: .*; received no such file\. Restore it\."):
        read_spec(Chart, tmp_path / "chart.json", remedy="Restore it.", outdated="Write it again.")
    (tmp_path / "chart.json").write_text("{")
    with pytest.raises(DataError, match=r"chart\.json: .*not valid JSON \(line 1\)\. Restore it\."):
        read_spec(Chart, tmp_path / "chart.json", remedy="Restore it.", outdated="Write it again.")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "the chart: this entry is a mapping of keys to values; received []."),
        ({**GOOD, "ward": 1}, "the chart, key `ward`: there is no such key; received an unknown key."),
        ({"patient": "p1"}, "the chart, key `visits`: this key is required; received none."),
        ({}, "the chart, key `patient`: this key is required; received none (and 1 more)."),
        ({**GOOD, "patient": 7}, "the chart, key `patient`: the value should be a valid string; received 7."),
        (
            {**GOOD, "visits": [{"day": "2026-11-24", "systolic": "128"}]},
            "the chart, key `visits.0.systolic`: the value should be a valid number; received '128'.",
        ),
        ({**GOOD, "patient": "\ud800"}, "the chart: it is text; received half of a character."),
        ({**GOOD, "patient": {1}}, "the chart: it is JSON; received what JSON cannot say."),
        ({**GOOD, "patient": float("nan")}, "the chart: it is JSON; received what JSON cannot say."),
    ],
)
def test_the_first_wrong_key_is_named(value, message):
    with pytest.raises(ConfigurationError) as refused:
        spec_of(Chart, value, subject="the chart", remedy="Correct it.", error=ConfigurationError)
    assert str(refused.value) == f"{message} Correct it."


def test_what_may_be_a_patients_value_is_not_shown():
    value = {**GOOD, "visits": [{"day": "2026-11-24", "systolic": -128.5}]}
    with pytest.raises(
        DataError, match=r"`visits\.0\.systolic`: .*; received a value that is not shown here"
    ) as refused:
        spec_of(Chart, value, subject="the chart", remedy="Correct it.", private=True)
    assert "128" not in str(refused.value)


class Limits(Spec):
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise unfit("`low` is at most `high`", f"{self.low:g} and {self.high:g}")
        return self


def test_a_validator_says_which_part_of_its_entry_was_received():
    with pytest.raises(DataError, match="the limits: `low` is at most `high`; received 3 and 2"):
        spec_of(Limits, {"low": 3, "high": 2}, subject="the limits", remedy="")
    with pytest.raises(DataError, match="`low` is at most `high`; received a value that is not shown here"):
        spec_of(Limits, {"low": 3, "high": 2}, subject="the limits", remedy="", private=True)


def test_a_mapping_of_specs_is_read_alike():
    assert spec_of(dict[str, Chart], {"a": GOOD}, subject="charts", remedy="")["a"].patient == "p1"
    with pytest.raises(DataError, match=r"charts, key `a\.visits`: this key is required"):
        spec_of(dict[str, Chart], {"a": {"patient": "p1"}}, subject="charts", remedy="")
