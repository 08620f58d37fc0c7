"""The calibration slope by Cox regression, against the general Cox regression and against leaving patients out."""

import numpy as np
import pytest

from theragate.evidence.metrics.cox import cox_regression
from theragate.evidence.metrics.hazard_slope import HazardSlope, log_hazard


def followed(n=300, *, ties, seed=0):
    """Draw times up to a horizon of 1, ascending, with predicted risks whose slope is about 0.7."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 4, n)
    died = rng.exponential(1 / (-np.log1p(-risk)) ** 0.7)
    lost = rng.uniform(0.1, 2, n)
    time = np.minimum(died, lost)
    if ties:
        time = np.ceil(time * 5) / 5
    event = (died <= lost) & (time <= 1)
    order = np.lexsort((~event, time))
    return time[order], event[order], risk[order]


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_cox_regression(ties):
    time, event, risk = followed(ties=ties)
    fit = HazardSlope.fit(time, event, risk)
    (slope,), ((variance,),) = cox_regression(np.where(event, time, time + 1e-9), event, log_hazard(risk)[:, None])
    assert fit.slope == pytest.approx(slope, abs=1e-8)
    assert 1 / fit.information.sum() == pytest.approx(variance, rel=1e-6)
    assert fit.score.sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_the_score_says_how_far_each_patient_moves_the_slope(ties):
    time, event, risk = followed(ties=ties)
    fit = HazardSlope.fit(time, event, risk)
    moved = []
    for left_out in range(0, len(time), 7):
        kept = np.arange(len(time)) != left_out
        moved.append(fit.slope - HazardSlope.fit(time[kept], event[kept], risk[kept]).slope)
    expected = fit.score[::7] / fit.information.sum()
    assert np.corrcoef(moved, expected)[0, 1] > 0.999
    assert np.abs(np.array(moved) - expected).max() < 0.1 * np.abs(moved).max()


def test_who_is_followed_beyond_the_horizon_counts_until_it():
    time, event, risk = followed(ties=False)
    later = np.where(time > 1, 1 + 10 * np.sort(np.random.default_rng(1).random(len(time))), time)
    assert HazardSlope.fit(later, event, risk).slope == HazardSlope.fit(time, event, risk).slope


@pytest.mark.parametrize(
    ("event", "risk"),
    [
        ([False] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ([True] * 6, [0.3] * 6),
        ([True, True, True, False, False, False], [0.9, 0.8, 0.7, 0.3, 0.2, 0.1]),
        ([True, True, False, False, False, False], [0.4, 0.241, 0.24, 0.23, 0.22, 0.22]),
    ],
    ids=["no event", "one prediction for all", "ranked without a fault", "ranked without a fault by a hair"],
)
def test_there_is_no_slope_without_a_solution(event, risk):
    assert HazardSlope.fit(np.arange(6.0), np.array(event), np.array(risk)) is None


def test_certain_predictions_have_a_slope():
    time, event, risk = followed(ties=False)
    risk = np.where(risk > np.quantile(risk, 0.98), 1.0, np.where(risk < np.quantile(risk, 0.02), 0.0, risk))
    assert 0 < HazardSlope.fit(time, event, risk).slope < 1
