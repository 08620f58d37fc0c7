"""How numbers are written."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.evidence.catalogue import METRICS
from theragate.evidence.writing import band, decimals_in_figure, decimals_of, interval
from theragate.numbers import PERCENT, POINTS, change, declared, declared_in, interval_in, number, percent, significant


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.5, 2, "0.50"),
        (-0.5, 2, "−0.50"),
        (-0.0004, 3, "0.000"),
        (0.0, 1, "0.0"),
        (12345.6, 0, "12,346"),
        (-1234.5, 1, "−1,234.5"),
        (0.8149, 2, "0.81"),
        (-0.5, 1, "−0.5"),
        (-0.001, 2, "0.00"),
        (-0.0, 3, "0.000"),
    ],
)
def test_a_number_has_a_true_minus_and_no_minus_zero(value, decimals, text):
    assert number(value, decimals) == text


def test_an_interval_has_the_decimals_of_its_metric():
    assert interval("sensitivity", 0.93, lower=0.88, upper=0.96) == "0.930 (0.880 to 0.960)"
    assert interval("mean_error", -1.26, lower=-3.0, upper=0.5) == "−1.3 (−3.0 to 0.5)"
    assert interval("auroc", 0.01, lower=-0.01, upper=0.03, difference=True) == "+0.010 (−0.010 to 0.030)"
    assert interval("auroc", 0.9) == "0.900 (no interval)"
    assert band("auroc", 0.7, 0.81) == "0.700 to 0.810"
    assert interval("log_observed_expected", 0.0, lower=-0.6931472, upper=0.6931472) == "1.00 (0.50 to 2.00)"


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
@hypothesis_settings(deadline=None)
def test_a_written_number_reads_back_as_the_rounded_one(value, decimals):
    read = float(number(value, decimals).replace("−", "-").replace(",", ""))
    assert math.isclose(read, value, abs_tol=0.5 * 10**-decimals + 1e-9)
    assert not number(value, decimals).startswith("-")


@pytest.mark.parametrize(
    ("share", "text"), [(0.1, "10%"), (0.025, "2.5%"), (1.0, "100%"), (0.07, "7%"), (0.125, "12.5%"), (-0.5, "−50%")]
)
def test_percent(share, text):
    assert percent(share) == text


def test_a_percentage_may_have_a_fixed_number_of_decimals():
    assert [percent(0.12, 1), percent(0.999, 0), percent(-0.0001, 1)] == ["12.0%", "100%", "0.0%"]


def test_a_limit_is_written_as_it_was_declared():
    assert [declared(-0.002), declared(0.0), declared(1.25), declared(30.0)] == ["−0.002", "0", "1.25", "30"]


def test_significant_digits_hold_for_any_unit():
    assert [significant(0.031234), significant(-12.345), significant(0.0456, 2)] == ["0.0312", "−12.3", "0.046"]


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [
        ((99.1, 22.3, 175.9), 0),
        ((-1.48, -12.6, 3.14), 1),
        ((0.06, 0.02, 0.1), 3),
        ((0.001, None, 0.004), 5),
        ((0.0,), 3),
    ],
)
def test_an_effect_has_the_decimals_that_its_size_requires(numbers, decimals):
    assert decimals_of("average_effect", *numbers) == decimals


def test_every_metric_says_how_it_is_written():
    for name, metric in METRICS.items():
        if metric.decimals is None:
            assert metric.tasks == ("treatment_effect",)
        else:
            assert decimals_of(name, 1234.5) == metric.decimals in range(1, 5)
        assert 0 <= decimals_of(name, 0.5) - decimals_in_figure(name, 0.5) <= 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.2, PERCENT, "20%"), (0.07, POINTS, "7 percentage points"), (30.0, "days", "30 days"), (0.0, "days", "0 days")],
)
def test_a_declared_number_is_written_in_its_unit(value, unit, text):
    assert declared_in(unit, value) == text


@pytest.mark.parametrize(
    ("by", "unit", "text"),
    [
        (0.123, PERCENT, "+12.3 points"),
        (-0.041, POINTS, "−4.1 points"),
        (-12.34, "days", "−12.3 days"),
        (-1e-6, POINTS, "+0.0 points"),
    ],
)
def test_a_change_is_written_with_its_sign(by, unit, text):
    assert change(unit, by) == text


@pytest.mark.parametrize(
    ("numbers", "unit", "text"),
    [
        ((0.0603, 0.0219, 0.0987), POINTS, "6.0 (2.2 to 9.9) percentage points"),
        ((0.0001, -0.0201, 0.0203), POINTS, "0.0 (−2.0 to 2.0) percentage points"),
        ((99.08, 23.2, 174.9), "days", "99 (23 to 175) days"),
        ((0.52, -0.11, 1.15), "mmol/l", "0.52 (−0.11 to 1.15) mmol/l"),
        ((0.0, 0.0, 0.0), "days", "0.0 (0.0 to 0.0) days"),
        ((12_345.0, -9_000.0, 30_000.0), "cells", "12,345 (−9,000 to 30,000) cells"),
    ],
)
def test_an_estimate_is_written_in_its_unit_with_its_limits(numbers, unit, text):
    value, lower, upper = numbers
    assert interval_in(unit, value, lower, upper) == text
