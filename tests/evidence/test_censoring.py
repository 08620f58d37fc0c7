import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.nonparametric import kaplan_meier_estimator

from theragate.evidence.metrics.censoring import LEAST_OBSERVED, binary_patients, survival_patients

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


def with_hazards(time, event, horizon, hazard, draws=None):
    patients = survival_patients(time, event, horizon=horizon, rows=np.arange(len(time)), hazard=hazard)
    draws = np.ones((1, len(time))) if draws is None else draws[:, patients.rows]
    return patients, patients.seen_weights(draws)


@settings(deadline=None, max_examples=60)
@given(PATIENTS, st.integers(0, 99))
def test_equal_hazards_give_kaplan_and_meiers_weights(rows, seed):
    time, event = np.array([float(t) for t, _ in rows]), np.array([e for _, e in rows])
    draws = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), 3).astype(float)
    plain, expected = with_hazards(time, event, 4.0, None, draws)
    _, found = with_hazards(time, event, 4.0, np.full(len(rows), 2.5), draws)
    known = expected * LEAST_OBSERVED < draws[:, plain.rows]  # the others are cut off
    assert found[known] == pytest.approx(expected[known], rel=1e-9)
    assert (found[~known] * LEAST_OBSERVED <= draws[:, plain.rows][~known] * (1 + 1e-12)).all()


def test_weights_by_hazard_by_hand():
    # Lost at 2 with hazard 3 of 3 + 1 + 2 at risk: a baseline of (1 - 3/6)^(1/3), to the power of each own hazard.
    time, event = np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, False, True, False])
    patients, seen = with_hazards(time, event, 4.0, np.array([9.0, 3.0, 1.0, 2.0]))
    assert seen[0] == pytest.approx([1, 0, 2 ** (1 / 3), 2 ** (2 / 3)])
    assert patients.followed == pytest.approx(0.5 ** (np.array([9.0, 3.0, 1.0, 2.0]) / 3))


def test_nobody_stands_for_more_than_twenty():
    time, event = np.array([1.0] * 6 + [3.0, 5.0]), np.array([False] * 6 + [True, False])
    patients, seen = with_hazards(time, event, 4.0, np.array([1.0] * 6 + [60.0, 0.1]))
    assert patients.followed[6] < LEAST_OBSERVED / 5
    assert seen[0, 6] == pytest.approx(1 / LEAST_OBSERVED)
    assert seen[0, 7] < 1.02


def test_hazards_free_what_is_observed_from_losses_that_depend_on_the_risk():
    rng = np.random.default_rng(3)
    n = 20_000
    frail = rng.random(n) < 0.5
    died, gone = rng.exponential(np.where(frail, 1.0, 4.0)), rng.exponential(np.where(frail, 1.0, 5.0))
    time, event = np.minimum(died, gone), died <= gone
    truth = float(np.mean(-np.expm1(-np.where(frail, 1.0, 0.25))))

    def observed(hazard):
        patients, seen = with_hazards(time, event, 1.0, hazard)
        return float(seen[0] @ patients.event / seen.sum())

    assert observed(None) < truth - 0.02
    assert observed(np.where(frail, 5.0, 1.0)) == pytest.approx(truth, abs=0.012)


@settings(deadline=None, max_examples=40)
@given(PATIENTS, st.integers(0, 99))
def test_with_hazards_a_resample_equals_the_patients_copied_as_often(rows, seed):
    rng = np.random.default_rng(seed)
    # Losses at one time are taken one after the other, so that their order would matter: no two times are equal here.
    time = np.array([float(t) for t, _ in rows]) + np.arange(len(rows)) / 100
    event, hazard = np.array([e for _, e in rows]), rng.uniform(0.2, 3, len(rows))
    counts = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows))).astype(float)
    copies = np.repeat(np.arange(len(rows)), counts.astype(int))
    patients, drawn = with_hazards(time, event, 4.0, hazard, counts[None])
    if not patients.censored:
        return
    copied = with_hazards(time[copies], event[copies], 4.0, hazard[copies])[1][0]
    assert drawn[0].sum() == pytest.approx(copied.sum(), rel=1e-9)


def test_pairs_are_weighted_by_kaplan_and_meier_whatever_the_hazards():
    time, event = np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, False, True, False])
    for hazard in (None, np.array([9.0, 3.0, 1.0, 2.0])):
        assert with_hazards(time, event, 4.0, hazard)[0].pair_weights == pytest.approx([1, 0, 1.5**2, 0])
