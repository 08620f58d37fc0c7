"""What a membership-inference audit says of recipes of which the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
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
    assert (found.models, found.patients) == (20, 900)
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


def test_the_rate_is_the_share_recognised_at_one_threshold_of_all_models():
    target, halves = remembering(1000, 0.4)
    rate = evidence_of(target, halves).attacks["loss"].rate_at_one_in_1000
    score = -np.abs(halves.predictions.reshape(20, -1) - target.value)
    threshold = np.sort(score[~halves.learned])[-11]  # which 10 of 10,000 strangers exceed
    assert rate.value == pytest.approx((score[halves.learned] > threshold).mean(), abs=1e-12)
    assert 0 < rate.lower < rate.value < rate.upper < 0.05


def storing(n: int, share: float, *, always: bool, seed: int) -> tuple[BinaryTarget, Halves]:
    """Risks of an honest model, but for the outcomes of a share of those learned from, which are stored."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=n)
    event, member = rng.uniform(size=n) < expit(logit), divisions(n, seed=seed)
    predictions = expit(logit + 0.3 * rng.normal(size=(len(member), 2, n)))
    same = rng.permutation(n)[: round(share * n)]
    for division, side in np.ndindex(len(member), 2):
        learned = np.flatnonzero(member[division] == (side == 0))
        each_time = rng.choice(learned, round(share * len(learned)), replace=False)
        stored = np.intersect1d(learned, same) if always else each_time
        predictions[division, side, stored] = event[stored]
    return BinaryTarget(event, None, None), Halves(member, predictions)


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.05])
@pytest.mark.parametrize("n", [200, 400, 800])
def test_a_recipe_that_stores_a_few_patients_is_found_however_few_there_are(n, share, always):
    """The fault was that below 800 patients only a mean was judged, in which a few patients disappear."""
    found = evidence_of(*storing(n, share, always=always, seed=n))
    assert found.attacks["loss"].auc.upper < 0.6, "the mean does not see it"
    assert found.attacks["loss"].rate_at_one_in_1000.lower > 0.01
    honest = evidence_of(*storing(n, 0.0, always=always, seed=n))
    assert honest.attacks["loss"].rate_at_one_in_1000.upper < 0.01


def test_a_stored_quantity_is_found():
    target, halves = remembering(300, 0.0)
    learned = halves.learned.reshape(10, 2, -1)
    predictions = halves.predictions.copy()
    for patient in range(15):
        predictions[:, :, patient] = np.where(learned[:, :, patient], target.value[patient], predictions[:, :, patient])
    found = evidence_of(target, Halves(halves.member, predictions)).attacks["loss"]
    assert found.rate_at_one_in_1000.lower > 0.03
    assert found.auc.upper < 0.6


def test_certain_risks_of_an_honest_model_are_no_stored_outcomes():
    target, halves = storing(400, 0.02, always=True, seed=2)
    sure = np.where(halves.predictions == np.round(halves.predictions), halves.predictions, expit(8 * logit_of(halves)))
    found = evidence_of(target, Halves(halves.member, sure)).attacks["loss"]
    assert found.rate_at_one_in_1000.lower > 0.005


def logit_of(halves: Halves) -> np.ndarray:
    inside = np.clip(halves.predictions, 1e-9, 1 - 1e-9)
    return np.log(inside) - np.log1p(-inside)


def test_nobody_recognised_and_everybody_recognised_have_limits():
    target, halves = remembering(200, 0.0)
    away = Halves(halves.member, np.where(halves.learned.reshape(10, 2, -1), 9.0, 0.0) + halves.predictions)
    assert evidence_of(target, away).attacks["loss"].rate_at_one_in_1000.value == 0
    assert 0.001 < evidence_of(target, away).attacks["loss"].rate_at_one_in_1000.upper < 0.003
    everybody = evidence_of(*remembering(200, 1.0)).attacks["loss"].rate_at_one_in_1000
    assert (everybody.value, everybody.upper) == (1.0, 1.0)
    assert 0.99 < everybody.lower < 1


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
