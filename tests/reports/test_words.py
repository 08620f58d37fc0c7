"""Numbers, counts and groups in words."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.evidence.types import Estimate
from theragate.reports._words import (
    attribute_title,
    counts_text,
    importances,
    interval_text,
    number_text,
    patients_line,
    percent_text,
)


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(0.8149, 2, "0.81"), (-0.5, 1, "−0.5"), (-0.001, 2, "0.00"), (12345.6, 0, "12,346"), (-0.0, 3, "0.000")],
)
def test_number(value, digits, written):
    assert number_text(value, digits) == written


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
@hypothesis_settings(deadline=None)
def test_a_written_number_reads_back_as_the_rounded_one(value, digits):
    read = float(number_text(value, digits).replace("−", "-").replace(",", ""))
    assert math.isclose(read, value, abs_tol=0.5 * 10**-digits + 1e-9)
    assert not number_text(value, digits).startswith("-")


def test_interval():
    assert interval_text(Estimate(value=0.8, lower=0.7, upper=0.9, method="m")) == "0.80 (0.70 to 0.90)"
    assert interval_text(Estimate(value=0.8, method="m")) == "0.80 (no interval)"
    assert interval_text(Estimate.absent("one class")) == "not estimable: one class"
    assert interval_text(Estimate.absent("withheld: a small cell")) == "withheld: a small cell"


@pytest.mark.parametrize(("share", "written"), [(0.1, "10%"), (0.025, "2.5%"), (1.0, "100%"), (0.07, "7%")])
def test_percent(share, written):
    assert percent_text(share) == written


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


def test_importances_skip_what_is_not_finite():
    record = {"importances": {"a": {"mean": math.nan, "sd": 0.1}, "b": {"mean": 0.2, "sd": 0.1}}}
    assert importances(record) == [("b", 0.2, 0.1)]
    assert importances({}) == []
