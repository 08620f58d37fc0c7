import pytest

from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals.widening import factor, kind_of, paired_factor, widened, widened_difference
from theragate.evidence.types import Z95, Estimate


@pytest.mark.parametrize(
    ("task", "metric"), [(task, metric.name) for metric in METRICS.values() for task in metric.tasks]
)
def test_the_factor_is_never_below_one_and_no_smaller_for_forests(task, metric):
    assert 1 <= factor(metric, task=task) <= factor(metric, task=task, forest=True)
    assert paired_factor(task) > 1


def test_a_difference_moves_beyond_the_bounds_of_its_metric_and_no_difference_stays_none():
    wide = widened_difference(Estimate(value=0.01, lower=-0.01, upper=0.03, se=0.01, method="by hand"), 2.0)
    assert (wide.lower, wide.upper, wide.se) == pytest.approx((-0.03, 0.05, 0.02))
    same = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions")
    assert widened_difference(same, 2.0) is same


def test_kinds_of_measures():
    assert kind_of("net_benefit_gain@0.1") == "performance"
    assert kind_of("specificity") == "operating point"
    assert kind_of("observed_expected") == "calibration"
    assert kind_of("average_effect") == "average"
    assert factor("average_effect", task="treatment_effect") == 1


def test_limits_move_on_the_scale_and_the_band_with_them():
    estimate = Estimate(value=0.5, lower=0.25, upper=0.8, se=0.6, scale="logit", method="by hand")
    wide = widened(estimate, "auroc", 2.0)
    # Odds: 1/3 squared is 1/9, and 4 squared is 16.
    assert (wide.lower, wide.upper) == pytest.approx((0.1, 16 / 17))
    assert (wide.value, wide.se) == (0.5, 1.2)
    assert "widened 2.00 times" in wide.method
    assert wide.band(Z95) == pytest.approx(estimate.band(2 * Z95))


def test_limits_stay_within_what_is_possible():
    wide = widened(Estimate(value=0.9, lower=0.5, upper=0.95, se=0.2, method="by hand"), "brier_skill", 3.0)
    assert (wide.lower, wide.upper) == pytest.approx((-0.3, 1.0))


def test_a_value_at_the_end_of_its_scale_is_widened_as_it_stands():
    wide = widened(Estimate(value=1.0, lower=0.8, upper=1.0, scale="logit", method="exact"), "sensitivity", 1.5)
    assert (wide.lower, wide.upper, wide.se) == (pytest.approx(0.7), 1.0, None)


@pytest.mark.parametrize("by", [0.5, 1.0])
def test_nothing_is_ever_narrowed(by):
    estimate = Estimate(value=0.5, lower=0.4, upper=0.6, method="by hand")
    assert widened(estimate, "auroc", by) is estimate


def test_without_limits_there_is_nothing_to_widen():
    estimate = Estimate(value=0.5, method="none", why="too few")
    assert widened(estimate, "auroc", 2.0) is estimate


def test_an_upper_limit_that_stands_alone_grows_too():
    estimate = Estimate(value=0.03, upper=0.05, se=0.01, method="upper limit")
    wide = widened(estimate, "ici", 1.5)
    assert (wide.lower, wide.upper, wide.se) == (None, pytest.approx(0.06), pytest.approx(0.015))
