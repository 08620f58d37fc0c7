"""Where patients of one hospital resemble one another, hospitals are drawn and added up, and few of them say little."""

from dataclasses import replace

import numpy as np
import pytest

from theragate.errors import EvidenceError
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.measure import measure
from theragate.evidence.sampling.units import Units, effective_number

RESAMPLES = 600


def held_out(risk: np.ndarray, *, clusters: np.ndarray | None = None, **more: object) -> HeldOut:
    predictions = np.atleast_2d(risk)
    null = np.full_like(predictions, predictions.mean())
    rest = {"scenarios": {}, "groups": {}, "judged": frozenset()} | more
    return HeldOut(predictions, null, null, clusters=clusters, **rest)


def hospitals(count: int, *, size: int = 40, sd: float = 0.8, seed: int = 1) -> tuple[BinaryTarget, HeldOut]:
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(count), size)
    linear = random.normal(-0.5, 1, count * size)
    event = random.uniform(size=count * size) < 1 / (1 + np.exp(-linear - sd * random.normal(size=count)[cluster]))
    return BinaryTarget(event, 0.3, (0.1, 0.5)), held_out(1 / (1 + np.exp(-linear)), clusters=cluster)


def by_patient(given: HeldOut) -> HeldOut:
    return replace(given, clusters=None)


def test_the_error_of_a_ratio_is_that_of_the_sums_of_clusters():
    target, given = hospitals(25)
    found = measure(target, given, resamples=4000, seed=1).overall["observed_expected"]
    risk, cluster = given.selected[0], given.clusters
    ratio = target.event.sum() / risk.sum()
    sums = np.bincount(cluster, weights=target.event - ratio * risk) / risk.sum()
    robust = np.sqrt(25 / 24 * (sums @ sums)) / ratio  # on the log scale
    reach = np.log(found.upper / found.value)
    assert reach == pytest.approx(2.0639 * robust, rel=0.05)  # Student's t with 24 degrees of freedom


def test_the_error_of_a_ranking_is_that_of_the_sums_of_clusters():
    target, given = hospitals(25)
    found = measure(target, given, resamples=RESAMPLES, seed=1).overall["auroc"]
    risk, event = given.selected[0], target.event
    above = (risk[event][:, None] > risk[~event]).astype(float)
    moves = np.zeros(len(event))
    moves[event] = (above.mean(axis=1) - above.mean()) / event.sum()
    moves[~event] = (above.mean(axis=0) - above.mean()) / (~event).sum()
    sums = np.bincount(given.clusters, weights=moves)
    robust = np.sqrt(25 / 24 * (sums @ sums)) / (above.mean() * (1 - above.mean()))
    assert found.se * 1.959964 == pytest.approx(2.0639 * robust, rel=0.02)


@pytest.mark.parametrize("kind", ["binary", "survival", "regression"])
def test_everybody_entered_twice_is_known_as_well_as_once(kind):
    random = np.random.default_rng(3)
    n = 150
    x = random.normal(size=n)
    risk = 1 / (1 + np.exp(-x))
    event = random.uniform(size=n) < risk
    targets: dict[str, Target] = {
        "binary": BinaryTarget(event, 0.4, (0.2, 0.6)),
        "survival": SurvivalTarget(np.where(event, 1.0, 3.0), event, 2.0, 0.4, (0.2, 0.6)),
        "regression": QuantityTarget(x + random.normal(size=n)),
    }
    target = targets[kind]
    fields = {name: np.repeat(v, 2) for name, v in vars(target).items() if isinstance(v, np.ndarray)}
    once = measure(target, held_out(risk if kind != "regression" else x), resamples=RESAMPLES, seed=1).overall
    both = held_out(np.repeat(risk if kind != "regression" else x, 2), clusters=np.repeat(np.arange(n), 2))
    twice = measure(replace(target, **fields), both, resamples=RESAMPLES, seed=1).overall
    for name, estimate in once.items():
        if estimate.decidable and name not in {"ici", "ece", "average_precision"}:
            width = estimate.upper - estimate.lower
            assert twice[name].upper - twice[name].lower == pytest.approx(width, rel=0.12), name


def test_hospitals_that_differ_are_known_less_well_than_their_patients():
    target, given = hospitals(20)
    together = measure(target, given, resamples=RESAMPLES, seed=1)
    alone = measure(target, by_patient(given), resamples=RESAMPLES, seed=1)
    for name in ("observed_expected", "calibration_intercept", "sensitivity", "net_benefit", "net_benefit_gain"):
        wide, narrow = (found.overall[name] for found in (together, alone))
        assert wide.value == pytest.approx(narrow.value)
        assert wide.upper - wide.lower > 1.3 * (narrow.upper - narrow.lower), name


@pytest.mark.parametrize("count", [2, 9])
def test_of_few_clusters_nothing_is_claimed(count):
    target, given = hospitals(count, size=60)
    found = measure(target, given, resamples=RESAMPLES, seed=1)
    for name, estimate in found.overall.items():
        assert estimate.lower is None, name
        assert "how much clusters differ cannot be known" in estimate.why, name
    assert all(item.difference.lower is None for item in found.net_benefit)
    assert all(item.difference.lower is None for item in found.comparisons)


def test_of_ten_clusters_limits_are_given():
    target, given = hospitals(10, size=60)
    assert measure(target, given, resamples=RESAMPLES, seed=1).overall["observed_expected"].decidable


def test_neither_names_nor_order_of_clusters_change_a_number():
    target, given = hospitals(12)
    order = np.random.default_rng(2).permutation(len(target.event))
    names = np.array([f"hospital {(7 * number) % 12}" for number in given.clusters])
    models = {name: getattr(given, name)[:, order] for name in ("selected", "reference", "null")}
    moved = replace(given, clusters=names[order], **models)
    again = measure(replace(target, event=target.event[order]), moved, resamples=RESAMPLES, seed=1)
    before = measure(target, given, resamples=RESAMPLES, seed=1)
    assert replace(again, clusters=None) == replace(before, clusters=None)
    assert again.clusters.summaries == before.clusters.summaries


def test_a_cluster_that_holds_nearly_everybody_counts_for_little_more_than_one():
    assert effective_number(np.full(20, 7)) == pytest.approx(20)
    assert effective_number(np.array([1000, 1, 1, 1])) == pytest.approx(1.006, abs=1e-3)
    assert Units(np.array([0, 0, 1]), 2).effective(np.arange(3)) is None


def test_groups_and_differences_rest_on_clusters_too():
    target, given = hospitals(20)
    sex = np.where(np.arange(len(target.event)) % 2, "f", "m")
    grouped = replace(given, groups={"sex": sex}, judged=frozenset({"sex"}))
    found = measure(target, grouped, resamples=RESAMPLES, seed=1)
    alone = measure(target, by_patient(grouped), resamples=RESAMPLES, seed=1)
    for wide, narrow in zip(found.groups, alone.groups, strict=True):
        log_ratio = [one.metrics["log_observed_expected"] for one in (wide, narrow)]
        assert log_ratio[0].se > log_ratio[1].se
    family = found.families["log_observed_expected"]
    own = [family.members.index(f"log_observed_expected[sex={label}]") for label in ("f", "m")]
    apart = alone.families["log_observed_expected"].correlation[own[0]][own[1]]
    assert family.correlation[own[0]][own[1]] > apart + 0.2  # who shares a hospital shares what it does to them


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clusters": np.arange(3)}, "each of the 800 rows names its cluster; received names of shape"),
        ({"patients": np.zeros(800)}, "all rows of a patient are of one cluster; received 19 that are not"),
    ],
)
def test_clusters_that_do_not_fit_are_refused(changes, message):
    target, given = hospitals(20)
    with pytest.raises(EvidenceError, match=message):
        measure(target, replace(given, **changes), resamples=RESAMPLES, seed=1)
