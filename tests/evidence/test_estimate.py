"""An estimate holds its value between its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from theragate.evidence.types import Estimate, to_scale


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


@given(
    lower=st.floats(0.05, 0.5),
    value=st.floats(0.5, 0.8),
    upper=st.floats(0.8, 0.99),
    scale=st.sampled_from(["identity", "log", "logit", "complement"]),
    by=st.floats(1, 3),
)
def test_limits_move_by_the_factor_on_the_scale(lower, value, upper, scale, by):
    estimate = Estimate(value=value, lower=lower, upper=upper, se=0.1, scale=scale, method="by hand")
    moved = estimate.stretched(by)
    for before, after in ((lower, moved.lower), (upper, moved.upper)):
        if scale == "complement" and after == 1:  # all that is explained, but for rounding
            continue
        distance, farther = (to_scale(limit, scale) - to_scale(value, scale) for limit in (before, after))
        assert farther == pytest.approx(by * distance, rel=1e-6, abs=1e-9)
    assert (moved.value, moved.se, moved.method) == (value, 0.1, "by hand")


def test_a_limit_at_an_end_of_the_scale_moves_on_the_metrics_own():
    moved = Estimate(value=0.9, lower=0.5, upper=1.0, scale="logit", method="by hand").stretched(2)
    assert moved.upper == pytest.approx(1.1)


def test_limits_stay_within_what_is_possible():
    estimate = Estimate(value=0.9, lower=0.2, upper=1.0, method="by hand")
    assert estimate.stretched(3, bounds=(0, 1)) == estimate.model_copy(update={"lower": 0.0, "upper": 1.0})


def test_what_is_not_there_does_not_move():
    assert Estimate.absent("no events").stretched(2) == Estimate.absent("no events")
    assert Estimate(value=0.1, upper=0.2, method="by hand").stretched(2).lower is None
