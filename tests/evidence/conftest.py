"""Simulated cohorts whose truth is known, for every task."""

from collections.abc import Callable

import numpy as np
import pytest

from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget

Cohort = tuple[BinaryTarget | SurvivalTarget | QuantityTarget, HeldOut]
Maker = Callable[..., Cohort]


def _held_out(selected, reference, null, *, rng, groups: bool, risk: bool) -> HeldOut:
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
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    risk = 1 / (1 + np.exp(1 - 1.2 * x))
    event = rng.random(n) < risk
    selected = np.clip(risk + rng.normal(0, 0.01, (repeats, n)), 0, 1)
    reference = 1 / (1 + np.exp(1 - 0.8 * (x + rng.normal(size=(repeats, n)))))
    held_out = _held_out(selected, reference, 0.305, rng=rng, groups=groups, risk=True)
    return BinaryTarget(event, 0.25, (0.1, 0.5)), held_out


def survival_cohort(n: int = 300, *, seed: int = 0, repeats: int = 2, groups: bool = True) -> Cohort:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    died, lost = rng.exponential(2 / np.exp(x)), rng.uniform(0.2, 2.6, n)
    risk = 1 - np.exp(-np.exp(x) / 2)
    selected = np.clip(risk + rng.normal(0, 0.01, (repeats, n)), 0, 1)
    reference = 1 - np.exp(-np.exp(0.5 * x + rng.normal(0, 0.3, (repeats, n))) / 2)
    held_out = _held_out(selected, reference, 0.4, rng=rng, groups=groups, risk=True)
    return SurvivalTarget(np.minimum(died, lost), died <= lost, 1.0, 0.35, (0.2, 0.6)), held_out


def quantity_cohort(n: int = 300, *, seed: int = 0, repeats: int = 2, groups: bool = True) -> Cohort:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    value = 10 + 2 * x + rng.normal(0, 2, n)
    selected = 10.2 + 1.9 * x + rng.normal(0, 0.1, (repeats, n))
    held_out = _held_out(selected, selected + rng.normal(size=(repeats, n)), 10.0, rng=rng, groups=groups, risk=False)
    return QuantityTarget(value), held_out


MAKERS: dict[str, Maker] = {"binary": binary_cohort, "survival": survival_cohort, "regression": quantity_cohort}


@pytest.fixture
def make_cohort() -> Callable[..., Cohort]:
    """Make a cohort of a task: ``make_cohort("binary", n=300, seed=1)``."""
    return lambda task, **options: MAKERS[task](**options)


@pytest.fixture(params=["binary", "survival", "regression"])
def task(request) -> str:
    """Each task in turn."""
    return str(request.param)
