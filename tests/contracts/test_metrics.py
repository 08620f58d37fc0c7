"""The contract of a metric: measured for its tasks, within its bounds, worse where the predictions are worse.

Every metric of the catalogue is found through `METRICS`, and measured as the stage `evaluate` does, on small cohorts.
"""

from collections.abc import Callable

import numpy as np
import pytest

from theragate.errors import EvidenceError
from theragate.evidence.catalogue import METRICS, Metric, metrics_of
from theragate.study import TASKS
from theragate.testing.metrics import (
    N,
    measured,
    order_changes_nothing,
    overall,
    sample,
    with_selected,
    within_bounds,
    worse_is_seen,
)

PAIRS = [pytest.param(task, metric, id=f"{task}-{metric.name}") for task in TASKS for metric in metrics_of(task)]


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_measures_is_what_the_catalogue_says(task: str) -> None:
    assert set(overall(task)) == {metric.name for metric in metrics_of(task)}


def test_every_metric_is_measured_for_some_task() -> None:
    assert {metric.name for task in TASKS for metric in metrics_of(task)} == set(METRICS)


@pytest.mark.parametrize(("task", "metric"), PAIRS)
@pytest.mark.parametrize("promise", [within_bounds, worse_is_seen, order_changes_nothing])
def test_it_keeps_its_promise(promise, task: str, metric: Metric) -> None:
    promise(metric, task)


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
    target, held_out = sample(task)
    with pytest.raises(EvidenceError, match=rule):
        measured(target, with_selected(held_out, spoil))
