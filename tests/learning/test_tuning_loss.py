import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.cohorts.outcomes import Binary, Censored, Quantity, with_hazard
from theragate.errors import DataError
from theragate.learning.null_model import null_prediction
from theragate.learning.tuning_loss import Loss


def censored(times: list[float], events: list[int], horizon: float) -> Censored:
    return Censored(np.array(times), np.array(events, dtype=bool), horizon)


def test_log_loss_by_hand() -> None:
    outcome = Binary(np.array([True, False]))
    loss = Loss.of(outcome, development=outcome).mean(np.array([0.8, 0.4]))
    assert loss == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


def test_a_wrong_certainty_costs_much_but_not_everything() -> None:
    outcome = Binary(np.array([True, False]))
    assert Loss.of(outcome, development=outcome).mean(np.array([0.0, 1.0])) == pytest.approx(-math.log(1e-4))


def test_squared_error_by_hand() -> None:
    outcome = Quantity(np.array([1.0, 5.0]))
    assert Loss.of(outcome, development=outcome).mean(np.array([2.0, 2.0])) == pytest.approx((1 + 9) / 2)


def test_the_loss_of_effects_is_least_for_what_the_scores_are_on_average() -> None:
    scores = np.array([2.0, -1.0, 5.0])
    loss = Loss.of_effects(scores)
    assert loss.mean(np.array([1.0, 1.0, 1.0])) == pytest.approx((1 + 4 + 16) / 3)
    at = np.linspace(-3, 5, 81)
    best = at[np.argmin([loss.mean(np.full(3, value)) for value in at])]
    assert best == pytest.approx(scores.mean())


def test_censored_loss_by_hand() -> None:
    # One of the three patients still followed at time 2 is censored there: who goes on is uncensored with 2/3.
    outcome = censored([1, 2, 3, 5], [1, 0, 1, 0], 4)
    risk = np.array([0.5, 0.9, 0.25, 0.1])
    by_hand = -(math.log(0.5) * 1 + math.log(0.25) * 3 / 2 + math.log(0.9) * 3 / 2) / 4
    assert Loss.of(outcome, development=outcome).mean(risk) == pytest.approx(by_hand)


def test_who_is_censored_before_the_horizon_has_no_say() -> None:
    outcome = censored([1, 2, 3, 5], [1, 0, 1, 0], 4)
    loss = Loss.of(outcome, development=outcome)
    assert loss.mean(np.array([0.5, 0.9, 0.2, 0.1])) == loss.mean(np.array([0.5, 0.1, 0.2, 0.1]))


def test_without_censoring_the_weights_are_one() -> None:
    outcome = censored([1, 2, 6, 7], [1, 1, 1, 1], 4)
    assert Loss.of(outcome, development=outcome).weight.tolist() == [1, 1, 1, 1]


def test_a_patient_followed_longer_than_all_development_patients_counts() -> None:
    development = censored([1, 2, 5], [1, 1, 0], 4)
    later = censored([9], [0], 4)
    assert Loss.of(later, development=development).weight.tolist() == [1]


def test_nobody_beyond_the_horizon_is_refused() -> None:
    outcome = censored([1, 2, 3], [1, 0, 1], 4)
    with pytest.raises(DataError, match="some patients of every training set are followed beyond the horizon"):
        Loss.of(outcome, development=outcome)


@settings(deadline=None)
@given(st.integers(1, 99), st.floats(0.01, 0.99))
def test_the_true_share_has_the_lowest_loss(events: int, other: float) -> None:
    outcome = Binary(np.arange(100) < events)
    loss = Loss.of(outcome, development=outcome)
    assert loss.mean(np.full(100, null_prediction(outcome))) <= loss.mean(np.full(100, other)) + 1e-12


def test_null_predictions_by_hand() -> None:
    assert null_prediction(Binary(np.array([True, False, False, False]))) == 0.25
    assert null_prediction(Quantity(np.array([1.0, 2.0, 6.0]))) == 3
    # Kaplan–Meier: 3/4 survive time 1, and of the two left at time 3 one dies: 1 - 3/4 * 1/2.
    assert null_prediction(censored([1, 2, 3, 5], [1, 0, 1, 0], 4)) == pytest.approx(0.625)
    assert null_prediction(censored([5, 6], [1, 0], 4)) == 0


def test_hazards_free_the_null_prediction_and_the_loss_from_losses_that_depend_on_the_risk():
    rng = np.random.default_rng(4)
    frail = rng.random(20_000) < 0.5
    died, gone = rng.exponential(np.where(frail, 1.0, 4.0)), rng.exponential(np.where(frail, 1.0, 5.0))
    marginal = Censored(np.minimum(died, gone), died <= gone, 1.0)
    outcome = with_hazard(marginal, np.where(frail, 5.0, 1.0))
    whole = Censored(died, np.ones(20_000, dtype=bool), 1.0)
    truth = null_prediction(whole)
    assert null_prediction(marginal) < truth - 0.02
    assert null_prediction(outcome) == pytest.approx(truth, abs=0.012)
    risk = np.where(frail, 0.6, 0.2)
    expected = Loss.of(whole, development=whole).mean(risk)
    assert Loss.of(marginal, development=marginal).mean(risk) < expected - 0.01
    assert Loss.of(outcome, development=outcome).mean(risk) == pytest.approx(expected, abs=0.01)
