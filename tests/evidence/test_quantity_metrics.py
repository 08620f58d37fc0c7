import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from theragate.evidence.metrics.quantity import QuantityScore


def measured(prediction, observed, draws=None):
    score = QuantityScore(np.asarray(prediction, float), np.asarray(observed, float))
    return score.point(np.ones((1, len(observed))) if draws is None else draws[None])


def test_by_hand():
    found = measured([11, 19, 33], [10, 20, 30])
    assert found["mean_error"] == pytest.approx(1.0)
    assert found["mae"] == pytest.approx(5 / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(11 / 3))
    assert found["r2"] == pytest.approx(1 - 11 / 200)
    assert found["within_20_percent"] == 1


def test_what_would_be_if_the_worst_patient_came_once_more():
    found = measured([11, 19, 33], [10, 20, 30])
    again = measured([11, 19, 33, 33], [10, 20, 30, 30])
    assert found["r2, one more"] == pytest.approx(again["r2"])
    assert found["rmse, one more"] == pytest.approx(again["rmse"])


def test_within_20_percent_counts_its_edge_and_negative_values():
    assert measured([-8, 13, 5], [-10, 10, 4])["within_20_percent"] == pytest.approx(1 / 3)


def test_agrees_with_scikit_learn_under_weights():
    rng = np.random.default_rng(0)
    observed = rng.normal(1e4, 5, 200)
    prediction = observed + rng.normal(1, 4, 200)
    draws = rng.multinomial(200, np.full(200, 1 / 200)).astype(float)
    found = measured(prediction, observed, draws)
    assert found["r2"] == pytest.approx(r2_score(observed, prediction, sample_weight=draws))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(observed, prediction, sample_weight=draws))
    assert found["mae"] == pytest.approx(mean_absolute_error(observed, prediction, sample_weight=draws))
    slope = LinearRegression().fit(prediction[:, None], observed, sample_weight=draws).coef_[0]
    assert found["calibration_slope"] == pytest.approx(slope)


def test_what_does_not_vary_has_no_number():
    assert np.isnan(measured([1, 2, 3], [0.1, 0.1, 0.1])["r2"])
    assert np.isnan(measured([0.1, 0.1, 0.1], [1, 2, 3])["calibration_slope"])
