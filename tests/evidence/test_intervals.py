import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals import between_groups, on_scale, paired, ranking, sampled, wilson
from theragate.evidence.types import Z95, Estimate


def estimated(name, value, replicates, **options):
    options = {"enough": True, "denominator": None, "counted": True} | options
    return sampled(METRICS[name], value, np.asarray(replicates, float), **options)


def test_wilson_by_the_published_example():
    # Newcombe 1998, table I: 15 of 148 gives .0624 to .1605; 0 of 20 gives 0 to .1611.
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1.0, 29)[1] == 1.0


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_contains_the_share_and_stays_inside(size, data):
    share = data.draw(st.integers(0, size)) / size
    lower, upper = wilson(share, size)
    assert 0 <= lower <= share <= upper <= 1
    assert upper - lower > 0


def test_newcombe_difference_by_the_published_example():
    # Newcombe 1998, example (a): 56/70 - 48/80 gives .0524 to .3339.
    groups = []
    for events, size in ((56, 70), (48, 80)):
        lower, upper = wilson(events / size, size)
        groups.append(Estimate(value=events / size, lower=lower, upper=upper, method="Wilson"))
    difference = between_groups(*groups)
    assert (difference.lower, difference.upper) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference.se == pytest.approx((0.3339 - 0.0524) / (2 * Z95), abs=1e-4)


def test_normal_limits_are_drawn_on_the_scale():
    replicates = np.exp(np.random.default_rng(0).normal(0, 0.1, 4000))
    estimate = estimated("observed_expected", 1.0, replicates)
    assert estimate.se == pytest.approx(0.1, rel=0.05)
    assert (estimate.lower, estimate.upper) == pytest.approx(estimate.band(Z95))
    assert estimate.lower * estimate.upper == pytest.approx(1.0)


def test_limits_stay_within_what_is_possible():
    estimate = estimated("brier_skill", 0.99, np.random.default_rng(0).normal(0.99, 0.1, 500))
    assert estimate.upper == 1.0


def test_few_patients_give_a_value_without_an_interval():
    estimate = estimated("brier", 0.2, [0.1, 0.3], enough=False)
    assert (estimate.value, estimate.decidable) == (0.2, False)
    assert "too few" in estimate.why


def test_a_metric_that_often_has_no_value_gets_no_interval():
    replicates = np.where(np.arange(100) % 10 == 0, np.nan, 1.0 + np.arange(100) / 100)
    estimate = estimated("calibration_slope", 1.0, replicates)
    assert not estimate.decidable
    assert "not defined in too many resamples" in estimate.why


def test_a_value_at_the_end_of_its_scale_gets_no_interval():
    estimate = estimated("rmse", 0.0, np.zeros(100))
    assert (estimate.decidable, "log scale" in estimate.why) == (False, True)


def test_a_proportion_of_all_still_has_a_width_but_no_standard_error():
    estimate = estimated("sensitivity", 1.0, np.ones(100), denominator=3.0)
    assert (estimate.lower, estimate.upper) == pytest.approx(wilson(1.0, 3))
    assert (estimate.lower < 0.5, estimate.se, estimate.band(2.5)) == (True, None, None)


def test_a_censored_proportion_takes_its_size_from_the_bootstrap():
    replicates = np.random.default_rng(0).normal(0.5, 0.05, 4000)
    estimate = estimated("sensitivity", 0.5, replicates, denominator=1000.0, counted=False)
    assert (estimate.lower, estimate.upper) == pytest.approx(wilson(0.5, 100), abs=0.005)


def test_the_excess_of_a_mean_distance_is_taken_off_once_above_and_twice_below():
    rng = np.random.default_rng(0)
    replicates = np.abs(rng.normal(0.05, 0.01, 4000)) + 0.02
    estimate = estimated("ici", 0.05, replicates)
    low, high = np.quantile(replicates, [0.025, 0.975])
    assert estimate.upper == pytest.approx(high - 0.02, abs=1e-3)
    assert estimate.lower == pytest.approx(low - 0.04, abs=2e-3)
    assert estimate.band(Z95)[0] == pytest.approx(estimate.lower, abs=1e-9)


def test_perfect_ranking_has_a_lower_limit_and_no_standard_error():
    estimate = ranking(1.0, np.zeros(50), fewer=20, method="DeLong")
    assert estimate.lower == pytest.approx(0.025 ** (1 / 20))
    assert (estimate.upper, estimate.se) == (1.0, None)
    assert ranking(0.0, np.zeros(50), fewer=20, method="DeLong").upper == pytest.approx(1 - 0.025 ** (1 / 20))


def test_the_same_predictions_differ_by_nothing_for_sure():
    estimate = paired(0.0, np.zeros(10), method="paired DeLong", influence=True, same=True)
    assert (estimate.value, estimate.lower, estimate.upper, estimate.se) == (0, 0, 0, 0)


def test_a_difference_without_spread_is_not_taken_for_certain():
    assert not paired(0.0, np.zeros(10), method="paired DeLong", influence=True).decidable


def test_between_groups_needs_both():
    known = Estimate(value=0.5, lower=0.4, upper=0.6, method="Wilson")
    assert between_groups(known, Estimate.absent("no event")).value is None
    assert not between_groups(known, Estimate(value=0.4, method="none", why="too few")).decidable


def test_scales_leave_out_what_they_cannot_hold():
    values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    assert np.isfinite(on_scale(values, "identity")).all()
    assert np.isfinite(on_scale(values, "log")).tolist() == [False, False, True, True, True]
    assert np.isfinite(on_scale(values, "logit")).tolist() == [False, False, True, False, False]
