"""The intervals against worlds whose truth is known: what they claim has to hold."""

import numpy as np
import pytest
from personal.learners import cross_validated, held, least_squares, linear, logistic, risks
from scipy.special import expit, logit

from theragate.personal.intervals import HeldOut, QuantityInterval, RiskInterval, fit_interval


@pytest.mark.parametrize("noise", ["normal", "skewed"])
def test_nine_of_ten_new_doses_lie_inside_also_where_they_are_large(noise):
    random = np.random.default_rng(1)
    inside, beyond = [], []
    for _ in range(150):

        def dose(features):
            mean = 40 + 8 * features[:, 0]
            drawn = (
                random.normal(size=len(features)) if noise == "normal" else random.exponential(size=len(features)) - 1
            )
            return mean + 0.2 * np.maximum(mean, 5) * drawn

        features = random.normal(size=(200, 6))
        found, model = cross_validated(random, features, dose(features), least_squares, linear, repeats=2)
        new = random.normal(size=(500, 6))
        value, prediction = dose(new), linear(model, new)
        lower, upper = fit_interval(found, risk=False).limits(prediction)
        within = (lower <= value) & (value <= upper)
        large = prediction > np.quantile(prediction, 0.8)
        inside.append([within.mean(), within[large].mean()])
        beyond.append([(value < lower).mean(), (value > upper).mean()])
    overall, large = np.mean(inside, axis=0)
    assert overall == pytest.approx(0.90, abs=0.015)
    assert large == pytest.approx(0.90, abs=0.04)
    assert np.mean(beyond, axis=0) == pytest.approx([0.05, 0.05], abs=0.012)


def truth_given(score, model, coefficients, intercept):
    """The share with the event among patients with this score: their true log odds are normal around a line."""
    slopes = model[1:]
    middle = intercept + (score - model[0]) * (coefficients @ slopes) / (slopes @ slopes)
    left = coefficients @ coefficients - (coefficients @ slopes) ** 2 / (slopes @ slopes)
    places, weights = np.polynomial.hermite_e.hermegauss(21)
    return expit(middle[:, None] + np.sqrt(max(left, 0.0)) * places) @ (weights / weights.sum())


@pytest.mark.parametrize(
    ("patients", "features", "intercept", "strength"), [(200, 8, -1.0, 1.0), (200, 8, -2.0, 1.2), (600, 10, 0.0, 2.0)]
)
def test_the_calibrated_risk_lies_inside_nine_times_of_ten(patients, features, intercept, strength):
    random = np.random.default_rng(2)
    coefficients = strength * np.ones(features) / np.sqrt(features)
    inside = []
    for _ in range(120):
        columns = random.normal(size=(patients, features))
        event = (random.uniform(size=patients) < expit(intercept + columns @ coefficients)).astype(float)
        found, model = cross_validated(random, columns, event, logistic, risks, repeats=2)
        score = linear(model, random.normal(size=(300, features)))
        truth = truth_given(score, model, coefficients, intercept)
        lower, upper = fit_interval(found, risk=True).limits(expit(score))
        inside.append(((lower <= truth) & (truth <= upper)).mean())
    assert 0.88 <= np.mean(inside) <= 0.97


def test_a_miscalibrated_risk_is_put_right():
    random = np.random.default_rng(3)
    odds = random.normal(-1, 1, 4000)
    event = (random.uniform(size=4000) < expit(odds)).astype(float)
    overconfident = expit(-1 + 2 * (odds + 1) + 0.7)
    lower, upper = fit_interval(held(overconfident, event), risk=True).limits(overconfident)
    assert ((lower <= expit(odds)) & (expit(odds) <= upper)).mean() > 0.95
    assert ((lower <= overconfident) & (overconfident <= upper)).all()  # the number given is never outside


def test_censoring_is_weighted_for():
    random = np.random.default_rng(4)
    inside = []
    for _ in range(100):
        risk = expit(random.normal(-1, 1, 500))
        # Death is exponential with this risk by time 1; half of the others are lost, uniformly, before time 1.
        death = random.exponential(size=500) / -np.log1p(-risk)
        lost = random.uniform(0, 2, 500)
        known = (death <= np.minimum(lost, 1)) | (lost > 1)
        weight = 1 / (1 - np.minimum(death, 1) / 2)
        found = held(risk[known], (death <= 1).astype(float)[known], weight=weight[known])
        lower, upper = fit_interval(found, risk=True).limits(risk)
        inside.append(((lower <= risk) & (risk <= upper)).mean())
        interval = fit_interval(held(risk, (death <= 1).astype(float)), risk=True)
        complete = interval.covariance[0]
        assert fit_interval(found, risk=True).covariance[0] > complete * 0.9  # the lost cost precision
    assert np.mean(inside) == 1  # they hold the prediction, which is the truth here
    recalibrated = [abs(value) for value in fit_interval(found, risk=True).coefficients]
    assert max(recalibrated) < 0.6


def test_predicting_a_patient_again_is_no_second_patient():
    random = np.random.default_rng(5)
    risk = expit(random.normal(-1, 1, 300))
    event = (random.uniform(size=300) < risk).astype(float)
    once = fit_interval(held(risk, event), risk=True)
    thrice = held(np.tile(risk, 3), np.tile(event, 3), patient=np.tile(np.arange(300), 3))
    assert fit_interval(thrice, risk=True).covariance == pytest.approx(once.covariance, rel=1e-6)


def test_by_hand_without_spread():
    # Residuals 1 to 39, of which 5% of 40 lie above 38; a line through sizes that no prediction explains is flat.
    prediction = np.zeros(39)
    interval = fit_interval(held(prediction, np.arange(1.0, 40.0)), risk=False)
    assert isinstance(interval, QuantityInterval)
    _, upper = interval.limits(np.zeros(1))
    assert upper[0] == pytest.approx(38, abs=0.1)


def test_too_few_patients_give_no_limits():
    interval = fit_interval(held(np.arange(15.0), np.arange(15.0) + 1), risk=False)
    assert isinstance(interval, QuantityInterval)
    assert (interval.lower, interval.upper) == (None, None)
    assert np.isnan(interval.limits(np.ones(2))).all()


def test_limits_stay_within_what_the_outcome_can_be():
    random = np.random.default_rng(6)
    prediction = random.uniform(0, 10, 200)
    interval = fit_interval(held(prediction, prediction + random.normal(size=200)), risk=False, low=0, high=10)
    lower, upper = interval.limits(np.array([0.1, 9.9]))
    assert lower[0] == 0
    assert upper[1] == 10


def test_perfect_predictions_and_separated_events_keep_limits_finite():
    prediction = np.linspace(1, 2, 50)
    exact = fit_interval(held(prediction, prediction), risk=False)
    assert np.isfinite(exact.limits(prediction)).all()
    event = (prediction > 1.5).astype(float)
    separated = fit_interval(held(np.where(event > 0, 0.99, 0.01), event), risk=True)
    assert isinstance(separated, RiskInterval)
    assert np.isfinite(separated.limits(np.array([0.0, 0.5, 1.0]))).all()
    constant = fit_interval(held(np.full(50, 0.3), event), risk=True)
    assert np.isfinite(constant.limits(np.array([0.3]))).all()


def test_where_hospitals_differ_the_calibrated_risk_needs_limits_by_hospital():
    """All risks are predicted too low, and the intercepts of 20 hospitals differ by a standard deviation of 0.8."""
    random = np.random.default_rng(7)
    place, weight = np.polynomial.hermite_e.hermegauss(31)

    def risk_over_hospitals(score):
        return expit(-1 + score[:, None] + 0.8 * place) @ (weight / weight.sum())

    def predicted(score):
        return expit(logit(risk_over_hospitals(score)) - 0.4)

    hospital, new = np.repeat(np.arange(20), 100), random.normal(size=200)
    inside: dict[str, list[float]] = {"by hospital": [], "by patient": []}
    for _ in range(150):
        score = random.normal(size=len(hospital))
        risk = expit(-1 + score + 0.8 * random.normal(size=20)[hospital])
        event = (random.uniform(size=len(hospital)) < risk).astype(float)
        for way, cluster in (("by hospital", hospital), ("by patient", None)):
            patient = np.arange(len(event))
            found = HeldOut(predicted(score), event, weight=np.ones(len(event)), patient=patient, cluster=cluster)
            lower, upper = fit_interval(found, risk=True).limits(predicted(new))
            truth = risk_over_hospitals(new)
            inside[way].append(((lower <= truth) & (truth <= upper)).mean())
    assert np.mean(inside["by hospital"]) > 0.9
    assert np.mean(inside["by patient"]) < 0.85
