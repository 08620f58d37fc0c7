"""The contract of an estimator family: every one, in every task, passes the same tests."""

import importlib
import inspect
import pkgutil

import pytest

from theragate.learning import families
from theragate.learning.families import FAMILIES, Family
from theragate.study import TASKS
from theragate.testing import families as promises

ALL = [(task, family) for task, named in FAMILIES.items() for family in named]


def concrete(kind: type[Family]) -> set[type[Family]]:
    found = {deeper for child in kind.__subclasses__() for deeper in concrete(child)}
    return found if inspect.isabstract(kind) else {kind, *found}


def test_the_registry_holds_every_family_there_is() -> None:
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
    ours = families.__name__  # tests have families of their own
    there_are = {kind for kind in concrete(Family) if kind.__module__.startswith(ours)}
    assert {type(family) for named in FAMILIES.values() for family in named.values()} == there_are
    assert set(FAMILIES) == set(TASKS)


EVERY = pytest.mark.parametrize(("task", "family"), ALL)


@EVERY
@pytest.mark.parametrize(
    "promise",
    [
        promises.learns_something,
        promises.missing_and_new_values,
        promises.alike_in_any_company,
        promises.finite_far_away,
        promises.fixed_parameters_of_the_space,
        promises.nobody_to_predict_for,
        promises.twins_and_constants,
        promises.wide_tables,
    ],
    ids=lambda promise: promise.__name__,
)
def test_it_keeps_its_promise(promise, task: str, family: str) -> None:
    promise(task, family)


@EVERY
@pytest.mark.parametrize("promise", [promises.stored_as_data, promises.text_alone], ids=lambda each: each.__name__)
def test_what_it_stores_is_data(promise, task: str, family: str, tmp_path) -> None:
    promise(task, family, tmp_path)
