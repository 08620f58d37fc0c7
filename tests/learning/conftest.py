"""Small problems of every task, and what is trained on them once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from theragate.cohorts.outcome_columns import read_outcome
from theragate.learning.training import Trained, train
from theragate.testing.cohorts import Problem, make_cohort, make_study
from theragate.testing.cohorts import problem as make_problem
from theragate.workers.processes import Processes


@pytest.fixture(scope="session")
def problem() -> Callable[..., Problem]:
    """Make a cohort, its outcome and its study; keywords change the study."""
    return make_problem


Step = tuple[int, int, str]


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Callable[[str, int], tuple[Trained, list[Step]]]:
    """Train on a small cohort, once per session for each task and number of jobs, and keep what progress told."""

    @cache
    def make(task: str, jobs: int = 1) -> tuple[Trained, list[Step]]:
        cohort, study = make_cohort(task), make_study(task)
        told: list[Step] = []
        storage: Path = tmp_path_factory.mktemp("storage")
        result = train(
            cohort,
            read_outcome(cohort, study),
            study,
            seed=9,
            backend=Processes(jobs),
            storage=storage,
            progress=lambda *step: told.append(step),
        )
        assert list(storage.iterdir()) == []
        return result, told

    return make
