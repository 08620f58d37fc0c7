"""Numbers, counts and groups in words."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError
from records_by_hand import training_record

from theragate.evidence.types import Estimate
from theragate.learning.record import Importance
from theragate.reports._words import (
    attribute_title,
    counts_text,
    estimate_text,
    importances,
    patients_line,
)


def test_an_estimate_in_a_figure():
    assert estimate_text("sensitivity", Estimate(value=0.8, lower=0.7, upper=0.9, method="m")) == "0.80 (0.70 to 0.90)"
    assert estimate_text("auroc", Estimate(value=0.8, method="m")) == "0.800 (no interval)"
    assert estimate_text("auroc", Estimate.absent("one class")) == "not estimable: one class"
    assert estimate_text("auroc", Estimate.absent("withheld: a small cell")) == "withheld: a small cell"


def test_effects_on_one_scale_have_their_decimals_in_common():
    gain = Estimate(value=-1.48, lower=-12.64, upper=3.14, method="m")
    assert estimate_text("policy_gain", gain) == "−1.5 (−12.6 to 3.1)"
    assert estimate_text("policy_gain", gain, scale=(0.0, 176.0)) == "−1 (−13 to 3)"


@pytest.mark.parametrize(
    ("patients", "events", "non_events", "written"),
    [
        (500, 138, 362, ("500", "138")),
        (12345, None, None, ("12,345", "–")),
        (10, 3, 7, ("<11", "<11")),
        (1, None, None, ("<11", "–")),
        (11, 11, 0, ("11", "11")),
        (40, 0, 40, ("40", "0")),
        (100, 4, 96, ("100", "<11")),
        (100, 95, 5, ("100", ">89")),
    ],
)
def test_counts_below_eleven_are_not_written(patients, events, non_events, written):
    assert counts_text(patients, events, non_events) == written


@given(st.integers(0, 60), st.integers(0, 60))
@hypothesis_settings(deadline=None)
def test_no_count_below_eleven_can_be_read_off_or_subtracted(events, non_events):
    patients, written = counts_text(events + non_events, events, non_events)
    if patients.isdigit() and written.isdigit():
        exact = {int(patients), int(written), int(patients) - int(written)}
        assert not exact & set(range(1, 11))


def test_titles_of_crossed_attributes(studies):
    study = studies["heart_attack_survival"]
    assert attribute_title(study, "sex") == "Sex"
    assert attribute_title(study, "sex & age_band") == "Sex × Age in years"
    assert attribute_title(study, "unheard_of") == "unheard_of"


def test_patients_line(make_evidence, studies):
    binary = patients_line(make_evidence("breast_cancer_diagnosis"), studies["breast_cancer_diagnosis"])
    assert binary.startswith("500 patients, 138 malignant, ")
    quantity = patients_line(make_evidence("diabetes_progression"), studies["diabetes_progression"])
    assert quantity.startswith("500 patients, each predicted")


def test_importances_fall_and_none_is_not_finite():
    record = training_record(importances={"a": {"mean": 0.1, "sd": 0.1}, "b": {"mean": 0.2, "sd": 0.1}})
    assert importances(record) == [("b", 0.2, 0.1), ("a", 0.1, 0.1)]
    assert importances(training_record(importances={})) == []
    for number in (math.nan, math.inf):
        with pytest.raises(ValidationError, match="finite"):
            Importance(mean=number, sd=0.1)
