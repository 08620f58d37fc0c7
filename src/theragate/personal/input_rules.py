"""The rules of a study's suite, applied to the inputs of patients, and the reasons that they give."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.features import MISSING_TEXT
from theragate.personal.input_names import InputNames
from theragate.study import InputRule

__all__ = ["Flags", "Reasons", "apply_rule"]

Flags: TypeAlias = NDArray[np.bool_]

_LISTED = 6


class Reasons:
    """Why patients get no answer, or none to rely on: one text each, empty where there is no reason."""

    def __init__(self, patients: int) -> None:
        self.texts = np.full(patients, "", dtype=object)

    def add(self, rows: Flags, text: str) -> None:
        """Add a reason for some patients."""
        self.texts[rows] = [f"{before}; {text}" if before else text for before in self.texts[rows]]

    @property
    def any(self) -> Flags:
        """Who has one, shape (n,)."""
        return np.asarray(self.texts != "", dtype=bool)


def apply_rule(rule: InputRule, features: pd.DataFrame, reasons: Reasons, names: InputNames) -> None:
    """Add a reason for every patient who breaks `rule`; it is silent where a value is missing, or of another type."""
    columns = [features[name] for name in rule.columns]
    known = np.logical_and.reduce([(column.notna() & (column != MISSING_TEXT)).to_numpy() for column in columns])
    numeric = [pd.api.types.is_numeric_dtype(column) for column in columns]
    check = _TEXTS.get(rule.kind) if not any(numeric) else _NUMBERS.get(rule.kind) if all(numeric) else None
    if check is None or not known.any():
        return
    holds = np.ones(len(features), dtype=bool)
    holds[known] = check(rule, *(column.to_numpy()[known] for column in columns))
    reasons.add(~holds, _breach(rule, names))


def _within(rule: InputRule, values: NDArray[np.float64]) -> Flags:
    holds = np.ones(len(values), dtype=bool)
    if rule.low is not None:
        holds &= values > rule.low if rule.strict_low else values >= rule.low
    if rule.high is not None:
        holds &= values < rule.high if rule.strict_high else values <= rule.high
    return holds


def _ratio(rule: InputRule, first: NDArray[np.float64], second: NDArray[np.float64]) -> Flags:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _within(rule, first / second)


def _one_of(rule: InputRule, values: NDArray[Any]) -> Flags:
    if values.dtype == object:
        return np.isin(values.astype(str), [str(value) for value in rule.values])
    return np.isin(values, [value for value in rule.values if isinstance(value, float)])


def _none_of(rule: InputRule, values: NDArray[Any]) -> Flags:
    return ~_one_of(rule, values)


def _matches(rule: InputRule, values: NDArray[Any]) -> Flags:
    pattern = re.compile(rule.pattern)
    return np.array([bool(pattern.search(value)) for value in values])


def _matches_not(rule: InputRule, values: NDArray[Any]) -> Flags:
    return ~_matches(rule, values)


def _length(rule: InputRule, values: NDArray[Any]) -> Flags:
    return _within(rule, np.array([len(value) for value in values], dtype=np.float64))


def _above(rule: InputRule, first: NDArray[Any], second: NDArray[Any]) -> Flags:
    return np.asarray(first > second if rule.strict_low else first >= second)


def _equal(rule: InputRule, first: NDArray[Any], second: NDArray[Any]) -> Flags:  # noqa: ARG001 - one form for all
    return np.asarray(first == second, dtype=bool)


# What each kind of rule asks of numbers, and of texts; a rule about the other type does not concern this model.
_NUMBERS: Final[Mapping[str, Callable[..., Flags]]] = {
    "between": _within,
    "one_of": _one_of,
    "none_of": _none_of,
    "above": _above,
    "equal": _equal,
    "ratio": _ratio,
}
_TEXTS: Final[Mapping[str, Callable[..., Flags]]] = {
    "one_of": _one_of,
    "none_of": _none_of,
    "matches": _matches,
    "matches_not": _matches_not,
    "length": _length,
    "equal": _equal,
}


def _breach(rule: InputRule, names: InputNames) -> str:
    """Say what the rule asks for; never what the patient's value was, since answers may be logged."""
    name = " and ".join(map(names.of, rule.columns))
    if rule.kind in {"one_of", "none_of"}:
        values = [f"{value:g}" if isinstance(value, float) else value for value in rule.values]
        few = rule.kind == "one_of" and len(values) <= _LISTED
        listed = ", ".join(names.value(rule.columns[0], value) for value in values)
        return f"{name}: none of {listed}" if few else f"{name}: a value that the study does not accept"
    if rule.kind == "above":
        return (
            f"{name}: the first is not above the second"
            if rule.strict_low
            else f"{name}: the first is below the second"
        )
    if rule.kind == "equal":
        return f"{name}: not the same"
    if rule.kind in {"matches", "matches_not"}:
        return f"{name}: not of the form that the study accepts"
    what = {"ratio": "a ratio ", "length": "a length "}.get(rule.kind, "")
    return f"{name}: {what}{_outside(rule)}"


def _outside(rule: InputRule) -> str:
    unit = f" {rule.unit}" if rule.unit and rule.kind == "between" else ""
    if rule.low is None:
        return f"above {rule.high:g}{unit}"
    return f"below {rule.low:g}{unit}" if rule.high is None else f"outside {rule.low:g} to {rule.high:g}{unit}"
