"""Families of others: read from an extension, held against the contract, and asked for nothing but a model of ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from theragate.errors import ExtensionError, TheragateError
from theragate.extensions import FAMILIES as GROUP
from theragate.extensions import collect, used, used_names
from theragate.learning.causal_forest import CausalForestModel
from theragate.learning.family import Family, FitError, Params, Stored, Training
from theragate.learning.models import BoostedModel, LinearModel, Model
from theragate.learning.survival_forest import SurvivalForestModel
from theragate.study import NAME, TASKS, TaskName

__all__ = ["OfOthers", "added_families", "fit_of_others", "of_others"]

_MODELS: Final[Mapping[str, type[Any]]] = {
    "coefficients": LinearModel,
    "booster": BoostedModel,
    "forest": SurvivalForestModel,
    "causal_forest": CausalForestModel,
}
_DESIGNS = ("linear", "splines", "trees")
_OURS = {name for task in TASKS.values() for name in task.families}


def added_families(task: TaskName, extensions: Iterable[str]) -> dict[str, Family]:
    """Return the families that extensions add for a task; this process uses them already.

    Raises
    ------
    ExtensionError
        If one cannot be imported or is none, or its name is that of one of ours or of another extension's.
    """
    families: dict[str, Family] = collect(extensions, GROUP, _flaw)
    return {name: family for name, family in families.items() if task in family.tasks}


class OfOthers(NamedTuple):
    """Of which extension a model's family is (name and version), and what the model is made of.

    That is all it takes to load the model: it is one of ours, and none of the extension's code is needed.
    """

    extension: str
    stored: Stored


def of_others(name: str, family: Family) -> OfOthers | None:
    """Return where the family `name` comes from; None where it is one of ours."""
    if name in _OURS:
        return None
    extension = next((used(each) for each in used_names() if name in used(each).entries.get(GROUP, {})), None)
    return None if extension is None else OfOthers(f"{extension.name} {extension.version}", family.stored)


def fit_of_others(family: Family, training: Training, params: Params, *, seed: int) -> Model:
    """Fit a family of an extension, and take from it a model of ours or a failure, and nothing else.

    Raises
    ------
    FitError
        If there is no finite or stable solution.
    ExtensionError
        If it raises what is none of our errors, whose message is not shown, or returns another model than it is stored
        as.
    """
    try:
        model = family.fit(training, params, seed=seed)
    except (FitError, TheragateError):
        raise
    except Exception as error:  # noqa: BLE001 - others' code may raise what it likes, and quote a patient's row
        raise _wrong(family, "it gives a model or a `FitError`", f"the error {type(error).__name__}") from None
    expected: type[Model] = _MODELS[family.stored]
    if not isinstance(model, expected):
        raise _wrong(family, f"its model is a `{expected.__name__}`", f"an object of type {type(model).__name__}")
    return model


def _flaw(name: str, family: Any) -> tuple[str, str] | None:
    """Return the first rule that a family breaks, and what it has instead."""
    if not isinstance(family, Family):
        return "it is an object made from `theragate.learning.families.Family`", f"one of type {type(family).__name__}"
    if name in _OURS or not re.fullmatch(NAME, name):
        return "its name is 3 to 64 small letters, digits or `_`, and none of ours", f"`{name}`"
    if not family.tasks or set(family.tasks) - set(TASKS):
        return f"its `tasks` are some of {', '.join(TASKS)}", f"{family.tasks}"
    if getattr(family, "design", None) not in _DESIGNS:
        return f"its `design` is one of {', '.join(_DESIGNS)}", f"`{getattr(family, 'design', None)}`"
    if family.stored not in _MODELS:
        return f"its `stored` is one of {', '.join(_MODELS)}", f"`{family.stored}`"
    fixed = getattr(family, "fixed", None)
    if not isinstance(fixed, Mapping) or not all(type(value) in (int, float) for value in fixed.values()):
        return "its `fixed` names numbers", f"an object of type {type(fixed).__name__}"
    return None


def _wrong(family: Family, rule: str, received: str) -> ExtensionError:
    return ExtensionError(
        f"family `{type(family).__name__}` of an extension",
        rule=rule,
        received=received,
        remedy="Tell its author, or leave the family out of `tuning`.",
    )
