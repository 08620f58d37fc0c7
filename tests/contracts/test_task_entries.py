"""The contract of a task: what `TASKS` names is there, and nothing else knows of another task."""

import re
from pathlib import Path
from typing import get_args

import pytest

from simulations.studies import simulated_study
from theragate.drafting import limits
from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals import widening
from theragate.gates import GATES
from theragate.gates._base import EFFECTS, PREDICTIONS
from theragate.learning.families import ESTIMATORS, FAMILIES
from theragate.learning.features import read_features
from theragate.learning.predictor import fit_predictor
from theragate.reports import _importances
from theragate.study import TASKS, TaskName, load_studies
from theragate.testing.cohorts import problem

EVERY_TASK = pytest.mark.parametrize("task", TASKS)
ROOT = Path(__file__).parents[2]
STUDIES = load_studies(ROOT / "params.yaml")


def test_every_name_of_a_task_has_its_entry() -> None:
    assert tuple(TASKS) == get_args(TaskName)
    assert len({task.outcome for task in TASKS.values()}) == len(TASKS)


@EVERY_TASK
def test_what_is_reported_of_a_task_is_measured_for_it(task: TaskName) -> None:
    kind = TASKS[task]
    for names in (kind.ranking, kind.compared, kind.headline, kind.also_listed, kind.group_panels):
        assert len(set(names)) == len(names)
        assert all(task in METRICS[name].tasks for name in names)
    assert not set(kind.headline) & set(kind.also_listed)


@EVERY_TASK
def test_what_is_judged_is_never_for_the_report_alone(task: TaskName) -> None:
    kind = TASKS[task]
    assert kind.compared[0] in kind.ranking
    assert all(METRICS[name].direction == "higher" for name in kind.ranking)
    assert not any(METRICS[name].report_only for name in kind.ranking)


@EVERY_TASK
def test_a_task_has_its_families(task: TaskName) -> None:
    kind = TASKS[task]
    assert tuple(FAMILIES[task]) == kind.families
    assert {kind.reference, *kind.rivals} <= set(kind.families)
    assert kind.reference not in kind.rivals


def test_every_family_belongs_to_a_task() -> None:
    assert set(ESTIMATORS) == {name for task in TASKS.values() for name in task.families}


@EVERY_TASK
def test_a_model_answers_as_its_task_says(task: TaskName) -> None:
    cohort, outcome, study = problem(task)
    kind = TASKS[task]
    params = FAMILIES[task][kind.reference].fixed
    schema = read_features(cohort, study)
    predictor = fit_predictor(cohort, outcome, task=task, family=kind.reference, params=params, schema=schema, seed=1)
    assert predictor.model.response.kind == kind.response
    assert kind.horizon == "as_measured" or (predictor.horizon is not None) == kind.over_time


def test_a_task_predicts_one_thing() -> None:
    for task in TASKS.values():
        assert [task.predicts_risk, task.predicts_quantity, task.compares_treatments].count(True) == 1


def test_what_a_room_says_of_each_task_it_says_of_all() -> None:
    assert set(_importances.LOSSES) == set(widening._FACTORS) == set(TASKS)
    assert set(limits.FLOOR) == set(limits.CEILING) == set(PREDICTIONS)
    assert (*PREDICTIONS, *EFFECTS) == tuple(TASKS)
    assert {task for gate in GATES.values() for task in gate.tasks} == set(TASKS)


@EVERY_TASK
def test_a_task_has_a_study_and_a_simulated_one(task: TaskName) -> None:
    studies = [*(study for study in STUDIES if study.task == task), simulated_study(task, horizon=1.0)]
    assert len(studies) > 1
    for study in studies:
        assert isinstance(study.outcome, TASKS[task].outcome)
        assert {study.tuning.reference, *study.tuning.families} <= set(FAMILIES[task])


def test_the_code_asks_what_a_task_is_made_of_and_not_what_it_is_called() -> None:
    name = f'"(?:{"|".join(TASKS)})"'
    compared = re.compile(rf"(?:[!=]=|\bin) *\(?{name}|{name} *(?:[!=]=|in\b)")
    for file in sorted((ROOT / "src").rglob("*.py")):
        assert not compared.search(file.read_text(encoding="utf-8")), file
