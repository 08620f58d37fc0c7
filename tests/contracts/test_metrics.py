"""The contract of a metric: measured for its tasks, within its bounds, worse where the predictions are worse.

Every metric of the catalogue is found through `METRICS`, and measured as the stage `evaluate` does, on small cohorts.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from evidence.conftest import MAKERS

from theragate.errors import EvidenceError
from theragate.evidence.catalogue import METRICS, Metric, metrics_of
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.measure import measure, measure_effects
from theragate.evidence.types import Estimate
from theragate.study import TASKS

PAIRS = [pytest.param(task, metric, id=f"{task}-{metric.name}") for task in TASKS for metric in metrics_of(task)]
N, RESAMPLES = 1000, 200  # with fewer patients the root mean squared error has no interval


def trial() -> tuple[EffectTarget, EffectHeldOut]:
    """Two arms of patients whose effects are 0.5 + x, and are predicted."""
    random = np.random.default_rng(3)
    x, treated = random.normal(size=N), random.uniform(size=N) < 0.5
    effect = 0.5 + x
    predicted, half = np.tile(effect, (2, 1)), np.full((2, N), 0.5)
    target = EffectTarget(
        reached=treated * effect + random.normal(0, 0.5, N),
        weight=np.ones(N),
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
    folds = np.tile(np.arange(N) % 5, (2, 1))
    return target, EffectHeldOut(predictions, folds, np.zeros((2, N)), predicted, half, {"x": x})


def cohort(task: str) -> tuple[Any, Any]:
    return trial() if task == "treatment_effect" else MAKERS[task](n=N, groups=False)


def measured(target: Any, held_out: Any) -> dict[str, Estimate]:
    if isinstance(target, EffectTarget):
        return measure_effects(target, held_out, resamples=RESAMPLES, seed=1)[0].overall
    return measure(target, held_out, resamples=RESAMPLES, seed=1).overall


def with_selected(held_out: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return the same with other predictions of the model."""
    if isinstance(held_out, EffectHeldOut):
        return replace(held_out, predictions=with_selected(held_out.predictions, change))
    return replace(held_out, selected=change(held_out.selected))


def of_others(target: Any, held_out: Any) -> tuple[Any, Any]:
    """Every patient gets the prediction of another: the model knows nothing, and is right on average."""
    order = np.random.default_rng(4).permutation(N)
    return target, with_selected(held_out, lambda selected: selected[:, order])


def shifted(target: Any, held_out: Any) -> tuple[Any, Any]:
    """Every prediction is too high, and no risk is above 1."""
    risk = held_out.selected.max() <= 1 if isinstance(held_out, HeldOut) else False
    return target, with_selected(held_out, lambda selected: selected**0.5 if risk else selected + 1.0)


def useless(target: Any, held_out: Any) -> tuple[Any, Any]:
    """The treated reach as much less as they gained."""
    return replace(target, reached=target.reached - 0.5 * target.treated), held_out


WORSE = {"of others": of_others, "shifted": shifted, "useless treatment": useless}


@cache
def overall(task: str, worse: str = "") -> dict[str, Estimate]:
    target, held_out = cohort(task)
    return measured(*(WORSE[worse](target, held_out) if worse else (target, held_out)))


def badness(metric: Metric, value: float) -> float:
    """How far a value is from good."""
    return {"higher": -value, "lower": value, "near_one": abs(value - 1), "near_zero": abs(value)}[metric.direction]


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_measures_is_what_the_catalogue_says(task: str) -> None:
    assert set(overall(task)) == {metric.name for metric in metrics_of(task)}


def test_every_metric_is_measured_for_some_task() -> None:
    assert {metric.name for task in TASKS for metric in metrics_of(task)} == set(METRICS)


@pytest.mark.parametrize(("task", "metric"), PAIRS)
def test_it_lies_within_its_bounds(task: str, metric: Metric) -> None:
    low, high = (-np.inf if metric.bounds[0] is None else metric.bounds[0]), metric.bounds[1] or np.inf
    for worse in ("", "of others", "shifted"):
        found = overall(task, worse)[metric.name]
        assert found.value is not None
        assert low <= found.lower <= found.upper <= high
        assert low <= found.value <= high


@pytest.mark.parametrize(("task", "metric"), PAIRS)
def test_worse_predictions_are_seen_to_be_worse(task: str, metric: Metric) -> None:
    if metric.direction == "none":
        return
    good = overall(task)[metric.name].value
    for worse in WORSE:
        if worse == "useless treatment" and task != "treatment_effect":
            continue
        bad = overall(task, worse)[metric.name].value
        if bad != pytest.approx(good, abs=1e-6):
            assert badness(metric, bad) > badness(metric, good) + 0.01
            return
    pytest.fail("nothing that was made worse is seen")


def in_another_order(value: Any, order: np.ndarray) -> Any:
    """Return patients, wherever they stand along the last axis, in another order."""
    if isinstance(value, np.ndarray):
        return value[..., order]
    if isinstance(value, dict):
        return {key: in_another_order(item, order) for key, item in value.items()}
    if is_dataclass(value):
        return replace(
            value, **{item.name: in_another_order(getattr(value, item.name), order) for item in fields(value)}
        )
    return value


@pytest.mark.parametrize("task", TASKS)
def test_the_order_of_patients_changes_no_metric(task: str) -> None:
    order = np.random.default_rng(9).permutation(N)
    found = measured(*(in_another_order(part, order) for part in cohort(task)))
    for name, before in overall(task).items():
        assert found[name].value == pytest.approx(before.value, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda selected: np.where(np.arange(N) == 7, np.nan, selected), "every number is finite"),
        (lambda selected: selected[:, :-1], "shape"),
    ],
    ids=["not finite", "of fewer patients"],
)
@pytest.mark.parametrize("task", TASKS)
def test_predictions_that_are_none_are_refused(task: str, spoil: Callable[[np.ndarray], np.ndarray], rule: str) -> None:
    target, held_out = cohort(task)
    with pytest.raises(EvidenceError, match=rule):
        measured(target, with_selected(held_out, spoil))
