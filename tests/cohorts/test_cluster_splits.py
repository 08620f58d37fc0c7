"""No split divides a cluster, whatever the scheme, and the parts are as like the whole as whole clusters allow."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.cohorts.cluster_splits import cluster_parts
from theragate.cohorts.outcomes import Binary
from theragate.cohorts.splits import inner_folds, outer_splits
from theragate.errors import DataError
from theragate.testing.cohorts import make_study

CLUSTERS = {"column": "hospital", "reason": "Patients of one hospital resemble one another."}


def patients(clusters: int, *, seed: int, size: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Hospitals of very different sizes and risks."""
    random = np.random.default_rng(seed)
    sizes = random.integers(size // 3, 3 * size, clusters)
    cluster = np.repeat(np.arange(1, clusters + 1), sizes)
    risk = random.uniform(0.2, 0.5, clusters)
    event = random.uniform(size=len(cluster)) < risk[cluster - 1]
    order = random.permutation(len(cluster))
    return cluster[order], event[order]


def splits(clusters: int, *, seed: int = 1, **validation: Any):
    cluster, event = patients(clusters, seed=4)
    year = 2000 + (cluster % 4)
    cohort = pd.DataFrame({"patient": np.arange(len(event)), "cluster": cluster, "year": year.astype(float)})
    study = make_study("binary", clusters=CLUSTERS, validation={"inner_folds": 2, "reason": "A test.", **validation})
    return cluster, outer_splits(cohort, Binary(event), study, seed=seed)


SCHEMES: list[dict[str, Any]] = [
    {"scheme": "nested_cross_validation", "repeats": 3, "folds": 5},
    {"scheme": "holdout", "fraction": 0.3},
    {"scheme": "temporal", "column": "year", "since": 2002},
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme["scheme"])
def test_no_split_divides_a_cluster(scheme):
    cluster, found = splits(20, **scheme)
    for each in found:
        assert not set(cluster[each.train]) & set(cluster[each.test])
        assert len(each.train) + len(each.test) == len(cluster)


@given(st.integers(0, 2**31), st.integers(2, 5))
@hypothesis_settings(deadline=None, max_examples=15)
def test_inner_folds_divide_no_cluster_and_hold_everybody_once(seed, folds):
    cluster, event = patients(15, seed=7)
    parts = inner_folds(Binary(event), folds, seed=seed, clusters=cluster)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(len(event)))
    for train, test in parts:
        assert not set(cluster[train]) & set(cluster[test])
        assert set(train) | set(test) == set(range(len(event)))


def test_folds_of_whole_clusters_are_stratified_by_the_outcome():
    from sklearn.model_selection import StratifiedGroupKFold

    def misfit(parts: list[np.ndarray], event: np.ndarray) -> float:
        return max(abs(event[part].sum() / event.sum() - 0.2) + abs(len(part) / len(event) - 0.2) for part in parts)

    ours, theirs = [], []
    for seed in range(20):
        cluster, event = patients(25, seed=seed)
        ours.append(misfit([test for _, test in inner_folds(Binary(event), 5, seed=1, clusters=cluster)], event))
        folder = StratifiedGroupKFold(5, shuffle=True, random_state=1)
        theirs.append(misfit([test for _, test in folder.split(event, event, cluster)], event))
    assert np.mean(ours) < 0.06
    assert np.mean(ours) <= np.mean(theirs)


def test_the_same_seed_gives_the_same_folds_and_repeats_differ():
    _, first = splits(20, scheme="nested_cross_validation", repeats=3, folds=5)
    _, again = splits(20, scheme="nested_cross_validation", repeats=3, folds=5)
    assert [each.test.tolist() for each in first] == [each.test.tolist() for each in again]
    repeats = {tuple(sorted(tuple(each.test) for each in first if each.repeat == repeat)) for repeat in range(3)}
    assert len(repeats) == 3


def test_with_as_many_clusters_as_folds_each_is_left_out_once():
    cluster, found = splits(5, scheme="nested_cross_validation", repeats=1, folds=5)
    assert sorted(set(cluster[each.test]).pop() for each in found) == [1, 2, 3, 4, 5]
    assert all(len(set(cluster[each.test])) == 1 for each in found)


def test_ten_thousand_families_are_shared_out_evenly():
    random = np.random.default_rng(2)
    cluster = np.repeat(np.arange(10_000), random.integers(1, 4, 10_000))
    strata = (random.uniform(size=len(cluster)) < 0.1).astype(int)
    part = cluster_parts(cluster, strata, [0.2] * 5, seed=1)
    shares = np.bincount(part, weights=strata) / strata.sum()
    assert np.abs(shares - 0.2).max() < 0.002
    assert np.abs(np.bincount(part) / len(part) - 0.2).max() < 0.002


@pytest.mark.parametrize(
    ("clusters", "validation", "message"),
    [
        (4, {"scheme": "nested_cross_validation", "repeats": 1, "folds": 5}, "at least 5 clusters.*received 4"),
        (2, {"scheme": "nested_cross_validation", "repeats": 1, "folds": 2}, "at least 2 clusters.*received 1"),
        (20, {"scheme": "temporal", "column": "year", "since": 2001.5, "mixed": True}, "20 of 20 clusters with both"),
        (2, {"scheme": "holdout", "fraction": 0.05}, "0 with the event|received 1 clusters"),
    ],
)
def test_what_whole_clusters_cannot_do_is_refused(clusters, validation, message):
    validation = dict(validation)
    cluster, event = patients(clusters, seed=4)
    year = np.where(np.arange(len(event)) % 2, 2000.0, 2002.0) if validation.pop("mixed", False) else cluster * 1.0
    cohort = pd.DataFrame({"patient": np.arange(len(event)), "cluster": cluster, "year": year})
    study = make_study("binary", clusters=CLUSTERS, validation={"inner_folds": 2, "reason": "A test.", **validation})
    with pytest.raises(DataError, match=message):
        outer_splits(cohort, Binary(event), study, seed=1)


def test_a_fold_without_the_event_is_refused_and_not_made():
    cluster = np.repeat(np.arange(6), 20)
    event = cluster == 0  # all events in one hospital
    with pytest.raises(DataError, match=r"divides no cluster, .*at least 1 patients; received 0 with the event"):
        inner_folds(Binary(event), 3, seed=1, clusters=cluster)
