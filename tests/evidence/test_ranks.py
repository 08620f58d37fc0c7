import time as clock
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from theragate.errors import EvidenceError
from theragate.evidence.metrics.censoring import survival_patients
from theragate.evidence.metrics.ranks import area_under_curve, areas_by_group, concordance, influences_by_group

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), max_size=40)
PEOPLE = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 4)), min_size=1, max_size=40)


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


def grouped(rows):
    risk, event, group = (np.array(column) for column in zip(*rows, strict=True)) if rows else np.zeros((3, 0), int)
    return risk / 5, event.astype(bool), group.astype(int)


def test_areas_by_hand():
    # Group 0: cases .9 and .4 against controls .5 and .4, placed 1, 1/4 and 1/2, 3/4: 2.5 of four pairs; the variance
    # is (.75²/2)/2 + (.25²/2)/2. Group 1: right in every pair. Group 2: nobody. Group 3: cases only.
    # All: .9 and .7 are above three controls, .4 ties with one.
    risk = np.array([0.9, 0.4, 0.5, 0.4, 0.7, 0.6, 0.2, 0.3])
    event = np.array([1, 1, 0, 0, 1, 0, 1, 1], bool)
    values, errors = areas_by_group(risk, event, np.array([0, 0, 0, 0, 1, 1, 3, 3]), groups=4)
    np.testing.assert_allclose(values, [2.5 / 4, 1, np.nan, np.nan, 6.5 / 15], rtol=1e-15)
    np.testing.assert_allclose(errors[:4], [np.sqrt((0.75**2 + 0.25**2) / 4), 0, np.nan, np.nan], rtol=1e-15)


@settings(deadline=None, max_examples=80)
@given(ROWS)
def test_areas_by_group_are_the_area_under_the_curve_of_each(rows):
    risk, event, group = grouped(rows)
    values, errors = areas_by_group(risk, event, group, groups=4)
    own_values, influence = influences_by_group(risk, event, group, groups=4)
    np.testing.assert_array_equal(own_values, values[:4])
    for place, members in enumerate([*(group == code for code in range(4)), np.ones(len(rows), bool)]):
        found = area(risk[members], event[members])
        if found is None:
            assert np.isnan([values[place], errors[place]]).all()
            assert place == 4 or not influence[members].any()
            continue
        assert values[place] == pytest.approx(found.value, abs=1e-12)
        assert errors[place] ** 2 == pytest.approx(found.influence @ found.influence, abs=1e-12)
        if place < 4:
            np.testing.assert_allclose(influence[members], found.influence, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.randoms(use_true_random=False))
def test_areas_do_not_depend_on_the_order_of_rows_nor_on_the_scale_of_risk(rows, random):
    risk, event, group = grouped(rows)
    expected = areas_by_group(risk, event, group, groups=4)
    moved = np.array(random.sample(range(len(rows)), len(rows)), dtype=int)
    np.testing.assert_allclose(areas_by_group(risk[moved], event[moved], group[moved], groups=4), expected, atol=1e-12)
    np.testing.assert_array_equal(areas_by_group(np.exp(3 * risk), event, group, groups=4), expected)
    swapped = areas_by_group(risk, ~event, group, groups=4)
    np.testing.assert_allclose(swapped, [1 - expected[0], expected[1]], atol=1e-12)


def test_a_known_order_gives_the_very_same_numbers():
    rng = np.random.default_rng(2)
    risk, event, group = np.round(rng.random(500), 2), rng.random(500) < 0.4, rng.integers(0, 3, 500)
    order = np.argsort(risk, kind="stable")
    for function in (areas_by_group, influences_by_group):
        sorting, sorted_before = (function(risk, event, group, groups=3, order=given) for given in (None, order))
        np.testing.assert_array_equal(sorting[0], sorted_before[0])
        np.testing.assert_array_equal(sorting[1], sorted_before[1])
    cases = event.astype(float)
    plain, known = (area_under_curve(risk, cases=cases, controls=1 - cases, order=given) for given in (None, order))
    assert plain.value == known.value
    np.testing.assert_array_equal(plain.influence, known.influence)
    time = rng.random(500)
    (plain,), (known,) = (concordance(time, event, risk, weights=(cases,), order=given) for given in (None, order))
    assert plain.value == known.value
    np.testing.assert_array_equal(plain.influence, known.influence)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_risk_that_is_no_number_is_refused(broken):
    risk, event, code = np.array([0.1, broken, 0.3]), np.array([True, False, True]), np.zeros(3, int)
    for refused in (
        lambda: area(risk, event),
        lambda: areas_by_group(risk, event, code, groups=1),
        lambda: influences_by_group(risk, event, code, groups=1),
        lambda: concordance(np.arange(3.0), event, risk, weights=(np.ones(3),)),
    ):
        with pytest.raises(EvidenceError, match="every number is finite"):
            refused()


@pytest.mark.parametrize("broken", [np.nan, np.inf, -1.0])
def test_a_weight_or_a_time_that_is_no_number_is_refused(broken):
    risk, event = np.array([0.1, 0.2, 0.3]), np.array([True, False, True])
    whole, other = np.ones(3), np.array([1.0, 1.0, broken])
    for refused in (
        lambda: area_under_curve(risk, cases=other, controls=whole),
        lambda: area_under_curve(risk, cases=whole, controls=other),
        lambda: concordance(other, event, risk, weights=(whole,)),
        lambda: concordance(whole, event, risk, weights=(whole, other)),
    ):
        with pytest.raises(EvidenceError, match="finite and at least 0"):
            refused()


def test_the_weight_of_who_has_no_event_does_not_matter():
    time, event, risk = np.arange(4.0), np.array([True, False, True, False]), np.array([0.4, 0.1, 0.2, 0.3])
    plain, odd = np.ones(4), np.array([1, np.inf, 1, np.nan])
    (expected,), (found,) = (concordance(time, event, risk, weights=(weight,)) for weight in (plain, odd))
    assert found.value == expected.value == 3 / 4
    np.testing.assert_array_equal(found.influence, expected.influence)


def test_columns_that_do_not_fit_are_refused():
    risk, event, code = np.array([0.1, 0.2, 0.3]), np.array([True, False, True]), np.array([0, 1, 0])
    with pytest.raises(EvidenceError, match=r"columns of \d, \d, \d(, \d)* rows"):
        areas_by_group(risk, event[:2], code, groups=2)
    with pytest.raises(EvidenceError, match=r"columns of \d, \d, \d(, \d)* rows"):
        areas_by_group(risk, event, code, groups=2, order=np.array([0, 1]))
    with pytest.raises(EvidenceError, match=r"columns of \d, \d, \d(, \d)* rows"):
        concordance(np.arange(3.0), event, risk, weights=(np.ones(3), np.ones(2)))
    with pytest.raises(EvidenceError, match="it sorts them"):
        area_under_curve(risk, cases=event * 1.0, controls=~event * 1.0, order=np.array([0, 2, 1]))
    for codes in (np.array([0, 2, 0]), np.array([0, -1, 0])):
        with pytest.raises(EvidenceError, match="between 0 and 1"):
            areas_by_group(risk, event, codes, groups=2)


def test_many_groups_are_brought_together_in_the_right_place():
    rng = np.random.default_rng(4)
    risk, event, group = rng.random(4000), rng.random(4000) < 0.5, rng.integers(0, 300, 4000)
    values, _ = areas_by_group(risk, event, group, groups=300)
    for code in (0, 255, 256, 299):
        assert values[code] == pytest.approx(roc_auc_score(event[group == code], risk[group == code]), abs=1e-12)


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


def listed(time, event, risk, weight):
    """Go through all pairs one by one."""
    n = len(time)
    pairs = np.zeros((n, n))
    right = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            if event[a] and (time[b] > time[a] or (time[b] == time[a] and not event[b])):
                pairs[a, b] = weight[a]
                right[a, b] = weight[a] * ((risk[a] > risk[b]) + (risk[a] == risk[b]) / 2)
    if not pairs.any():
        return None
    value = right.sum() / pairs.sum()
    own = right.sum(0) + right.sum(1) - value * (pairs.sum(0) + pairs.sum(1))
    return value, own / pairs.sum()


@settings(deadline=None, max_examples=150)
@given(PEOPLE, st.integers(0, 2**32 - 1))
def test_concordance_is_that_of_all_pairs_listed(rows, seed):
    time, event, risk = (np.array(column) for column in zip(*rows, strict=True))
    rng = np.random.default_rng(seed)
    weights = (np.ones(len(rows)), np.round(rng.random(len(rows)) * 4) / 2, np.zeros(len(rows)))
    for weight, found in zip(weights, concordance(time * 0.5, event, risk / 4, weights=weights), strict=True):
        expected = listed(time, event, risk, weight)
        if expected is None:
            assert found is None
            continue
        assert found.value == pytest.approx(expected[0], abs=1e-12)
        np.testing.assert_allclose(found.influence, expected[1], atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(PEOPLE, st.randoms(use_true_random=False))
def test_concordance_does_not_depend_on_the_order_of_rows_nor_on_the_scale_of_risk(rows, random):
    time, event, risk = (np.array(column, float) for column in zip(*rows, strict=True))
    event = event.astype(bool)
    (expected,) = concordance(time, event, risk, weights=(np.ones(len(rows)),))
    moved = np.array(random.sample(range(len(rows)), len(rows)))
    (other,) = concordance(time[moved], event[moved], np.exp(risk[moved]), weights=(np.ones(len(rows)),))
    (turned,) = concordance(time, event, -risk, weights=(np.ones(len(rows)),))
    if expected is None:
        assert other is None
        assert turned is None
        return
    assert other.value == pytest.approx(expected.value, abs=1e-12)
    np.testing.assert_allclose(other.influence, expected.influence[moved], atol=1e-12)
    assert turned.value == pytest.approx(1 - expected.value, abs=1e-12)


def test_perfect_order_is_exactly_one_at_any_size():
    time = np.arange(3000.0)
    (found,) = concordance(time, np.ones(3000, bool), -time, weights=(np.full(3000, 0.1),))
    assert found.value == 1
    assert np.abs(found.influence).max() < 1e-12
    values, errors = areas_by_group(time, time > 1000, np.zeros(3000, int), groups=1)
    assert values.tolist() == [1, 1]
    assert errors.tolist() == [0, 0]


def test_concordance_of_many_patients_takes_a_moment_and_little_memory():
    n = 200_000
    rng = np.random.default_rng(0)
    time, event, risk = rng.random(n), rng.random(n) < 0.28, np.round(rng.random(n), 5)
    tracemalloc.start()
    start = clock.process_time()
    concordance(time, event, risk, weights=(event.astype(float),))
    spent, (_, peak) = clock.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 3.0  # all 5.6e9 pairs would take a minute
    assert peak < 200 * n


def test_areas_of_many_groups_cost_little_more_than_one_sort():
    rng = np.random.default_rng(0)
    risk, group = rng.random(300_000), rng.integers(0, 20, 300_000)
    event = rng.random(300_000) < risk
    ratios = []
    for _ in range(5):
        start = clock.process_time()
        np.argsort(risk, kind="stable")
        sorting = clock.process_time() - start
        areas_by_group(risk, event, group, groups=20)
        ratios.append((clock.process_time() - start - sorting) / sorting)
    assert min(ratios) < 3
