import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals.limits import (
    FEWEST,
    between_groups,
    fewest,
    on_scale,
    paired,
    ranking,
    sampled,
)
from theragate.evidence.intervals.net_benefit import benefit
from theragate.evidence.intervals.proportions import wilson
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


def lengths(truth, *, noise, seed, replicates=2000):
    """The length of a vector that was seen with noise, and of others that are seen from there: as distances behave."""
    rng = np.random.default_rng(seed)
    seen = truth + rng.normal(0, noise, len(truth))
    drawn = seen + rng.normal(0, noise, (replicates, len(truth)))
    return float(np.linalg.norm(seen)), np.linalg.norm(drawn, axis=1)


@pytest.mark.parametrize("truth", [0.0, 0.03, 0.3])
def test_the_upper_limit_of_a_distance_lies_above_the_truth_in_all_but_few_cohorts(truth):
    true = np.array([truth, 0, 0, 0, 0])
    found = [estimated("ici", *lengths(true, noise=0.01, seed=seed)) for seed in range(300)]
    below = np.mean([estimate.upper < truth for estimate in found])
    assert below <= 0.05 if truth else below == 0
    assert all(estimate.upper_only and estimate.decidable for estimate in found)
    # What the standard error says of the other side is true as often: a perfect model is rarely found to be bad.
    assert np.mean([estimate.reach[0] > truth + 1e-12 for estimate in found]) <= 0.05


def test_the_limit_of_a_distance_is_that_of_the_curve_that_is_hardly_smoothed():
    smooth = lengths(np.array([0.02, 0, 0]), noise=0.005, seed=1)
    fine = lengths(np.array([0.06, 0, 0]), noise=0.005, seed=2)
    both, alone = estimated("ici", *smooth, fine=fine), estimated("ici", *smooth)
    assert both.value == alone.value == smooth[0]
    assert both.upper == estimated("ici", *fine).upper > 0.06 > alone.upper
    assert estimated("ici", *fine, fine=smooth).upper == fine[0]


def test_luck_makes_no_distance_certain():
    value, replicates = lengths(np.zeros(5), noise=0.01, seed=1)
    assert estimated("ici", value / 20, replicates).upper > 0.015


def test_a_distance_without_spread_has_its_value_for_a_limit():
    assert estimated("ici", 0.1, np.full(100, 0.1)).upper == pytest.approx(0.1)


def test_more_of_the_largest_error_move_the_limit_on_their_side_alone():
    replicates = np.random.default_rng(0).normal(0.5, 0.03, 4000)
    without, with_more = (estimated("r2", 0.5, replicates, one_more=more) for more in (None, 0.45))
    assert with_more.upper == without.upper
    jump, reach = np.log(0.55 / 0.5), np.log((1 - without.lower) / 0.5)
    assert np.log((1 - with_more.lower) / 0.5) == pytest.approx(jump + np.hypot(reach, Z95 * jump))
    sizes = np.random.default_rng(0).normal(2, 0.1, 4000)
    without, with_more = (estimated("rmse", 2.0, sizes, one_more=more) for more in (None, 2.2))
    assert with_more.lower == without.lower
    assert with_more.upper > without.upper


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


def test_few_events_widen_by_students_quantile():
    # Student's 97.5% quantile for 9 degrees of freedom is 2.262.
    replicates = np.random.default_rng(0).normal(0.2, 0.05, 4000)
    known, few = (estimated("brier_skill", 0.2, replicates, rests_on=number) for number in (None, 10))
    assert few.se / known.se == pytest.approx(2.262 / Z95, rel=1e-3)
    assert few.upper - few.value == pytest.approx(2.262 * 0.05, rel=0.05)
    influence = np.full(100, 0.004)
    wide, narrow = (ranking(0.8, influence, fewer=number, method="DeLong") for number in (10, 100_000))
    assert wide.se / narrow.se == pytest.approx(2.262 / Z95, rel=1e-3)
    differences = (paired(0.0, influence, method="x", influence=True, rests_on=number).se for number in (10, None))
    assert next(differences) / next(differences) == pytest.approx(2.262 / Z95, rel=1e-3)


def test_limits_are_given_inside_the_declared_domain_only():
    replicates = np.random.default_rng(0).normal(0.5, 0.05, 400)
    for name, metric in METRICS.items():
        if metric.interval in ("influence", "proportion"):
            continue
        least = fewest(metric)
        assert least >= FEWEST
        assert not estimated(name, 0.5, replicates, rests_on=least - 1).decidable
        assert estimated(name, 0.5, replicates, rests_on=least).decidable
    assert fewest(METRICS["sensitivity"]) == 0


def test_net_benefit_where_the_model_helps_is_the_smaller_gain():
    # Of 100 patients 30 have the event; 50 are selected, 25 with it. At .2 the odds are 1/4.
    found = benefit(selected=0.5, true_positives=0.25, events=0.3, size=100, threshold=0.2, replicates=None)
    assert found.value == pytest.approx(min(0.25 - 0.25 / 4, 0.45 / 4 - 0.05))
    assert found.lower < found.value < found.upper
    assert found.se == pytest.approx(max(found.value - found.lower, found.upper - found.value) / Z95)


def test_net_benefit_without_a_missed_event_is_not_certain():
    found = benefit(selected=0.9, true_positives=0.3, events=0.3, size=50, threshold=0.1, replicates=None)
    # Nobody of 5 was missed, but Wilson's upper limit for 0 of 5 is .43.
    assert found.value == pytest.approx(0.1 / 9)
    assert found.lower == pytest.approx(0.1 / 9 - 0.1 / 0.9 * wilson(0.0, 5)[1], abs=0.01)


def test_net_benefit_of_a_model_that_treats_nobody_is_exactly_nothing():
    found = benefit(selected=0.0, true_positives=0.0, events=0.05, size=200, threshold=0.5, replicates=None)
    assert (found.value, found.lower, found.upper, found.se) == (0, 0, 0, 0)


def test_censoring_shrinks_the_number_of_patients_behind_a_net_benefit():
    parts = {"selected": 0.5, "true_positives": 0.25, "events": 0.3, "size": 100, "threshold": 0.2}
    spread = np.random.default_rng(0).normal(0.0625, 0.05, 4000)
    counted, censored = (benefit(**parts, replicates=replicates) for replicates in (None, spread))
    assert censored.upper - censored.lower > 1.5 * (counted.upper - counted.lower)
    assert not benefit(**parts, replicates=np.full(100, np.nan)).decidable


@pytest.mark.parametrize(
    ("cells", "threshold"),
    [((0.30, 0.25, 0.012, 0.438), 0.1), ((0.04, 0.10, 0.03, 0.83), 0.1), ((0.20, 0.25, 0.10, 0.45), 0.3)],
)
def test_limits_of_net_benefit_hold_where_few_are_missed(cells, threshold):
    odds = threshold / (1 - threshold)
    truth = min(cells[0] - cells[1] * odds, cells[3] * odds - cells[2])
    below = above = 0
    drawn = np.random.default_rng(5).multinomial(200, cells, size=1500) / 200
    for true, false, missed, _ in drawn:
        found = benefit(
            selected=true + false,
            true_positives=true,
            events=true + missed,
            size=200,
            threshold=threshold,
            replicates=None,
        )
        below += truth < found.lower
        above += truth > found.upper
    # The lower limit, by which gates pass, errs in at most 2.5% of the samples; the upper one in a little more.
    assert below / 1500 <= 0.035
    assert above / 1500 <= 0.065
    assert (below + above) / 1500 <= 0.07


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(any), st.floats(0.01, 0.9))
def test_net_benefit_lies_between_its_limits(cells, threshold):
    size = sum(cells)
    true, false, missed, _ = (number / size for number in cells)
    found = benefit(
        selected=true + false,
        true_positives=true,
        events=true + missed,
        size=size,
        threshold=threshold,
        replicates=None,
    )
    assert found.in_order
    assert found.decidable
