"""The measures, by hand and against the libraries that know them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, r2_score, roc_auc_score
from sksurv.metrics import concordance_index_censored

from theragate.validation import _association as association
from theragate.validation._association import agreement, auroc, concordance, explained, rank_correlation, wilson


def test_auroc_by_hand():
    event = np.array([True, True, False, False])
    # Of the four pairs (event, other), 3 > 2 and 3 > 1 are won, 2 = 2 is half won, 2 > 1 is won.
    assert auroc(np.array([3.0, 2.0, 2.0, 1.0]), event).estimate == pytest.approx(3.5 / 4)
    assert auroc(-np.array([3.0, 2.0, 2.0, 1.0]), event).estimate == pytest.approx(3.5 / 4)
    assert auroc(np.array([1.0, 2.0]), np.array([True, True])) is None


def test_a_perfect_auroc_in_few_patients_has_a_wide_interval():
    event = np.array([True] * 5 + [False] * 5)
    few = auroc(event.astype(float), event)
    many = auroc(np.repeat(event, 40).astype(float), np.repeat(event, 40))
    assert few.estimate == many.estimate == few.upper == 1
    # With an AUROC of 1 the lower limit L solves 1 - L = z² L (1 + (N - 1)((1 - L)/(2 - L) + L/(1 + L))) / mn.
    limit = few.lower
    right = 3.8414588 * limit * (1 + 4 * ((1 - limit) / (2 - limit) + limit / (1 + limit))) / 25
    assert 1 - limit == pytest.approx(right, abs=1e-6)
    assert few.lower < 0.75 < 0.98 < many.lower


def test_the_limits_cover_a_known_auroc():
    random = np.random.default_rng(5)
    event = np.array([True] * 40 + [False] * 60)
    shift, truth = 1.7, 0.8853  # the normal distribution function at 1.7 / √2
    inside = 0
    for _ in range(400):
        found = auroc(random.normal(size=100) + shift * event, event)
        inside += found.lower <= truth <= found.upper
    assert inside / 400 > 0.93


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=4, max_size=60))
def test_auroc_agrees_with_scikit_learn(rows):
    score, event = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    found = auroc(score, event)
    if found is None:
        assert event.all() or not event.any()
        return
    area = roc_auc_score(event, score)
    assert found.estimate == pytest.approx(max(area, 1 - area))
    assert 0 <= found.lower <= found.estimate + 1e-12
    assert found.estimate <= found.upper + 1e-12 <= 1 + 1e-9


def test_concordance_by_hand():
    # Times 1, 2 (censored), 3; comparable: (1, 2), (1, 3). Scores 2, 1, 2: one won, one half.
    found = concordance(np.array([2, 1, 2]), np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))
    assert found.estimate == pytest.approx(0.75)
    assert concordance(np.array([1, 2]), np.array([1.0, 2.0]), np.array([False, False])) is None


def test_the_limits_of_a_concordance_count_events_and_not_patients():
    random = np.random.default_rng(6)
    time, score = random.exponential(size=200), random.integers(0, 50, 200)
    everyone = concordance(score, time, np.ones(200, dtype=bool))
    few = concordance(score, time, np.arange(200) < 20)
    assert everyone.upper - everyone.lower < 0.12
    assert few.upper - few.lower > 0.2


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), st.booleans()), min_size=3, max_size=40))
def test_concordance_agrees_with_scikit_survival(rows):
    score, time, event = (np.array(part) for part in zip(*rows, strict=True))
    found = concordance(score, time.astype(float), event)
    if found is None:
        return
    expected = concordance_index_censored(event, time, score)[0]
    assert found.estimate == pytest.approx(max(expected, 1 - expected))


def test_explained_by_hand():
    # Levels (1, 3) and (5, 7): each is predicted by the other, an error of 2 each; the spread is 9 + 1 + 1 + 9.
    found = explained(np.array([0, 0, 1, 1]), np.array([1.0, 3.0, 5.0, 7.0]))
    assert found.estimate == pytest.approx(1 - 16 / 20)
    assert explained(np.array([0, 0, 1]), np.array([2.0, 2.0, 2.0])) is None


def test_explained_gains_nothing_from_chance():
    random = np.random.default_rng(1)
    found = explained(random.integers(0, 20, 2000), random.normal(size=2000))
    assert -0.05 < found.estimate < 0.01


def test_explained_is_leaving_one_out():
    random = np.random.default_rng(2)
    level, value = random.integers(0, 3, 60), random.normal(size=60) + 0.0
    left_out = [value[(level == level[i]) & (np.arange(60) != i)].mean() for i in range(60)]
    assert explained(level, value).estimate == pytest.approx(r2_score(value, left_out))


def test_agreement_is_cohens_kappa_with_the_commoner_class():
    level = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    event = np.array([True, True, False, False, False, True, True, True])
    said = np.array([True, True, True, False, False, False, True, True])
    found = agreement(level, event)
    assert found.estimate == pytest.approx(cohen_kappa_score(said, event))
    assert found.lower < found.estimate < found.upper
    assert agreement(np.zeros(8, dtype=int), event) is None


def test_rank_correlation_ignores_the_direction_and_the_scale():
    random = np.random.default_rng(4)
    x = random.normal(size=80)
    y = x + random.normal(size=80)
    assert rank_correlation(-np.exp(x), y).estimate == pytest.approx(abs(spearmanr(x, y).statistic))
    assert rank_correlation(x, x).lower > 0.999
    assert rank_correlation(np.ones(80), y) is None


def test_wilson_by_hand():
    # 0 of 10: the upper limit is z² / (n + z²).
    assert wilson(0, 10).upper == pytest.approx(3.8414588 / 13.8414588)
    assert wilson(0, 10).lower == 0
    assert wilson(10, 10).lower == pytest.approx(10 / 13.8414588)


def test_both_ways_to_count_the_pairs_agree():
    random = np.random.default_rng(5)
    score, time = random.integers(0, 9, 300), random.integers(1, 40, 300).astype(float)
    event = random.random(300) < 0.4
    order = np.lexsort((~event, time))
    happened = time[order][event[order]]
    start = np.searchsorted(time[order], happened, "right")
    arguments = (score[order], event[order], start)
    assert association._won_at_once(*arguments) == association._won_by_score(*arguments) > 0
