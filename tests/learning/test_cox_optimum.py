"""The optimum of a Cox regression: against an independent solver, and where a library's steps go astray."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sksurv.linear_model.coxph import CoxPHOptimizer

from theragate.cohorts.outcomes import Censored
from theragate.learning.cox_optimum import PartialLikelihood
from theragate.learning.families import ESTIMATORS, FitError, Training
from theragate.learning.families import cox as cox_families
from theragate.learning.newton import distance, find_optimum


def drawn(patients: int, columns: int, *, seed: int, rare: int = 0, ties: bool = True) -> Training:
    """Standardised features, the last `rare` of which are indicators of one patient who dies first, and their twins."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(patients, columns))
    death = random.exponential(np.exp(-matrix[:, 0]))
    lost = random.uniform(0.2, 3.0, patients)
    time, event = np.minimum(death, lost), death <= lost
    time = np.ceil(time * 20) if ties else time
    for number in range(rare):
        indicator = np.zeros(patients)
        indicator[number // 2] = 1.0
        matrix[:, columns - 1 - number] = (indicator - indicator.mean()) / indicator.std()
        time[number // 2], event[number // 2] = time.min() / 2, True
    return Training(matrix, Censored(time, event, float(np.median(time))), slice(0, 0))


def likelihood_of(training: Training, *, ridge: float) -> PartialLikelihood:
    return PartialLikelihood(training.matrix, training.outcome, ridge=ridge)


@given(st.integers(8, 60), st.integers(1, 6), st.integers(0, 10**6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_value_and_derivatives_are_those_of_the_library(patients, columns, seed, ties) -> None:
    training = drawn(patients, columns, seed=seed, ties=ties)
    ours = likelihood_of(training, ridge=0.3)
    outcome, weights = training.outcome, np.full(columns, 0.3 * patients)
    theirs = CoxPHOptimizer(training.matrix, outcome.event, outcome.time, weights, "breslow")
    coefficients = np.random.default_rng(seed).normal(size=columns)
    theirs.update(coefficients)
    gradient, hessian = ours.derivatives(coefficients)
    assert ours.value(coefficients) == pytest.approx(theirs.nlog_likelihood(coefficients), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(gradient, theirs.gradient, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian, theirs.hessian, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rare", [0, 1, 4])
@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0])
def test_a_ridge_ends_where_an_independent_solver_does(rare: int, penalty: float) -> None:
    training = drawn(300, 8, seed=3, rare=rare)
    likelihood = likelihood_of(training, ridge=penalty / 300)

    def objective(coefficients):
        return likelihood.value(coefficients), likelihood.derivatives(coefficients)[0]

    expected = minimize(objective, np.zeros(8), jac=True, method="BFGS", options={"gtol": 1e-10}).x
    found = find_optimum(likelihood, np.zeros(8))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        ESTIMATORS["ridge_cox"].fit(training, {"penalty": penalty}, seed=0).coefficients, expected, rtol=0, atol=1e-6
    )


def test_the_distance_of_the_optimum_is_nothing_and_of_elsewhere_is_not() -> None:
    training = drawn(200, 5, seed=1)
    likelihood = likelihood_of(training, ridge=0.01)
    found = find_optimum(likelihood, np.zeros(5))
    assert distance(likelihood, found) < 1e-9
    assert distance(likelihood, found + 1e-3) > 1e-4
    assert distance(likelihood, np.zeros(5)) > 0.1


def test_where_the_library_oscillates_the_family_finds_the_optimum() -> None:
    # One patient, 20 standard deviations from all others, who dies first: Newton's whole steps overshoot for ever.
    lost = 0
    for seed in range(12):
        training = drawn(400, 6, seed=seed, rare=2)
        try:
            cox_families._newton(training, training.matrix, 0.1)
        except FitError:
            lost += 1
        fitted = ESTIMATORS["ridge_cox"].fit(training, {"penalty": 0.1}, seed=0)
        assert distance(likelihood_of(training, ridge=0.1 / 400), fitted.coefficients) < 1e-6
    assert lost


def test_what_the_library_finds_is_kept_to_the_bit() -> None:
    training = drawn(200, 5, seed=1)
    expected = cox_families._newton(training, training.matrix, 1.0)
    np.testing.assert_array_equal(
        ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0).coefficients, expected
    )


def test_many_patients_need_no_step_of_python_each(monkeypatch) -> None:
    training = drawn(200, 5, seed=1)
    slow = ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0).coefficients
    monkeypatch.setattr(cox_families, "_MANY", 199)
    monkeypatch.setattr(cox_families, "_newton", None)
    fast = ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0).coefficients
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-6)


def test_more_columns_than_patients_are_solved_in_the_patients_dimension(monkeypatch) -> None:
    training = drawn(60, 150, seed=5)
    wide = ESTIMATORS["strong_ridge_cox"].fit(training, {"penalty": 100.0}, seed=0)
    whole = find_optimum(likelihood_of(training, ridge=100.0 / 60), np.zeros(150))
    np.testing.assert_allclose(wide.coefficients, whole, rtol=0, atol=1e-8)
    assert wide.response.hazard > 0


def test_a_library_that_ends_nowhere_near_is_not_believed(monkeypatch) -> None:
    training = drawn(60, 3, seed=5)
    expected = ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0).coefficients
    for claimed in (np.full(3, 1e6), np.full(3, 0.5)):
        monkeypatch.setattr(cox_families, "_newton", lambda *_, claimed=claimed: claimed)
        found = ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0).coefficients
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_where_steps_do_not_end_there_is_no_solution(monkeypatch) -> None:
    training = drawn(60, 3, seed=5)
    monkeypatch.setattr(cox_families, "_newton", lambda *_: np.full(3, 0.5))
    monkeypatch.setattr(cox_families, "find_optimum", lambda _, start: start)
    with pytest.raises(FitError, match="steps that do not end"):
        ESTIMATORS["ridge_cox"].fit(training, {"penalty": 1.0}, seed=0)
    with pytest.raises(FloatingPointError, match="too far apart"):
        likelihood_of(training, ridge=1.0).derivatives(np.full(3, 1e6))
