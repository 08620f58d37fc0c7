"""The mean over places, how much they differ, and what a new one may show: by hand where all errors are equal."""

import numpy as np
import pytest
from scipy.stats import chi2, t

from theragate.evidence.metrics.random_effects import pooled

VALUES = np.array([0.1, 0.5, -0.2, 0.9, 0.3, -0.4])
ERROR = 0.2


def test_places_of_equal_error_by_hand():
    k, spread = len(VALUES), VALUES.var(ddof=1)
    found = pooled(VALUES, np.full(k, ERROR))
    assert found.mean == pytest.approx(VALUES.mean())
    assert found.variance == pytest.approx(spread - ERROR**2)
    assert found.upper - found.mean == pytest.approx(t.ppf(0.975, k - 1) * np.sqrt(spread / k))
    assert found.variance_lower == pytest.approx((k - 1) * spread / chi2.ppf(0.975, k - 1) - ERROR**2)
    assert found.variance_upper == pytest.approx((k - 1) * spread / chi2.ppf(0.025, k - 1) - ERROR**2)
    usual = t.ppf(0.975, k - 2) * np.sqrt(spread - ERROR**2 + spread / k)
    assert usual < found.high_new - found.mean < 1.4 * usual
    assert found.mean - found.low_new == pytest.approx(found.high_new - found.mean, rel=0.05)


def test_places_that_are_alike_have_no_variance_between_and_no_narrower_a_mean():
    found = pooled(np.array([0.30, 0.31, 0.29]), np.full(3, 0.2))
    assert (found.variance, found.variance_lower) == (0.0, 0.0)
    assert found.upper - found.mean == pytest.approx(t.ppf(0.975, 2) * 0.2 / np.sqrt(3))


def test_a_place_that_is_known_well_weighs_more():
    found = pooled(np.array([0.0, 0.0, 1.0]), np.array([2.0, 2.0, 0.1]))
    assert found.mean > 0.95


def test_two_places_have_no_summary():
    with pytest.raises(ValueError, match="needs 3 places"):
        pooled(VALUES[:2], np.full(2, ERROR))


def test_limits_of_the_mean_and_of_a_new_place_hold_about_95_times_in_100():
    random = np.random.default_rng(8)
    mean, new = [], []
    for _ in range(150):
        errors = random.uniform(0.1, 0.4, 12)
        values = 0.5 + 0.3 * random.normal(size=12) + errors * random.normal(size=12)
        found = pooled(values, errors)
        mean.append(found.lower <= 0.5 <= found.upper)
        new.append(found.low_new <= 0.5 + 0.3 * random.normal() <= found.high_new)
    assert np.mean(mean) == pytest.approx(0.95, abs=0.05)
    assert np.mean(new) == pytest.approx(0.95, abs=0.05)
