"""AUTOC and Qini by hand, with ties, and as a function of resamples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theragate.evidence.metrics.effects import Ranking, moments, ranked, toc


def ones(n: int) -> np.ndarray:
    return np.ones((1, n))


def test_by_hand():
    scores, prediction = np.array([1.0, 4.0, 1.0]), np.array([0.2, 0.9, 0.1])
    # Ranked 4, 1, 1; mean 2. TOC: 4 - 2, 2.5 - 2, 0.
    share, curve = toc(Ranking.of(prediction), scores, ones(3))
    assert share[0] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert curve[0] == pytest.approx([2.0, 0.5, 0.0])
    autoc, qini = ranked(Ranking.of(prediction), scores, ones(3))
    assert autoc[0] == pytest.approx(2.5 / 3)
    assert qini[0] == pytest.approx((2.0 / 3 + 0.5 * 2 / 3) / 3)


def test_a_ranking_of_nobody_is_worth_nothing():
    ranking = Ranking.of(np.full(5, 0.3))
    assert ranking.ranks_nobody
    assert ranked(ranking, np.arange(5.0), ones(5))[0] == pytest.approx(0.0)


def test_equal_predictions_count_as_the_mean_over_their_orders():
    scores, prediction = np.array([3.0, 0.0, 1.0, 2.0]), np.array([0.5, 0.5, 0.1, 0.1])
    orders = [[0, 1, 2, 3], [1, 0, 2, 3], [0, 1, 3, 2], [1, 0, 3, 2]]
    untied = [ranked(Ranking(np.array(o), np.arange(4)), scores, ones(4))[0][0] for o in orders]
    assert ranked(Ranking.of(prediction), scores, ones(4))[0][0] == pytest.approx(np.mean(untied))


def test_the_means_of_a_resample_are_those_of_the_patients_drawn():
    random = np.random.default_rng(5)
    scores, draws = random.normal(size=6), random.integers(0, 3, (4, 6)).astype(float)
    expected = [np.repeat(scores, row.astype(int)).mean() for row in draws]
    assert moments(scores[:, None], draws)[:, 0] == pytest.approx(expected)


def test_a_resample_ranks_whom_it_drew():
    scores, prediction = np.array([5.0, 4.0, 1.0, -7.0]), np.array([0.9, 0.5, 0.4, 0.1])
    draws = np.array([[1.0, 0.0, 1.0, 1.0]])
    kept = [0, 2, 3]
    alone = ranked(Ranking.of(prediction[kept]), scores[kept], ones(3))
    assert ranked(Ranking.of(prediction), scores, draws)[0] == pytest.approx(alone[0])


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-5, 5))
def test_only_the_order_of_predictions_counts(seed, factor, shift):
    random = np.random.default_rng(seed)
    scores, prediction = random.normal(size=20), random.integers(0, 8, 20).astype(float)
    moved = ranked(Ranking.of(factor * prediction + shift), scores, ones(20))
    assert moved[0] == pytest.approx(ranked(Ranking.of(prediction), scores, ones(20))[0])
    assert ranked(Ranking.of(prediction), scores + shift, ones(20))[0] == pytest.approx(
        ranked(Ranking.of(prediction), scores, ones(20))[0], abs=1e-9
    )
