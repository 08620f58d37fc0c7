"""What every metric promises, on small cohorts that are measured as the stage `evaluate` does."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from theragate.evidence.catalogue import METRICS, Metric, added_by
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.measure import measure, measure_effects
from theragate.evidence.types import Estimate
from theragate.extensions import use
from theragate.study import TASKS, TaskName
from theragate.testing.predictions import MAKERS, trial_cohort
from theragate.testing.promise import expect

__all__ = [
    "N",
    "check_metric",
    "measured",
    "order_changes_nothing",
    "overall",
    "sample",
    "with_selected",
    "within_bounds",
    "worse_is_seen",
]

N, _RESAMPLES = 1000, 200  # with fewer patients the root mean squared error has no interval


def check_metric(name: str, *, extension: str | None = None) -> None:
    """Check all that a metric promises, in each of its tasks.

    Parameters
    ----------
    name
        Of the metric.
    extension
        The installed distribution that adds it; None for one of ours.

    Raises
    ------
    AssertionError
        With the promise that is broken.
    ExtensionError
        If the extension cannot be used, or the metric is none.
    """
    extensions = () if extension is None else (use(extension).name,)
    known = METRICS if extension is None else {metric.name: metric for metric in added_by(extension)}
    expect(name in known, f"there is a metric `{name}`; there are {', '.join(known)}")
    metric = known[name]
    for task in metric.tasks:
        within_bounds(metric, task, extensions=extensions)
        worse_is_seen(metric, task, extensions=extensions)
        order_changes_nothing(metric, task, extensions=extensions)


def sample(task: TaskName) -> tuple[Any, Any]:
    """Return outcomes and held-out predictions of a task: nearly as good as can be, of 1,000 patients."""
    return trial_cohort(N) if TASKS[task].compares_treatments else MAKERS[task](n=N, groups=False)


def measured(target: Any, held_out: Any) -> dict[str, Estimate]:
    """Measure as the stage does; return the metrics of all patients."""
    if isinstance(target, EffectTarget):
        return measure_effects(target, held_out, resamples=_RESAMPLES, seed=1)[0].overall
    return measure(target, held_out, resamples=_RESAMPLES, seed=1).overall


def with_selected(held_out: Any, change: Callable[[Floats], Floats]) -> Any:
    """Return the same with other predictions of the model."""
    if isinstance(held_out, EffectHeldOut):
        return replace(held_out, predictions=with_selected(held_out.predictions, change))
    return replace(held_out, selected=change(held_out.selected))


def _of_others(target: Any, held_out: Any) -> tuple[Any, Any]:
    """Give every patient the prediction of another: the model knows nothing, and is right on average."""
    order = np.random.default_rng(4).permutation(N)
    return target, with_selected(held_out, lambda selected: selected[:, order])


def _shifted(target: Any, held_out: Any) -> tuple[Any, Any]:
    """Make every prediction too high, and no risk above 1."""
    risk = held_out.selected.max() <= 1 if isinstance(held_out, HeldOut) else False
    return target, with_selected(held_out, lambda selected: selected**0.5 if risk else selected + 1.0)


def _useless(target: Any, held_out: Any) -> tuple[Any, Any]:
    """Let the treated reach as much less as they gained."""
    return replace(target, reached=target.reached - 0.5 * target.treated), held_out


_WORSE = {"of others": _of_others, "shifted": _shifted}
_WORSE_TREATMENT = {**_WORSE, "useless treatment": _useless}


@lru_cache(maxsize=32)
def overall(task: TaskName, worse: str = "", extensions: tuple[str, ...] = ()) -> dict[str, Estimate]:
    """Measure the sample, as it is or made worse; whatever asks again gets the same numbers."""
    target, held_out = sample(task)
    given = (replace(target, extensions=extensions), held_out)
    return measured(*(_WORSE_TREATMENT[worse](*given) if worse else given))


def within_bounds(metric: Metric, task: TaskName, *, extensions: tuple[str, ...] = ()) -> None:
    """Check that value and limits are possible ones, for good predictions and bad ones."""
    low, high = (-np.inf if metric.bounds[0] is None else metric.bounds[0]), metric.bounds[1]
    high = np.inf if high is None else high
    for worse in ("", *_WORSE):
        found = overall(task, worse, extensions)[metric.name]
        value, lower, upper = found.value, found.lower, found.upper
        if value is None or upper is None or (lower is None and metric.interval != "distance"):
            raise AssertionError(f"`{metric.name}` has a value with limits among {N} patients ({found.why})")
        lower = value if lower is None else lower
        expect(low <= lower <= upper <= high, f"the limits of `{metric.name}` lie within {low} to {high}")
        expect(low <= value <= high, f"the value of `{metric.name}` lies within {low} to {high}; {value} does not")


def worse_is_seen(metric: Metric, task: TaskName, *, extensions: tuple[str, ...] = ()) -> None:
    """Check that the metric gets worse, in its direction, where the predictions or the treatment do."""
    good = overall(task, "", extensions)[metric.name].value
    if metric.direction == "none" or good is None:
        return
    for worse in _WORSE_TREATMENT if TASKS[task].compares_treatments else _WORSE:
        bad = overall(task, worse, extensions)[metric.name].value
        if bad is not None and not np.isclose(bad, good, rtol=1e-6, atol=1e-6):
            expect(_badness(metric, bad) > _badness(metric, good) + 0.01, f"`{metric.name}` is worse where they are")
            return
    raise AssertionError(f"`{metric.name}` sees something of what was made worse")


def _badness(metric: Metric, value: float) -> float:
    """How far a value is from good."""
    return {"higher": -value, "lower": value, "near_one": abs(value - 1), "near_zero": abs(value)}[metric.direction]


def order_changes_nothing(metric: Metric, task: TaskName, *, extensions: tuple[str, ...] = ()) -> None:
    """Check that the order of the patients is nothing that is measured."""
    before, after = overall(task, "", extensions)[metric.name].value, _reordered(task, extensions)[metric.name].value
    same = before is not None and after is not None and np.isclose(before, after, rtol=1e-9, atol=1e-12)
    expect(same, f"the order of patients does not change `{metric.name}`")


@lru_cache(maxsize=8)
def _reordered(task: TaskName, extensions: tuple[str, ...]) -> dict[str, Estimate]:
    target, held_out = sample(task)
    order = np.random.default_rng(9).permutation(N)
    return measured(*(_in_order(part, order) for part in (replace(target, extensions=extensions), held_out)))


def _in_order(value: Any, order: Any) -> Any:
    """Return patients, wherever they stand along the last axis, in another order."""
    if isinstance(value, np.ndarray):
        return value[..., order]
    if isinstance(value, dict):
        return {key: _in_order(item, order) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _in_order(getattr(value, item.name), order) for item in fields(value)})
    return value
