"""A patient's inputs as the model may see them, and why some of them are not to be answered."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.errors import DataError
from theragate.learning.features import MISSING_TEXT, Feature, as_features
from theragate.study import AcceptedInputs, InputRule

__all__ = ["Inputs", "Reasons", "missing_inputs", "read_inputs"]

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


class Inputs:
    """``features``: as `as_features` gives them; ``refused``: why there is no number; ``doubts``: why to doubt it."""

    def __init__(self, features: pd.DataFrame, *, refused: Reasons, doubts: Reasons) -> None:
        self.features, self.refused, self.doubts = features, refused, doubts


def read_inputs(
    frame: pd.DataFrame,
    schema: tuple[Feature, ...],
    *,
    accepted: AcceptedInputs,
    categories: Mapping[str, tuple[str, ...]],
) -> Inputs:
    """Bring the inputs into the model's form and hold them against what the study accepts.

    Parameters
    ----------
    frame
        One row per patient, with at least the columns of `schema`.
    schema
        The model's features.
    accepted
        The rules of the study's suite, and the ages that are top-coded as in the cohort.
    categories
        Those that the model has learned, by feature of text.

    Raises
    ------
    DataError
        If a feature is absent, there twice, or of a type that is neither number nor text.
    """
    refused, doubts = Reasons(len(frame)), Reasons(len(frame))
    columns = {}
    for feature in schema:
        given = _given(frame, feature.name)
        if feature.type == "number":
            numbers = _numbers(given, feature.name, refused)
            columns[feature.name] = np.minimum(numbers, accepted.top_coded.get(feature.name, np.inf))
        else:
            columns[feature.name] = as_codes(given).to_numpy()
    features = as_features(pd.DataFrame(columns, index=frame.index), schema)
    for rule in accepted.rules:
        if set(rule.columns) <= set(columns):
            _apply(rule, features, refused if rule.decisive else doubts)
    for name, known in categories.items():
        strange = ~features[name].isin([*known, MISSING_TEXT]).to_numpy() & ~refused.any
        refused.add(strange, f"{name}: a category that the model has not learned")
    return Inputs(features, refused=refused, doubts=doubts)


def missing_inputs(features: pd.DataFrame) -> Flags:
    """Return which features are missing, shape (n, features)."""
    return np.asarray((features.isna() | (features == MISSING_TEXT)).to_numpy(), dtype=bool)


def _given(frame: pd.DataFrame, name: str) -> pd.Series:
    found = int((frame.columns == name).sum())
    if found != 1:
        raise DataError(
            f"feature `{name}`",
            rule="every feature of the model is a column of the data, once",
            received=f"{found} columns of that name",
            remedy="Correct the column where the data come from.",
        )
    return frame[name]


def _numbers(column: pd.Series, name: str, refused: Reasons) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype == object or pd.api.types.is_string_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        refused.add(np.isnan(numbers) & column.notna().to_numpy(), f"{name}: not a number")
    else:
        raise DataError(
            f"feature `{name}`",
            rule="the column holds numbers",
            received=f"{column.dtype} values",
            remedy="Correct the column where the data come from.",
        )
    infinite = np.isinf(numbers)
    refused.add(infinite, f"{name}: not a finite number")
    return np.where(infinite, np.nan, numbers)


def _apply(rule: InputRule, features: pd.DataFrame, reasons: Reasons) -> None:
    columns = [features[name] for name in rule.columns]
    known = np.logical_and.reduce([(column.notna() & (column != MISSING_TEXT)).to_numpy() for column in columns])
    numeric = [pd.api.types.is_numeric_dtype(column) for column in columns]
    check = _TEXTS.get(rule.kind) if not any(numeric) else _NUMBERS.get(rule.kind) if all(numeric) else None
    if check is None or not known.any():
        return
    holds = np.ones(len(features), dtype=bool)
    holds[known] = check(rule, *(column.to_numpy()[known] for column in columns))
    reasons.add(~holds, _broken(rule))


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


# What each kind of rule asks of numbers, and of texts; a rule about the other type is none of this model's.
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


def _broken(rule: InputRule) -> str:
    """Say what the rule asks for; never what the patient's value was, since answers may be logged."""
    name = " and ".join(rule.columns)
    if rule.kind in {"one_of", "none_of"}:
        values = [f"{value:g}" if isinstance(value, float) else value for value in rule.values]
        few = rule.kind == "one_of" and len(values) <= _LISTED
        return f"{name}: none of {', '.join(values)}" if few else f"{name}: a value that the study does not accept"
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
