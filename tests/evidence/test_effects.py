"""Evidence about effects: what it says of patients whose effects are known, and what it does not depend on."""

from dataclasses import replace

import numpy as np
import pytest

from theragate.errors import EvidenceError
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.measure import measure_effects

RESAMPLES, N, REPEATS = 200, 400, 2


def drawn(*, constant: bool = False, observed: bool = False) -> tuple[EffectTarget, EffectHeldOut, np.ndarray]:
    """A treatment whose effect is 0.5 + x, predicted (nearly) right, with the right nuisances."""
    random = np.random.default_rng(3)
    x = random.normal(size=N)
    chance = 1 / (1 + np.exp(-x)) if observed else np.full(N, 0.5)
    treated = random.uniform(size=N) < chance
    effect = 0.5 + x
    reached = treated * effect + random.normal(0, 0.5, N)
    target = EffectTarget(
        reached=reached,
        weight=np.ones(N),
        treated=treated,
        time=None,
        event=None,
        horizon=None,
        propensity=None if observed else 0.5,
        threshold=0.3,
        threshold_range=(0.0, 1.0),
        effect="mean",
        unit="points",
    )
    table = np.tile(np.full(N, 0.5) if constant else effect, (REPEATS, 1))
    held_out = EffectHeldOut(
        predictions=HeldOut(
            selected=table,
            reference=np.full((REPEATS, N), 0.5),
            null=np.full((REPEATS, N), 0.4),
            scenarios={"no_x": np.full((REPEATS, N), 0.5)},
            groups={"sex": np.where(np.arange(N) % 2, "f", "m"), "side": np.where(np.arange(N) % 3, "l", "r")},
            judged=frozenset({"sex"}),
            champion=table[:, ::-1].copy(),
        ),
        folds=np.tile(np.arange(N) % 5, (REPEATS, 1)),
        control=np.zeros((REPEATS, N)),
        treated=np.tile(effect, (REPEATS, 1)),
        propensity=np.tile(chance, (REPEATS, 1)),
        covariates={"x": x},
    )
    return target, held_out, effect


def measured(target, held_out, seed: int = 1):
    return measure_effects(target, held_out, resamples=RESAMPLES, seed=seed)


def test_a_right_prediction_is_seen_to_be_right():
    target, held_out, effect = drawn()
    found, treatment = measured(target, held_out)
    for name, truth in (("average_effect", effect.mean()), ("calibration_slope", 1.0), ("effect_error", 0.0)):
        estimate = found.overall[name]
        assert estimate.lower < truth < estimate.upper, name
    assert found.overall["autoc"].lower > 0.5
    policy = effect * (effect >= 0.3)
    assert found.overall["policy_value"].value == pytest.approx(policy.mean(), abs=0.15)
    assert found.overall["policy_gain"].lower > 0
    assert treatment.assigned == "at_random"
    assert treatment.hazard_ratio is None
    assert set(treatment.bands) >= {"sex=f", "sex=m", "side=l", "sex & side=f & l"}
    for key, band in treatment.bands.items():
        group = next(group for group in found.groups if group.key == key)
        own = group.metrics["average_effect"]
        assert band.lower < own.lower < own.upper < band.upper
    assert treatment.critical > 1.96


def test_one_effect_for_everybody_ranks_nobody():
    target, held_out, _ = drawn(constant=True)
    found, _ = measured(target, held_out)
    assert (found.overall["autoc"].value, found.overall["autoc"].lower) == (0.0, None)
    assert "nobody is ranked" in found.overall["autoc"].why
    assert found.overall["calibration_slope"].value is None
    assert found.comparisons[0].difference.value == found.comparisons[0].difference.upper == 0
    assert "toc" not in found.curves
    assert len(found.curves["effects"].x) == 1


def test_a_stress_that_takes_the_ranking_away_is_seen():
    target, held_out, _ = drawn()
    found, _ = measured(target, held_out)
    assert found.scenarios[0].differences["autoc"].upper < 0
    assert found.champion[0].difference.lower > 0


def test_each_repeat_ranks_by_itself_and_the_measures_are_averaged():
    target, held_out, effect = drawn()
    rng = np.random.default_rng(7)
    noisy = effect + rng.normal(0, 2 * effect.std(), (2, N))
    given = held_out.predictions
    together, _ = measured(target, replace(held_out, predictions=replace(given, selected=noisy)))
    alone = [
        measured(target, replace(held_out, predictions=replace(given, selected=np.tile(own, (2, 1)))))[0]
        for own in noisy
    ]
    mean, _ = measured(target, replace(held_out, predictions=replace(given, selected=np.tile(noisy.mean(0), (2, 1)))))
    for name in ("autoc", "qini", "calibration_slope", "effect_error", "policy_value", "policy_gain_over_none"):
        own = np.mean([one.overall[name].value for one in alone])
        assert together.overall[name].value == pytest.approx(own, abs=1e-9), name
    # The mean of both is an ensemble, which ranks better than either.
    assert mean.overall["autoc"].value > together.overall["autoc"].value + 0.02


def test_neither_order_nor_names_nor_repeats_change_a_number():
    target, held_out, _ = drawn(observed=True)
    found, treatment = measured(target, held_out)
    order = np.random.default_rng(0).permutation(N)
    given = held_out.predictions
    turned = replace(
        held_out,
        predictions=HeldOut(
            selected=given.selected[:, order],
            reference=given.reference,
            null=given.null,
            scenarios=given.scenarios,
            groups={"sex": np.char.add("x", given.groups["sex"])[order], "side": given.groups["side"][order]},
            judged=given.judged,
            champion=given.champion[:, order],
        ),
        covariates={"x": held_out.covariates["x"][order]},
        **{name: getattr(held_out, name)[:, order] for name in ("folds", "control", "treated", "propensity")},
    )
    names = ("reached", "weight", "treated")
    again, other = measured(replace(target, **{name: getattr(target, name)[order] for name in names}), turned)
    assert again.overall == found.overall
    assert [group.metrics for group in again.groups if group.attribute == "side"] == [
        group.metrics for group in found.groups if group.attribute == "side"
    ]
    assert other.overlap == treatment.overlap


def test_confounding_is_seen_and_weighted_away():
    target, held_out, effect = drawn(observed=True)
    found, treatment = measured(target, held_out)
    overlap = treatment.overlap
    assert treatment.assigned == "in_practice"
    assert overlap.before["x"] > 0.5
    assert overlap.after["x"] < 0.3
    assert sum(overlap.effective) < N
    assert treatment.crude.value > effect.mean() + 0.2
    estimate = found.overall["average_effect"]
    assert estimate.lower < effect.mean() < estimate.upper
    assert sum(found.curves["overlap_treated"].y) == pytest.approx(1.0)


def test_an_arm_with_few_patients_in_a_group_has_no_interval():
    target, held_out, _ = drawn()
    rare = np.where(np.arange(N) < 15, "few", "many")
    held_out = replace(held_out, predictions=replace(held_out.predictions, groups={"kind": rare}, judged=frozenset()))
    groups = {group.label: group for group in measured(target, held_out)[0].groups}
    assert groups["few"].metrics["average_effect"].lower is None
    assert "in one arm" in groups["few"].metrics["average_effect"].why
    assert groups["many"].metrics["average_effect"].lower is not None


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("target", {"reached": np.full(N, np.nan)}, "every number is finite"),
        ("target", {"weight": np.full(N, -1.0)}, "none is below 0; received 400 that are"),
        ("target", {"treated": np.ones(N, dtype=bool)}, r"nobody in `control"),
        ("held_out", {"propensity": np.ones((REPEATS, N))}, "above 0 and below 1; received 800 that do not"),
        ("held_out", {"control": np.zeros((REPEATS, N - 1))}, "one number for each patient"),
        ("held_out", {"folds": np.zeros((1, N), dtype=int)}, "folds"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(part, change, message):
    target, held_out, _ = drawn()
    target = replace(target, **change) if part == "target" else target
    held_out = replace(held_out, **change) if part == "held_out" else held_out
    with pytest.raises(EvidenceError, match=message):
        measured(target, held_out)
