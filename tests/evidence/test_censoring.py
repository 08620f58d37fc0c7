import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.nonparametric import kaplan_meier_estimator

from theragate.evidence.metrics.censoring import binary_patients, survival_patients

PATIENTS = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=3, max_size=40)


def weighted_risk(time, event, horizon, counts=None):
    patients = survival_patients(time, event, horizon=horizon, rows=np.arange(len(time)))
    counts = np.ones(len(time)) if counts is None else counts
    seen = patients.seen_weights(counts[None, patients.rows])[0]
    return seen @ patients.event / seen.sum(), seen


def test_weights_by_hand():
    # Lost at 2 with three of four at risk: the two behind count 3/2 each.
    time, event = np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, False, True, False])
    risk, seen = weighted_risk(time, event, 4.0)
    assert seen == pytest.approx([1, 0, 1.5, 1.5])
    assert risk == pytest.approx(2.5 / 4)


def test_who_is_lost_at_the_time_of_an_event_was_at_risk_for_it():
    time, event = np.array([2.0, 2.0, 3.0]), np.array([False, True, False])
    _, seen = weighted_risk(time, event, 2.5)
    assert seen == pytest.approx([1, 0, 2])


@settings(deadline=None, max_examples=60)
@given(PATIENTS)
def test_weighted_risk_is_one_minus_kaplan_meier(rows):
    time, event = np.array([float(t) for t, _ in rows]), np.array([e for _, e in rows])
    if not (time > 4).any() or not event.any():
        return
    at, survival = kaplan_meier_estimator(event, time)
    expected = 1 - ([1.0, *survival[at <= 4]][-1])
    risk, seen = weighted_risk(time, event, 4.0)
    assert risk == pytest.approx(expected, abs=1e-12)
    assert seen.sum() == pytest.approx(len(rows))


@settings(deadline=None, max_examples=40)
@given(PATIENTS, st.integers(0, 99))
def test_a_resample_equals_the_patients_copied_as_often(rows, seed):
    time, event = np.array([float(t) for t, _ in rows]), np.array([e for _, e in rows])
    counts = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows))).astype(float)
    copies = np.repeat(np.arange(len(rows)), counts.astype(int))
    if not (time[copies] > 4).any():
        return
    drawn, _ = weighted_risk(time, event, 4.0, counts)
    copied, _ = weighted_risk(time[copies], event[copies], 4.0)
    assert drawn == pytest.approx(copied, abs=1e-12)


def test_without_censoring_the_weights_are_the_draws():
    patients = binary_patients(np.array([True, False, True]), np.array([2, 1]))
    draws = np.array([[2.0, 0.0]])
    assert patients.seen_weights(draws) is draws
    assert (patients.event.tolist(), patients.fewer, patients.censored) == ([True, False], 1, False)


def test_a_resample_in_which_everybody_left_is_lost_gives_finite_weights():
    time, event = np.array([1.0, 2.0, 5.0]), np.array([True, False, False])
    _, seen = weighted_risk(time, event, 4.0, np.array([1.0, 2.0, 0.0]))
    assert np.isfinite(seen).all()
    assert seen == pytest.approx([1, 0, 0])
