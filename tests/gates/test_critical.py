"""The max-t critical value: hand-known cases, bounds, and what it promises."""

from statistics import NormalDist

import numpy as np
import pytest
from gates.evidence_by_hand import independent
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.types import Z95, Estimate, Family
from theragate.gates import critical_value
from theragate.gates._critical import _uncorrelated_parts, side_by_side
from theragate.gates._judging import Limit, Question, answer_all


def equicorrelated(size: int, rho: float) -> Family:
    rows = tuple(tuple(1.0 if i == j else rho for j in range(size)) for i in range(size))
    return Family(members=tuple(f"m{i}" for i in range(size)), correlation=rows)


def test_one_estimate_needs_no_correction():
    assert critical_value(independent("a")) == Z95
    assert critical_value(Family(members=(), correlation=())) == Z95


@pytest.mark.parametrize("size", [2, 5, 25])
def test_independent_estimates_give_the_value_of_sidak(size):
    exact = NormalDist().inv_cdf((1 + 0.95 ** (1 / size)) / 2)
    assert critical_value(independent(*map(str, range(size)))) == pytest.approx(exact, abs=0.02)


def test_perfectly_correlated_estimates_count_as_one():
    assert critical_value(equicorrelated(6, 1.0)) == pytest.approx(Z95, abs=0.015)


def test_known_value_for_three_estimates_correlated_by_a_half():
    # The two-sided 5% point of Dunnett's test with three comparisons and infinite degrees of freedom.
    assert critical_value(equicorrelated(3, 0.5)) == pytest.approx(2.349, abs=0.015)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 6))
def test_it_lies_between_the_value_of_one_and_that_of_independence(seed, size):
    loadings = np.random.default_rng(seed).normal(size=(size, 3))
    covariance = loadings @ loadings.T + 0.1 * np.eye(size)
    scale = np.sqrt(np.diag(covariance))
    correlation = tuple(tuple(row) for row in (covariance / np.outer(scale, scale)).tolist())
    value = critical_value(Family(members=tuple(map(str, range(size))), correlation=correlation))
    assert Z95 <= value <= NormalDist().inv_cdf((1 + 0.95 ** (1 / size)) / 2)


def test_it_is_the_same_every_time():
    family = equicorrelated(4, 0.3)
    assert critical_value(family) == critical_value(family.model_copy())
    assert critical_value(family, seed=1) == pytest.approx(critical_value(family), abs=0.03)


def test_a_matrix_that_rounding_made_indefinite_is_repaired():
    rows = ((1.0, 0.9, 0.0), (0.9, 1.0, 0.9), (0.0, 0.9, 1.0))
    value = critical_value(Family(members=("a", "b", "c"), correlation=rows))
    assert Z95 <= value <= 2.4


def test_families_side_by_side_keep_their_own_correlation():
    joined = side_by_side([equicorrelated(2, 0.7), independent("alone")])
    assert joined.members == ("m0", "m1", "alone")
    assert joined.correlation == ((1.0, 0.7, 0.0), (0.7, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_what_stands_side_by_side_is_drawn_apart_and_counts_together():
    families = [equicorrelated(3, 0.7), independent("alone"), equicorrelated(2, -0.2), independent("last")]
    joined = side_by_side(families)
    parts = _uncorrelated_parts(np.array(joined.correlation))
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 4), (4, 6), (6, 7)]
    # The same families in an order that hides the blocks: one product of the whole matrix.
    order = [0, 4, 1, 6, 3, 2, 5]
    mixed = tuple(tuple(joined.correlation[i][j] for j in order) for i in order)
    assert len(_uncorrelated_parts(np.array(mixed))) < 4
    assert critical_value(Family(members=joined.members, correlation=mixed)) == pytest.approx(
        critical_value(joined), abs=0.02
    )


def test_false_fails_are_rarer_than_five_in_a_hundred_under_equality():
    """Ten correlated group differences, all truly zero, against a margin of zero width: nearly none may fail."""
    random = np.random.default_rng(3)
    family = equicorrelated(10, 0.4)
    root = np.linalg.cholesky(np.array(family.correlation))
    draws = random.standard_normal((600, 10)) @ root.T
    single = joint = 0
    for row in draws:
        questions = [
            Question(
                subject=member,
                metric="mean_error",
                label=member,
                amount=None,
                unit="events",
                family="f",
                member=member,
                limit=Limit(low=-1e-9, high=1e-9),
                estimate=Estimate(value=x, lower=x - Z95, upper=x + Z95, se=1.0, method="drawn"),
            )
            for member, x in zip(family.members, row.tolist(), strict=True)
        ]
        answers = answer_all(questions, {"f": family})
        joint += any(answer.status == "fail" for answer in answers)
        single += any(abs(x) > Z95 for x in row)
    assert joint / 600 <= 0.075  # 5% and the error of 600 draws
    assert joint / 600 >= 0.025  # the band is not so wide that nothing can fail
    assert single / 600 > 0.2  # without it, false alarms would abound
