"""An estimate holds its value between its limits."""

import pytest
from pydantic import ValidationError

from theragate.evidence.types import Estimate


@pytest.mark.parametrize(
    ("value", "lower", "upper"),
    [(0.5, 0.6, 0.7), (0.8, 0.6, 0.7), (0.5, 0.7, 0.3), (0.5, 0.6, None), (0.5, None, 0.4), (float("nan"), 0.1, 0.2)],
)
def test_a_value_outside_its_limits_is_refused(value, lower, upper):
    with pytest.raises(ValidationError):
        Estimate(value=value, lower=lower, upper=upper, method="by hand")


@pytest.mark.parametrize(
    ("value", "lower", "upper"),
    [(0.5, 0.4, 0.6), (0.5, 0.5, 0.5), (0.5, 0.5 + 1e-12, 0.6), (0.0, 1e-17, 0.1), (0.5, None, 0.6), (0.5, None, None)],
)
def test_rounding_and_missing_limits_are_allowed(value, lower, upper):
    assert Estimate(value=value, lower=lower, upper=upper, method="by hand").value == value
