"""Units by UCUM: what becomes of a number, and what is not converted."""

import math

import pytest

from theragate.cohorts.units import conversion, is_unit


@pytest.mark.parametrize(
    ("number", "received", "wanted", "expected"),
    [
        (1.2, "mg/dL", "mg/dL", 1.2),
        (1.2, "mg/dL", "mg/L", 12.0),
        (1.2, "mg/dL", "g/l", 0.012),
        (88.4, "umol/L", "mmol/L", 0.0884),
        (88.4, "\N{MICRO SIGN}mol/L", "umol/L", 88.4),
        (5.0, "10*9/L", "10*3/uL", 5.0),
        (5.0, "10^9/L", "10*3/uL", 5.0),
        (5000.0, "/uL", "10*9/L", 5.0),
        (5000.0, "{cells}/uL", "10*9/L", 5.0),
        (70.0, "{beats}/min", "/min", 70.0),
        (98.6, "[degF]", "Cel", 37.0),
        (37.0, "Cel", "K", 310.15),
        (120.0, "mm[Hg]", "kPa", 15.99864),
        (150.0, "[lb_av]", "kg", 68.0388555),
        (70.0, "[in_i]", "cm", 177.8),
        (2.0, "wk", "d", 14.0),
        (40.0, "U/L", "ukat/L", 0.6667),
        (5.5, "%", "1", 0.055),
        (30.0, "mg/g{creat}", "mg/g", 30.0),
        (90.0, "mL/min/{1.73_m2}", "mL/min", 90.0),
        (25.0, "kg/m2", "g/cm2", 2.5),
        (3.0, "m[IU]/L", "[IU]/L", 0.003),
        (1.0, "mg/(kg.h)", "ug/kg/min", 16.6667),
    ],
)
def test_a_number_is_converted(number, received, wanted, expected):
    found = conversion(received, wanted)
    assert found is not None
    assert math.isclose(found(number), expected, rel_tol=1e-4)


@pytest.mark.parametrize(
    ("received", "wanted"),
    [
        ("mg/dL", "mmol/L"),
        ("[IU]/L", "U/L"),
        ("meq/L", "mmol/L"),
        ("mmHg", "mm[Hg]"),
        ("", "mg/dL"),
        ("mg/dL", "mg"),
        ("mg//dL", "mg"),
        ("mg)", "mg"),
        ("(mg", "mg"),
        ("mg/Cel", "mg/K"),
        ("m99", "m"),
        ("1/0", "1"),
        ("something", "else"),
    ],
)
def test_what_is_another_dimension_or_no_unit_is_not_converted(received, wanted):
    assert conversion(received, wanted) is None


def test_a_unit_that_nobody_knows_is_itself():
    assert not is_unit("score")
    found = conversion("score", "score")
    assert found is not None
    assert found(3.0) == 3.0
