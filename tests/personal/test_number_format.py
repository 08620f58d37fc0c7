import pytest

from theragate.personal.number_format import PERCENT, POINTS, change, estimate, told


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.2, PERCENT, "20%"), (0.07, POINTS, "7 percentage points"), (30.0, "days", "30 days"), (0.0, "days", "0 days")],
)
def test_a_declared_number_is_told_in_its_unit(value, unit, text):
    assert told(value, unit) == text


@pytest.mark.parametrize(
    ("by", "unit", "text"),
    [(0.123, PERCENT, "+12.3 points"), (-0.041, POINTS, "−4.1 points"), (-12.34, "days", "−12.3 days")],
)
def test_a_change_is_told_with_its_sign(by, unit, text):
    assert change(by, unit) == text


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
def test_an_estimate_is_told_with_its_limits(numbers, unit, text):
    value, lower, upper = numbers
    assert estimate(value, (lower, upper), unit) == text
