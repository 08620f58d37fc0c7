"""The separate check by Cox regression, against another implementation and the published effects."""

import numpy as np
import pandas as pd
import pytest
from sksurv.datasets import load_aids, load_gbsg2
from statsmodels.duration.hazard_regression import PHReg

from theragate.errors import EvidenceError
from theragate.evidence.metrics.cox import cox_regression


def cohort(n: int = 300):
    random = np.random.default_rng(1)
    x = random.normal(size=(n, 3))
    time = np.ceil(random.exponential(20 * np.exp(-0.5 * x[:, 0])))  # many ties
    lost = np.ceil(random.exponential(30, n))
    return np.minimum(time, lost), time <= lost, x


def test_agrees_with_another_implementation_in_the_presence_of_ties():
    time, event, x = cohort()
    beta, covariance = cox_regression(time, event, x)
    other = PHReg(time, x, status=event.astype(int), ties="efron").fit()
    assert beta == pytest.approx(other.params, abs=1e-6)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(other.bse, rel=1e-5)


def test_the_order_of_patients_changes_nothing():
    time, event, x = cohort()
    order = np.random.default_rng(0).permutation(len(time))
    assert cox_regression(time[order], event[order], x[order])[0] == pytest.approx(cox_regression(time, event, x)[0])


def ratio(beta, covariance) -> tuple[float, float, float]:
    reach = 1.96 * np.sqrt(covariance[0, 0])
    return tuple(round(float(np.exp(beta[0] + z)), 2) for z in (0, -reach, reach))


def test_the_known_effect_of_the_randomised_trial():
    features, outcome = load_aids(endpoint="aids")
    treated = (features["tx"].astype(str) == "1").to_numpy(dtype=float)[:, None]
    found = ratio(*cox_regression(outcome["time"], outcome["censor"], treated))
    assert found == pytest.approx((0.50, 0.33, 0.76), abs=0.011)


def test_the_known_adjusted_effect_of_the_observational_cohort():
    features, outcome = load_gbsg2()
    scaled = [
        (values - values.mean()) / values.std()
        for values in (
            features["age"],
            *(np.log1p(features[name]) for name in ("estrec", "pnodes", "progrec", "tsize")),
        )
    ]
    grades = pd.get_dummies(features["tgrade"].astype(str))[["I", "III"]]
    columns = [(features["horTh"] == "yes"), *scaled, (features["menostat"] == "Pre"), grades["I"], grades["III"]]
    x = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    assert ratio(*cox_regression(outcome["time"], outcome["cens"], x)) == pytest.approx((0.68, 0.53, 0.88), abs=0.011)


@pytest.mark.parametrize("kind", ["no event", "repeat"])
def test_what_has_no_solution_is_refused_in_one_line(kind):
    time, event, x = cohort()
    if kind == "no event":
        event = np.zeros_like(event)
    else:
        x = np.column_stack([x, np.zeros(len(x))])
    with pytest.raises(EvidenceError, match=kind):
        cox_regression(time, event, x)
