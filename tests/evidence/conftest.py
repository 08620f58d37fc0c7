"""Simulated cohorts whose truth is known, for every task."""

from collections.abc import Callable

import pytest

from theragate.testing.predictions import MAKERS, Cohort


@pytest.fixture
def make_cohort() -> Callable[..., Cohort]:
    """Make a cohort of a task: ``make_cohort("binary", n=300, seed=1)``."""
    return lambda task, **options: MAKERS[task](**options)


@pytest.fixture(params=["binary", "survival", "regression"])
def task(request) -> str:
    """Each task in turn."""
    return str(request.param)
