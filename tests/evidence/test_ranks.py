import time as clock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from theragate.evidence.metrics.censoring import survival_patients
from theragate.evidence.metrics.ranks import area_under_curve, concordance


def area(risk, event):
    event = np.asarray(event, dtype=float)
    return area_under_curve(np.asarray(risk, dtype=float), cases=event, controls=1 - event)


def sort(time, event, risk):
    order = np.lexsort((~event, time))
    return time[order], event[order], risk[order]


def harrell(time, event, risk):
    time, event, risk = sort(np.asarray(time, float), np.asarray(event, bool), np.asarray(risk, float))
    return concordance(time, event, risk, weights=(event.astype(float),))[0]


def test_area_by_hand():
    # Cases .9 and .4 against controls .5 and .4: 1 + 1 + 0 + 1/2 of four pairs.
    found = area([0.9, 0.4, 0.5, 0.4], [1, 1, 0, 0])
    assert found.value == pytest.approx(2.5 / 4)


def test_delong_variance_by_the_definition():
    rng = np.random.default_rng(1)
    event = rng.random(60) < 0.4
    risk = np.round(rng.random(60) + 0.3 * event, 1)
    pairs = (risk[event][:, None] > risk[~event]) + 0.5 * (risk[event][:, None] == risk[~event])
    variance = pairs.mean(1).var(ddof=1) / event.sum() + pairs.mean(0).var(ddof=1) / (~event).sum()
    found = area(risk, event)
    assert found.value == pytest.approx(pairs.mean(), abs=1e-12)
    assert found.influence @ found.influence == pytest.approx(variance, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_area_agrees_with_scikit_learn(rows):
    risk, event = np.array([r for r, _ in rows]) / 5, np.array([e for _, e in rows])
    found = area(risk, event)
    if event.all() or not event.any():
        assert found is None
    else:
        assert found.value == pytest.approx(roc_auc_score(event, risk), abs=1e-12)
        assert area(1 - risk, event).value == pytest.approx(1 - found.value, abs=1e-12)
        assert found.influence.sum() == pytest.approx(0, abs=1e-9)


def test_concordance_by_hand():
    # Events at 1 (risk .9) and 2 (risk .2); censored at 3 (.5): pairs (1,2) right, (1,3) right, (2,3) wrong.
    assert harrell([1, 2, 3], [1, 1, 0], [0.9, 0.2, 0.5]).value == pytest.approx(2 / 3)


def test_no_comparable_pair_is_no_number():
    assert harrell([1, 2, 3], [0, 0, 1], [0.1, 0.2, 0.3]) is None
    assert harrell([2, 2], [1, 1], [0.1, 0.2]) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40))
def test_concordance_agrees_with_scikit_survival_ties_included(rows):
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    found = harrell(time, event, risk)
    comparable = [(a, b) for a in rows for b in rows if a[1] and (b[0] > a[0] or (b[0] == a[0] and not b[1]))]
    if not comparable:  # where the library divides 0 by 0
        assert found is None
        return
    expected = concordance_index_censored(event, time.astype(float), risk.astype(float))[0]
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


@pytest.fixture
def censored():
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    died, lost = rng.exponential(2 / np.exp(x)), rng.uniform(0.2, 2.6, 300)
    return np.minimum(died, lost), died <= lost, np.round(1 / (1 + np.exp(-x + rng.normal(size=300))), 2)


def test_uno_and_area_at_the_horizon_agree_with_scikit_survival(censored):
    time, event, risk = censored
    patients = survival_patients(time, event, horizon=1.0, rows=np.arange(300))
    seen = patients.seen_weights(np.ones((1, 300)))[0]
    time, event, risk = time[patients.rows], event[patients.rows], risk[patients.rows]
    outcome = Surv.from_arrays(event, time)
    (uno,) = concordance(time, event, risk, weights=((seen * patients.event) ** 2,))
    assert uno.value == pytest.approx(concordance_index_ipcw(outcome, outcome, risk, tau=1.0)[0], abs=1e-12)
    found = area_under_curve(risk, cases=seen * patients.event, controls=seen * patients.free)
    assert found.value == pytest.approx(cumulative_dynamic_auc(outcome, outcome, risk, [1.0])[0][0], abs=1e-12)


def test_concordance_error_agrees_with_the_bootstrap(censored):
    time, event, risk = sort(*censored)
    found = harrell(time, event, risk)
    rng = np.random.default_rng(0)
    drawn = [harrell(time[rows], event[rows], risk[rows]).value for rows in rng.integers(0, 300, (400, 300))]
    assert np.sqrt(found.influence @ found.influence) == pytest.approx(np.std(drawn), rel=0.12)


def test_influence_is_what_leaving_a_patient_out_changes(censored):
    time, event, risk = sort(*censored)
    found = harrell(time, event, risk)
    for patient in (0, 57, 298):
        without = harrell(*(np.delete(column, patient) for column in (time, event, risk)))
        assert found.value - without.value == pytest.approx(found.influence[patient], rel=0.05, abs=2e-5)


def test_concordance_of_a_large_cohort_takes_a_moment():
    rng = np.random.default_rng(0)
    time, event, risk = sort(rng.random(7874), rng.random(7874) < 0.28, rng.random(7874))
    start = clock.process_time()
    concordance(time, event, risk, weights=(event.astype(float),))
    assert clock.process_time() - start < 1.0
