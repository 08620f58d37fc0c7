"""What a membership-inference audit says of recipes of which the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from theragate.errors import EvidenceError
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget
from theragate.evidence.refits.membership import Halves, measure_membership
from theragate.evidence.types import MembershipEvidence


def evidence_of(target, halves: Halves) -> MembershipEvidence:
    return measure_membership(target, halves).evidence


def divisions(n: int, *, seed: int = 1, count: int = 10) -> np.ndarray:
    rng = np.random.default_rng(seed)
    member = np.zeros((count, n), dtype=bool)
    for row in member:
        row[rng.permutation(n)[: n // 2]] = True
    return member


def remembering(n: int, memory: float, *, seed: int = 1, noise: float = 1.0) -> tuple[QuantityTarget, Halves]:
    """Predictions that are drawn towards the outcome of whoever was learned from, by a share of the distance."""
    rng = np.random.default_rng(seed)
    value, member = rng.normal(size=n), divisions(n, seed=seed)
    predictions = noise * rng.normal(size=(len(member), 2, n))
    learned = np.stack([member, ~member], axis=1)
    predictions += memory * learned * (value - predictions)
    return QuantityTarget(value), Halves(member, predictions)


def test_a_recipe_that_remembers_everything_is_found_out():
    found = evidence_of(*remembering(900, 1.0))
    assert (found.models, found.patients, found.non_members) == (20, 900, 450)
    assert found.attacks["loss"].auc.value == pytest.approx(1.0)
    assert found.attacks["likelihood_ratio"].auc.lower > 0.75


def test_a_recipe_that_remembers_nothing_is_chance():
    held = 0
    for seed in range(20):
        found = evidence_of(*remembering(300, 0.0, seed=seed))
        for attack in found.attacks.values():
            held += attack.auc.lower <= 0.5 <= attack.auc.upper
    assert held >= 35, "of 40 intervals at 95%"


def test_predictions_that_do_not_move_tell_nothing_and_leave_no_interval():
    target, halves = remembering(100, 0.0)
    still = Halves(halves.member, np.broadcast_to(halves.predictions[0, 0], halves.predictions.shape))
    auc = evidence_of(target, still).attacks["loss"].auc
    assert auc.value == pytest.approx(0.5)
    assert auc.lower is None
    assert auc.why


def test_the_area_is_the_mean_area_of_the_models():
    target, halves = remembering(60, 0.4)
    found = evidence_of(target, halves).attacks["loss"].auc.value
    losses = np.abs(halves.predictions.reshape(20, -1) - target.value)
    areas = [roc_auc_score(inside, -loss) for inside, loss in zip(halves.learned, losses, strict=True)]
    assert found == pytest.approx(np.mean(areas), abs=1e-12)


def test_the_rate_is_the_share_recognised_at_the_threshold_of_the_strangers():
    target, halves = remembering(1000, 0.4)
    rate = evidence_of(target, halves).attacks["loss"].true_positive_rate
    shares = []
    for inside, prediction in zip(halves.learned, halves.predictions.reshape(20, -1), strict=True):
        score = -np.abs(prediction - target.value)
        threshold = np.sort(score[~inside])[474]  # which 25 of 500 strangers exceed
        shares.append((score[inside] > threshold).mean())
    assert rate.value == pytest.approx(np.mean(shares), abs=1e-12)
    assert 0.05 < rate.lower < rate.value < rate.upper
    curve = measure_membership(target, halves).curves["membership_loss"]
    assert curve.y[curve.x.index(0.05)] == pytest.approx(rate.value, abs=0.003)


def test_a_rate_needs_400_strangers():
    few, enough = (evidence_of(*remembering(n, 0.3)).attacks["loss"] for n in (798, 800))
    assert few.true_positive_rate.value is None
    assert "below 400" in few.true_positive_rate.why
    assert enough.true_positive_rate.decidable


def test_more_memory_is_more_success():
    areas = [
        [evidence_of(*remembering(400, memory)).attacks[attack].auc.value for memory in (0.1, 0.3, 0.6)]
        for attack in ("loss", "likelihood_ratio")
    ]
    assert all(row == sorted(row) for row in areas)


def test_only_those_whose_outcome_is_known_are_attacked_by_loss():
    n = 200
    rng = np.random.default_rng(4)
    member = divisions(n)
    risk = rng.uniform(0.1, 0.9, size=(10, 2, n))
    time, event = rng.uniform(0, 2, n), rng.uniform(size=n) < 0.5
    lost = ~event & (time <= 1)
    target = SurvivalTarget(time, event, 1.0, None, None)
    other = risk.copy()
    other[:, :, lost] = rng.uniform(0.1, 0.9, size=(10, 2, int(lost.sum())))
    one, two = (evidence_of(target, Halves(member, r)).attacks for r in (risk, other))
    assert lost.sum() > 20
    assert one["loss"] == two["loss"]
    assert one["likelihood_ratio"] != two["likelihood_ratio"]


def test_an_effect_has_no_loss():
    _, halves = remembering(100, 0.3)
    n = halves.member.shape[1]
    target = object.__new__(EffectTarget)
    assert set(evidence_of(target, halves).attacks) == {"likelihood_ratio"}
    assert n == evidence_of(target, halves).patients


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_the_order_of_patients_and_the_sides_of_a_division_change_nothing(seed):
    target, halves = remembering(80, 0.4)
    order = np.random.default_rng(seed).permutation(80)
    turned = Halves(halves.member[:, order], halves.predictions[:, :, order])
    swapped = Halves(~turned.member, turned.predictions[:, ::-1])
    expected = evidence_of(target, halves)
    for other in (turned, swapped):
        found = evidence_of(QuantityTarget(target.value[order]), other)
        for name, attack in expected.attacks.items():
            assert found.attacks[name].auc.value == pytest.approx(attack.auc.value, abs=1e-12)
            assert found.attacks[name].auc.se == pytest.approx(attack.auc.se, rel=1e-9)


def test_the_unit_of_a_quantity_changes_nothing():
    target, halves = remembering(80, 0.4)
    scaled = Halves(halves.member, 100 * halves.predictions + 7)
    found = evidence_of(QuantityTarget(100 * target.value + 7), scaled)
    for name, attack in evidence_of(target, halves).attacks.items():
        assert found.attacks[name].auc.value == pytest.approx(attack.auc.value, abs=1e-9)


def test_certain_risks_are_no_crash():
    member = divisions(60)
    learned = np.stack([member, ~member], axis=1)
    event = np.arange(60) % 2 == 0
    found = evidence_of(BinaryTarget(event, None, None), Halves(member, np.where(learned, event, ~event) * 1.0))
    assert found.attacks["loss"].auc.value == 1.0


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda m, p: (m[:4], p[:4]), "4 divisions of 60"),
        (lambda m, p: (m[:, :10], p[:, :, :10]), "10 divisions of 10"),
        (lambda m, p: (m, p[:, :1]), r"shapes \(10, 60\) and \(10, 1, 60\)"),
        (lambda m, p: (np.zeros_like(m), p), "differ by at most a tenth of the patients; received 10 divisions"),
        (lambda m, p: (m, np.where(m[:, None], np.nan, p)), "600 that are not|that are not"),
        (lambda m, p: (m, p + 1), "values outside"),
    ],
)
def test_what_is_no_audit_is_refused(change, received):
    event = np.arange(60) % 2 == 0
    member = divisions(60)
    predictions = np.random.default_rng(0).uniform(0.1, 0.9, size=(10, 2, 60))
    with pytest.raises(EvidenceError, match=received):
        evidence_of(BinaryTarget(event, None, None), Halves(*change(member, predictions)))
