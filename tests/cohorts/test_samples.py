"""A sample has its size, the shares of the outcome, and whole clusters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from theragate.cohorts.outcomes import Binary, Censored
from theragate.cohorts.samples import sample_rows


def test_all_of_few() -> None:
    rows = np.array([1, 4, 5])
    np.testing.assert_array_equal(sample_rows(Binary(np.arange(9) < 4), rows, most=3, seed=1), rows)


@given(st.integers(0, 2**31), st.integers(50, 900), st.floats(0.01, 0.99))
def test_size_and_shares(seed: int, most: int, share: float) -> None:
    event = np.zeros(2000, dtype=bool)
    event[: max(2, round(2000 * share))] = True
    outcome = Binary(np.random.default_rng(seed).permutation(event))
    rows = np.arange(100, 2000)
    sample = sample_rows(outcome, rows, most=most, seed=seed)
    assert most - 2 <= len(sample) <= most + 2
    assert (np.diff(sample) > 0).all()
    assert np.isin(sample, rows).all()
    assert abs(outcome.event[sample].sum() - len(sample) * outcome.event[rows].mean()) <= 3
    np.testing.assert_array_equal(sample, sample_rows(outcome, rows, most=most, seed=seed))


def test_everybody_is_as_likely_as_others() -> None:
    """Each of 300 patients is in a sample of 100 a third of the time: the counts are those of a fair draw."""
    random = np.random.default_rng(3)
    outcome = Censored(random.exponential(1, 300), random.random(300) < 0.4, 0.5)
    draws = 2000
    samples = [sample_rows(outcome, np.arange(300), most=100, seed=seed) for seed in range(draws)]
    counts = np.bincount(np.concatenate(samples), minlength=300)
    expected = draws / 3
    statistic = ((counts - expected) ** 2 / (expected * 2 / 3)).sum()
    assert 210 < statistic < 400  # chi-squared with about 297 degrees of freedom


def test_clusters_are_whole() -> None:
    random = np.random.default_rng(4)
    clusters = random.integers(0, 40, 2000)
    outcome = Binary(random.random(2000) < 0.3)
    rows = np.arange(0, 2000, 2)
    sample = sample_rows(outcome, rows, most=300, seed=5, clusters=clusters)
    inside = np.isin(rows, sample)
    for cluster in range(40):
        members = inside[clusters[rows] == cluster]
        assert members.all() or not members.any()
    assert 200 < len(sample) <= 300
