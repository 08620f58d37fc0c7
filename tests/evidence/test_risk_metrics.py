import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sksurv.metrics import brier_score
from sksurv.util import Surv

from theragate.evidence.metrics.censoring import binary_patients, survival_patients
from theragate.evidence.metrics.log_odds import logit
from theragate.evidence.metrics.precision import Levels
from theragate.evidence.metrics.recalibration import Recalibration
from theragate.evidence.metrics.risk import RiskScore


def measured(risk, event, *, threshold=0.5, null=0.5):
    risk, event = np.asarray(risk, float), np.asarray(event, bool)
    score = RiskScore(
        binary_patients(event, np.arange(len(risk))),
        risk,
        null=np.full(len(risk), null),
        threshold=threshold,
        binary=True,
    )
    ones = np.ones((1, len(risk)))
    return score, score.point(ones, ones)


def test_counts_by_hand():
    # At .5: true positives 2 of 3 events, false positives 1 of 2 others.
    _, found = measured([0.9, 0.5, 0.4, 0.6, 0.1], [1, 1, 1, 0, 0])
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(1 / 2)
    assert found["positive_predictive_value"] == pytest.approx(2 / 3)
    assert found["selection_rate"] == pytest.approx(3 / 5)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["net_benefit"] == pytest.approx(2 / 5 - 1 / 5)
    assert found["net_benefit_gain"] == pytest.approx(1 / 5 - (3 / 5 - 2 / 5))
    assert found["observed_expected"] == pytest.approx(3 / 2.5)
    assert found["log_observed_expected"] == pytest.approx(np.log(1.2))
    assert found["brier"] == pytest.approx((0.01 + 0.25 + 0.36 + 0.36 + 0.01) / 5)
    assert found["brier_skill"] == pytest.approx(1 - 0.198 / 0.25)


def test_ece_by_hand():
    # Bins [.1,.2): risks .1 and .19, one event; [.9,1]: 1.0 with an event.
    _, found = measured([0.1, 0.19, 1.0], [0, 1, 1])
    assert found["ece"] == pytest.approx((abs(0.29 - 1) + 0) / 3)


@pytest.fixture
def sample():
    rng = np.random.default_rng(5)
    log_odds = rng.normal(-0.5, 1.2, 400)
    return np.round(expit(1.4 * log_odds + 0.3), 3), rng.random(400) < expit(log_odds)


def test_agrees_with_scikit_learn(sample):
    risk, event = sample
    _, found = measured(risk, event)
    assert found["brier"] == pytest.approx(brier_score_loss(event, risk))
    assert found["log_loss"] == pytest.approx(log_loss(event, risk))
    assert found["average_precision"] == pytest.approx(average_precision_score(event, risk))
    logistic = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(risk)[:, None], event)
    assert found["calibration_slope"] == pytest.approx(logistic.coef_[0, 0], abs=1e-5)


def test_calibration_in_the_large_makes_the_mean_risk_right(sample):
    risk, event = sample
    _, found = measured(risk, event)
    assert expit(logit(risk) + found["calibration_intercept"]).mean() == pytest.approx(event.mean(), abs=1e-9)


def test_one_step_slopes_come_close_to_full_fits(sample):
    risk, event = sample
    weights = np.random.default_rng(0).multinomial(400, np.full(400, 1 / 400), size=200).astype(float)
    fit = Recalibration.fit(logit(risk), event.astype(float), weights=np.ones(400))
    columns = np.column_stack(fit.columns(logit(risk), event.astype(float)))
    steps = fit.slopes(weights @ columns)
    full = np.array([Recalibration.fit(logit(risk), event.astype(float), weights=row).slope for row in weights])
    assert np.corrcoef(steps, full)[0, 1] > 0.98
    assert steps.std() == pytest.approx(full.std(), rel=0.05)


@pytest.mark.parametrize(
    ("risk", "event"),
    [([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]), ([0.3, 0.3, 0.3], [1, 0, 0])],
    ids=["separated", "all alike"],
)
def test_no_slope_where_there_is_none(risk, event):
    _, found = measured(risk, event)
    assert "calibration_slope" not in found


def test_weights_equal_copies(sample):
    risk, event = sample
    score, _ = measured(risk, event)
    draws = np.random.default_rng(1).multinomial(400, np.full(400, 1 / 400)).astype(float)
    copies = np.repeat(np.arange(400), draws.astype(int))
    drawn = score.point(draws[None], draws[None])
    _, copied = measured(risk[copies], event[copies])
    for name in sorted(set(drawn) - {"ici", "ici, fine", "calibration_slope", "calibration_intercept"}):
        assert drawn[name] == pytest.approx(copied[name], abs=1e-12), name


def test_average_precision_before_anybody_is_drawn():
    ranked = Levels(np.array([0.9, 0.5, 0.1]), np.array([True, True, False]), order=np.array([2, 1, 0]))
    assert ranked.values(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0]])) == pytest.approx([1.0, np.nan], nan_ok=True)


def test_survival_agrees_with_scikit_survival():
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    died, lost = rng.exponential(2 / np.exp(x)), rng.uniform(0.2, 2.6, 300)
    time, event, risk = np.minimum(died, lost), died <= lost, 1 - np.exp(-np.exp(0.8 * x) / 2)
    patients = survival_patients(time, event, horizon=1.0, rows=np.arange(300))
    risk = risk[patients.rows]
    score = RiskScore(patients, risk, null=np.full(300, 0.4), threshold=0.35, binary=False)
    ones = np.ones((1, 300))
    found = score.point(ones, patients.seen_weights(ones))
    outcome = Surv.from_arrays(event[patients.rows], time[patients.rows])
    assert found["brier"] == pytest.approx(brier_score(outcome, outcome, (1 - risk)[:, None], [1.0])[1][0])
    null = brier_score(outcome, outcome, np.full((300, 1), 0.6), [1.0])[1][0]
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / null)
    assert "auroc" not in found
    assert "ece" not in found


def test_survival_without_censoring_is_the_binary_measure(sample):
    risk, event = sample
    time = np.where(event, 0.5, 2.0)
    patients = survival_patients(time, np.ones(400, bool), horizon=1.0, rows=np.arange(400))
    score = RiskScore(patients, risk[patients.rows], null=np.full(400, 0.5), threshold=0.5, binary=False)
    ones = np.ones((1, 400))
    found = score.point(ones, patients.seen_weights(ones))
    _, expected = measured(risk, event)
    # Cox regression asks in which order events came, not by when.
    assert found.pop("cox_calibration_slope") == pytest.approx(expected["calibration_slope"], rel=0.3)
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-9)
