"""Metrics of others: read from an extension, and held against the contract before one is measured."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from theragate.errors import ExtensionError
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.metric import EFFECT, RISK, Formula, Metric, Sums
from theragate.extensions import METRICS as GROUP
from theragate.extensions import Extension, collect, entry_error
from theragate.study import NAME, TASKS, TaskName

__all__ = ["read_metrics", "taken"]

_SUMS: dict[TaskName, Sums] = {
    **dict.fromkeys(RISK, "risks"),
    **dict.fromkeys(EFFECT, "effects"),
    "regression": "quantities",
}


_NEAR = 1e-6  # what rounding may do at a bound
_READ: dict[tuple[str, str], tuple[Metric, ...]] = {}  # by name and digest of the extension


def read_metrics(extension: Extension) -> tuple[Metric, ...]:
    """Return the metrics of an extension, sorted by name; whatever one raises when it is measured is one line.

    Raises
    ------
    ExtensionError
        If one cannot be imported or is none.
    """
    key = (extension.name, extension.sha256)
    if key not in _READ:
        metrics: dict[str, Metric] = collect([extension.name], GROUP, _flaw)
        _READ[key] = tuple(_with_guards(extension.name, metric) for metric in metrics.values())
    return _READ[key]


def _with_guards(extension: str, metric: Metric) -> Metric:
    formulas = tuple(replace(each, value=_guarded(extension, metric, each)) for each in metric.formulas)
    return replace(metric, formulas=formulas)


def taken(extension: str, metric: str, *, by: str | None) -> ExtensionError:
    """Return the error about a metric with another's name: ours, or that of an extension."""
    received = f"the name of one of `{by}`" if by else "the name of one of ours"
    return entry_error(extension, metric, GROUP, rule="its name is its own", received=received)


def _flaw(name: str, metric: Any) -> tuple[str, str] | None:
    """Return the first rule that a metric breaks, and what it has instead."""
    if not isinstance(metric, Metric):
        return "it is a `theragate.evidence.catalogue.Metric`", f"an object of type {type(metric).__name__}"
    if not re.fullmatch(NAME, name) or metric.name != name:
        return "the entry point has the metric's name, of 3 to 64 small letters, digits or `_`", f"`{metric.name}`"
    if not metric.tasks or set(metric.tasks) - set(TASKS):
        return f"its tasks are some of {', '.join(TASKS)}", f"{metric.tasks}"
    if metric.ranked or metric.among or metric.interval != "normal":
        return "it is a function of named sums, with a normal interval", "a routine or an interval of our own metrics"
    for task in metric.tasks:
        if metric.formula(_SUMS[task]) is None:
            return f"for the task {task} it is a function of sums of {_SUMS[task]}", "no such formula"
    low, high = metric.bounds
    if low is not None and high is not None and low >= high:
        return "its lower bound is below its upper bound", f"{low} and {high}"
    return None


def _guarded(extension: str, metric: Metric, formula: Formula) -> Callable[[Any], Floats]:
    """Return a formula of which every answer is a possible number for each resample, or one line of error."""
    low, high = metric.bounds

    def value(sums: Any) -> Floats:
        try:
            found = np.asarray(formula.value(sums), dtype=np.float64)
            received = "" if found.ndim == 1 else f"an array of shape {found.shape}"
        except Exception as error:  # noqa: BLE001 - others' code may raise what it likes
            found, received = np.empty(0), f"the error {type(error).__name__}"
        if received:
            rule = "it gives one number for each resample"
            raise entry_error(extension, metric.name, GROUP, rule=rule, received=received)
        beyond = (found < (-np.inf if low is None else low - _NEAR)) | (
            found > (np.inf if high is None else high + _NEAR)
        )
        if beyond.any():
            rule, received = f"its values lie within its bounds, {low} and {high}", "one that does not"
            raise entry_error(extension, metric.name, GROUP, rule=rule, received=received)
        return found

    return value
