"""Every cluster by itself: what it shows, what is pooled, and what is left out because it shows too little."""

from dataclasses import replace

import numpy as np
import pytest

from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget
from theragate.evidence.measuring.sites import CLUSTER_METRICS, cluster_evidence


def held_out(predicted: np.ndarray, clusters: np.ndarray | None) -> HeldOut:
    rows = predicted[None, :]
    null = np.full_like(rows, rows.mean())
    return HeldOut(rows, null, null, scenarios={}, groups={}, judged=frozenset(), clusters=clusters)


def hospitals(sizes: list[int]) -> tuple[BinaryTarget, HeldOut]:
    random = np.random.default_rng(1)
    cluster = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    linear = random.normal(-0.3, 1, len(cluster))
    event = random.uniform(size=len(cluster)) < 1 / (1 + np.exp(-linear))
    return BinaryTarget(event, None, None), held_out(1 / (1 + np.exp(-linear)), cluster)


def test_a_cluster_shows_what_its_own_patients_do():
    target, given = hospitals([80, 120, 90, 60])
    found = cluster_evidence(target, given)
    assert [each.n for each in found.each] == [80, 120, 90, 60]
    rows = given.clusters == 2
    event, risk = target.event[rows], given.selected[0][rows]
    ratio = found.each[1].metrics["observed_expected"]
    assert ratio.value == pytest.approx(event.sum() / risk.sum())
    error = np.sqrt(np.sum((event - ratio.value * risk) ** 2)) / event.sum()
    assert np.log(ratio.upper / ratio.value) == pytest.approx(1.959964 * ratio.se)
    assert ratio.se == pytest.approx(error, rel=0.08)  # but for Student's t
    assert ratio.se > error
    area = found.each[1].metrics["auroc"].value
    assert area == pytest.approx((risk[event][:, None] > risk[~event]).mean())
    assert {name: own.clusters for name, own in found.summaries.items()} == dict.fromkeys(CLUSTER_METRICS["binary"], 4)


def test_a_cluster_with_too_few_events_has_a_value_and_is_not_pooled():
    target, given = hospitals([80, 120, 90, 12])
    found = cluster_evidence(target, given)
    small = found.each[3].metrics["observed_expected"]
    assert small.value is not None
    assert small.lower is None
    assert found.summaries["observed_expected"].clusters == 3
    assert (found.smallest, found.largest) == (12, 120)


def test_a_cluster_without_an_event_says_so():
    target, given = hospitals([80, 120, 90, 60])
    none = replace(target, event=target.event & (given.clusters != 1))
    assert cluster_evidence(none, given).each[0].metrics["auroc"].why == "no event in this group"


def test_of_two_clusters_there_is_no_mean():
    summary = cluster_evidence(*hospitals([80, 120])).summaries["auroc"]
    assert summary.mean.value is None
    assert "fewer than 3 clusters" in summary.mean.why
    assert summary.between is None


def test_families_are_counted_and_not_listed():
    found = cluster_evidence(*hospitals([3] * 300))
    assert (found.clusters, found.effective, found.each, found.summaries) == (300, 300, (), {})


def test_survival_and_quantities_have_measures_of_their_own():
    random = np.random.default_rng(2)
    cluster, x = np.repeat(np.arange(5), 80), random.normal(size=400)
    died = random.exponential(2 * np.exp(-x))
    risk = 1 - np.exp(-np.exp(x) / 2)
    followed = random.uniform(0.5, 4, 400)
    time, event = np.minimum(died, followed), died <= followed
    survival = cluster_evidence(SurvivalTarget(time, event, 1.0, None, None), held_out(risk, cluster))
    quantity = cluster_evidence(QuantityTarget(x + random.normal(size=400)), held_out(x, cluster))
    for task, found in (("survival", survival), ("regression", quantity)):
        assert set(found.summaries) == set(CLUSTER_METRICS[task])
        assert all(own.clusters == 5 and own.mean.decidable for own in found.summaries.values())


def test_where_nobody_belongs_to_a_cluster_there_is_nothing():
    target, given = hospitals([80, 120])
    assert cluster_evidence(target, replace(given, clusters=None)) is None
