"""Held-out predictions of simulated cohorts whose truth is known, for every task."""

from collections.abc import Callable

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget

__all__ = ["MAKERS", "Cohort", "Maker", "binary_cohort", "quantity_cohort", "survival_cohort", "trial_cohort"]

Cohort = tuple[BinaryTarget | SurvivalTarget | QuantityTarget, HeldOut]
Maker = Callable[..., Cohort]


def _held_out(
    selected: Floats, reference: Floats, null: float, *, rng: np.random.Generator, groups: bool, risk: bool
) -> HeldOut:
    n = selected.shape[1]
    labels = {
        "sex": np.where(rng.random(n) < 0.45, "female", "male"),
        "age_band": np.array(["Missing", "old", "young"])[rng.choice(3, n, p=[0.1, 0.4, 0.5])],
    }
    noisy = selected + rng.normal(0, 0.05 if risk else 1.0, selected.shape)
    return HeldOut(
        selected=selected,
        reference=reference,
        null=np.full(selected.shape, null),
        scenarios={"noise": np.clip(noisy, 0, 1) if risk else noisy},
        groups=labels if groups else {},
        judged=frozenset({"sex"}) if groups else frozenset(),
    )


def binary_cohort(n: int = 300, *, seed: int = 0, repeats: int = 2, groups: bool = True) -> Cohort:
    """Risks of an event, predicted nearly as well as can be."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    risk = 1 / (1 + np.exp(1 - 1.2 * x))
    event = rng.random(n) < risk
    selected = np.clip(risk + rng.normal(0, 0.01, (repeats, n)), 0, 1)
    reference = 1 / (1 + np.exp(1 - 0.8 * (x + rng.normal(size=(repeats, n)))))
    held_out = _held_out(selected, reference, 0.305, rng=rng, groups=groups, risk=True)
    return BinaryTarget(event, 0.25, (0.1, 0.5)), held_out


def survival_cohort(n: int = 300, *, seed: int = 0, repeats: int = 2, groups: bool = True) -> Cohort:
    """Risks of an event by a horizon, where some are censored, predicted nearly as well as can be."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    died, lost = rng.exponential(2 / np.exp(x)), rng.uniform(0.2, 2.6, n)
    risk = 1 - np.exp(-np.exp(x) / 2)
    selected = np.clip(risk + rng.normal(0, 0.01, (repeats, n)), 0, 1)
    reference = 1 - np.exp(-np.exp(0.5 * x + rng.normal(0, 0.3, (repeats, n))) / 2)
    held_out = _held_out(selected, reference, 0.4, rng=rng, groups=groups, risk=True)
    return SurvivalTarget(np.minimum(died, lost), died <= lost, 1.0, 0.35, (0.2, 0.6)), held_out


def quantity_cohort(n: int = 300, *, seed: int = 0, repeats: int = 2, groups: bool = True) -> Cohort:
    """Quantities, predicted nearly as well as can be."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    value = 10 + 2 * x + rng.normal(0, 2, n)
    selected = 10.2 + 1.9 * x + rng.normal(0, 0.1, (repeats, n))
    held_out = _held_out(selected, selected + rng.normal(size=(repeats, n)), 10.0, rng=rng, groups=groups, risk=False)
    return QuantityTarget(value), held_out


MAKERS: dict[str, Maker] = {"binary": binary_cohort, "survival": survival_cohort, "regression": quantity_cohort}


def trial_cohort(n: int = 1000) -> tuple[EffectTarget, EffectHeldOut]:
    """Two arms of patients whose effects are 0.5 + x, and are predicted."""
    random = np.random.default_rng(3)
    x, treated = random.normal(size=n), random.uniform(size=n) < 0.5
    effect = 0.5 + x
    predicted, half = np.tile(effect, (2, 1)), np.full((2, n), 0.5)
    target = EffectTarget(
        reached=treated * effect + random.normal(0, 0.5, n),
        weight=np.ones(n),
        treated=treated,
        time=None,
        event=None,
        horizon=None,
        propensity=0.5,
        threshold=0.3,
        threshold_range=(0.0, 1.0),
        effect="mean",
        unit="points",
    )
    predictions = HeldOut(predicted, half, half - 0.1, {}, {}, frozenset())
    folds = np.tile(np.arange(n) % 5, (2, 1))
    return target, EffectHeldOut(predictions, folds, np.zeros((2, n)), predicted, half, {"x": x})
