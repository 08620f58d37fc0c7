"""What the columns of a new table seem to be. Everything that is only a guess is marked for review."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from theragate.cohorts.ages import OLDEST, TOP_AGE, age_unit, is_named_age, top_of
from theragate.cohorts.deidentify import as_years
from theragate.cohorts.identifiers import BIRTH, counts_patients, identifier
from theragate.cohorts.table import Rows
from theragate.drafting.words import FOLLOW_UP, STATUS, joined
from theragate.errors import DataError, did_you_mean, some_of
from theragate.study import MARK, AgeUnit

__all__ = ["Columns", "differs", "read_columns", "require"]

FEW_LEVELS = 5  # patients per distinct value, from which on two columns that agree in all patients are one
PATIENT = "patient"
_BEGINNING = 2**14  # rows that are looked at first


@dataclass(frozen=True)
class Columns:
    """What `deidentification` and `features` of a new study have to say of its columns."""

    ages: dict[str, AgeUnit] = field(default_factory=dict)
    dates: list[str] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def deidentification(self) -> dict[str, Any]:
        """The entry of that name."""
        units = {name: unit for name, unit in self.ages.items() if unit != "years"}
        entry = {"ages": list(self.ages), "age_units": units, "dates": self.dates, "removed": self.removed}
        return {key: value for key, value in entry.items() if value}

    @property
    def known(self) -> set[str]:
        """The columns that are no features."""
        return {*self.removed, *self.dropped}


def require(frame: Rows, column: str, option: str) -> None:
    """Refuse a column that the table has not.

    Raises
    ------
    DataError
        With the name of a column that is spelt nearly so.
    """
    if column not in frame.columns:
        raise DataError(
            f"{option} {column}",
            rule="it names a column of the file",
            received="no such column",
            remedy=f"{did_you_mean(column, frame.columns)}The columns are {some_of(frame.columns)}.",
        )


def read_columns(frame: Rows, own: list[str], *, time: bool, labels: Mapping[str, str] | None = None) -> Columns:
    """Sort out what a model must not see, or not as it is.

    Parameters
    ----------
    frame
        The table without its ids.
    own
        The columns of the outcome and of the treatment.
    time
        Whether one of them is the time of follow-up.
    labels
        What the file calls its columns in words, where it does.

    Raises
    ------
    DataError
        If a column that is called an age holds numbers that are none in any unit.
    """
    columns, labels = Columns(), labels or {}
    for name in frame.columns:
        column, label = frame[name], labels.get(name, name)
        if _number(column) and (is_named_age(name) or is_named_age(label)):
            _read_age(name, label, column, columns)
        if name not in own and name not in columns.ages:
            _read_column(name, label, column, columns, time=time)
    _drop_copies(frame, own, columns)
    if not columns.ages:
        _miss_ages(columns)
    return columns


def _miss_ages(columns: Columns) -> None:
    """Say that an age may stand where a date of birth may not."""
    for name, reason in columns.removed.items():
        if BIRTH in reason:
            columns.removed[name] = f"{reason} To learn from ages, add a column of ages in years to the file."


def _read_column(name: str, label: str, column: pd.Series, columns: Columns, *, time: bool) -> None:
    kind = identifier(column) or (identifier(column.rename(label)) if label != name else None)
    if kind == "dates" and _are_dates(column):
        columns.dates.append(name)
        if reason := _says_nothing(as_years(column)):
            columns.dropped[name] = f"{MARK}: of dates, the years are kept: {reason}"
    elif kind == BIRTH:
        columns.removed[name] = f"{MARK}: the column looks like {BIRTH}, and even their years tell ages over 89."
    elif kind is not None:
        columns.removed[name] = f"{MARK}: the column looks like {kind}."
    elif name == PATIENT:
        columns.removed[name] = f"{MARK}: `{PATIENT}` is the name of the cohort's own ids. Rename it to learn from it."
    elif counts_patients(column):
        columns.removed[name] = f"{MARK}: the column looks like numbers of the patients, of whom no two share one."
    elif (reason := _says_nothing(column)) or (reason := _of_the_follow_up(name, time=time)):
        columns.dropped[name] = f"{MARK}: {reason}"


def _read_age(name: str, label: str, column: pd.Series, columns: Columns) -> None:
    unit = age_unit(f"{name} {label}", column)
    if unit is not None:
        columns.ages[name] = unit
    elif bool((column > TOP_AGE).any()):
        raise DataError(
            f"column `{name}`",
            rule=f"ages are numbers of years up to {OLDEST}, or of months, weeks or days as the name says",
            received=f"{int((column > OLDEST).sum())} numbers above {OLDEST} among {len(column)}",
            remedy="Mend them at the source; where a code such as 999 stands for an unknown age, leave the cell empty.",
        )


def _says_nothing(column: pd.Series) -> str:
    if not column.notna().any():
        return "the column is empty."
    if not differs(column, 1):
        return f"the column has one value{' for all patients' if column.notna().all() else ', or none'}."
    infinite = int(np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)).sum()) if _number(column) else 0
    return f"the column has infinite values (rows: {infinite}), from which nothing can be learned." if infinite else ""


def differs(column: pd.Series, more_than: int) -> bool:
    """Whether a column has more different values than that; of many, the first rows show it."""
    return column.iloc[:_BEGINNING].nunique() > more_than or column.nunique() > more_than


def _of_the_follow_up(name: str, *, time: bool) -> str:
    if joined(name) in FOLLOW_UP:
        asked = "" if time else f" To predict when it happens, run the command again with `--time {name}`."
        return f"the column is named like a time of follow-up, which is known only with the outcome.{asked}"
    if joined(name) in STATUS:
        return "the column is named like the end of follow-up. Is it known before what is predicted?"
    return ""


def _drop_copies(frame: Rows, own: list[str], columns: Columns) -> None:
    """List among the columns that are dropped those that say the same as an earlier one.

    Such columns divide the first patients in the same way: only those that do are compared in all.
    """
    passed = {*columns.known, *own}
    names = [name for name in frame.columns if name not in passed]
    begins = {name: _begin(_as_learned(frame[name].iloc[:_BEGINNING], columns)) for name in names}
    alike = Counter(begins.values())
    seen: dict[bytes, str] = {}
    for name in (name for name in names if alike[begins[name]] > 1):
        key = _content(_as_learned(frame[name], columns))
        if key in seen:
            columns.dropped[name] = f"{MARK}: the column says the same as `{seen[key]}`."
        seen.setdefault(key, name)


def _as_learned(column: pd.Series, columns: Columns) -> pd.Series:
    """Return a column as it is after de-identification: columns that differ before may say the same then."""
    if column.name in columns.dates:
        return as_years(column)
    if column.name in columns.ages:
        return column.clip(upper=top_of(columns.ages[str(column.name)]))
    return column


def _begin(column: pd.Series) -> bytes:
    """Return which of the patients have the same value."""
    return sha256(pd.factorize(column)[0].astype(np.int64).tobytes()).digest()


def _content(column: pd.Series) -> bytes:
    """Return what is the same for columns that tell the same: their values, of a few values only which are equal."""
    labels, levels = pd.factorize(column)
    if len(levels) * FEW_LEVELS <= len(column) or not _number(column):
        return b"levels" + sha256(labels.astype(np.int64).tobytes()).digest()
    return b"values" + sha256(column.to_numpy(dtype=np.float64, na_value=np.nan).tobytes()).digest()


def _are_dates(column: pd.Series) -> bool:
    try:
        as_years(column)
    except ValueError:
        return False
    return True


def _number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
