"""Doubly robust scores and censoring weights, by hand and against the truth."""

import numpy as np
import pytest
from sksurv.nonparametric import kaplan_meier_estimator

from theragate.evidence.inputs.doubly_robust import (
    Nuisances,
    censoring_weights,
    doubly_robust_scores,
    uncensored_values,
)
from theragate.evidence.metrics.censoring import survival_patients


def test_scores_by_hand():
    nuisances = Nuisances(control=np.array([1.0, 2.0]), treated=np.array([3.0, 2.5]), propensity=np.array([0.5, 0.25]))
    reached, treated = np.array([4.0, 1.0]), np.array([True, False])
    found = doubly_robust_scores(reached, treated, np.ones(2), nuisances)
    # 3 - 1 + (4 - 3) / 0.5, and 2.5 - 2 - (1 - 2) / 0.75
    assert found == pytest.approx([4.0, 0.5 + 4 / 3])


def test_who_was_not_followed_counts_with_what_is_expected():
    nuisances = Nuisances(control=np.array([1.0]), treated=np.array([3.0]), propensity=np.array([0.5]))
    assert doubly_robust_scores(np.array([99.0]), np.array([True]), np.zeros(1), nuisances) == pytest.approx([2.0])


@pytest.mark.parametrize("wrong", ["propensity", "outcomes"])
def test_the_mean_is_right_where_one_of_the_two_nuisances_is_wrong(wrong):
    random = np.random.default_rng(2)
    n = 200_000
    x = random.normal(size=n)
    chance = 1 / (1 + np.exp(-x))
    treated = random.uniform(size=n) < chance
    reached = x + treated * (1.0 + 0.5 * x) + random.normal(size=n)
    nuisances = Nuisances(
        control=np.zeros(n) if wrong == "outcomes" else x,
        treated=np.zeros(n) if wrong == "outcomes" else 1 + 1.5 * x,
        propensity=np.full(n, 0.5) if wrong == "propensity" else chance,
    )
    scores = doubly_robust_scores(reached, treated, np.ones(n), nuisances)
    assert scores.mean() == pytest.approx(1.0, abs=4 * scores.std() / np.sqrt(n))


def censored(n: int = 400):
    random = np.random.default_rng(4)
    treated = random.uniform(size=n) < 0.5
    death = np.ceil(random.exponential(np.where(treated, 60, 40)))
    lost = np.ceil(random.exponential(np.where(treated, 120, 60)))
    return np.minimum(death, lost), death <= lost, treated


def test_weighted_events_are_the_kaplan_meier_risk_of_each_arm():
    time, event, treated = censored()
    weights = censoring_weights(time, event, treated, horizon=50.0, among=np.ones(len(time), dtype=bool))
    early = event & (time <= 50)
    for arm in (treated, ~treated):
        times, survival = kaplan_meier_estimator(event[arm], time[arm])
        risk = 1 - survival[np.searchsorted(times, 50, side="right") - 1]
        assert weights[arm & early].sum() / arm.sum() == pytest.approx(risk, abs=1e-12)
        assert weights[arm].mean() == pytest.approx(1.0, abs=1e-12)
    assert not weights[~early & (time <= 50)].any()


def test_without_censoring_everybody_weighs_one():
    time, _, treated = censored()
    event = np.ones(len(time), dtype=bool)
    everybody = np.ones(len(time), dtype=bool)
    assert censoring_weights(time, event, treated, horizon=50.0, among=everybody) == pytest.approx(1.0)


def test_values_freed_of_censoring_have_the_weighted_mean_of_their_arm():
    time, event, treated = censored()
    weights = censoring_weights(time, event, treated, horizon=50.0, among=np.ones(len(time), dtype=bool))
    reached = np.minimum(time, 50.0)
    values = uncensored_values(reached, treated, weights)
    for arm in (treated, ~treated):
        assert values[arm].mean() == pytest.approx(np.average(reached[arm], weights=weights[arm]))
    assert values[weights == 0] == pytest.approx(
        np.where(treated, values[treated].mean(), values[~treated].mean())[weights == 0], rel=0.1
    )


def test_weights_by_hazard_are_those_of_the_metrics():
    rng = np.random.default_rng(5)
    died, lost, hazard = rng.exponential(60, 200), rng.exponential(80, 200), rng.uniform(0.3, 3, 200)
    time, event = np.minimum(died, lost), died <= lost
    one_arm, everybody = np.zeros(200, dtype=bool), np.ones(200, dtype=bool)
    found = censoring_weights(time, event, one_arm, horizon=50.0, among=everybody, hazard=hazard)
    patients = survival_patients(time, event, horizon=50.0, rows=np.arange(200), hazard=hazard)
    assert found[patients.rows] == pytest.approx(patients.seen_weights(np.ones((1, 200)))[0], rel=1e-9)


def test_equal_hazards_weigh_as_none_in_each_arm():
    rng = np.random.default_rng(6)
    time, event, treated = rng.exponential(60, 300), rng.random(300) < 0.5, rng.random(300) < 0.5
    everybody = np.ones(300, dtype=bool)
    plain, found = (
        censoring_weights(time, event, treated, horizon=50.0, among=everybody, hazard=hazard)
        for hazard in (None, np.full(300, 0.4))
    )
    assert found == pytest.approx(plain, rel=1e-9)
