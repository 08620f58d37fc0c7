"""Tables and lists against the patients they were made from: none is a patient's row, or many patients' values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtrc

from theragate.digests import sha256_file
from theragate.disclosure.anonymity import different, sharing
from theragate.disclosure.file_readers import Column, Table, read_content, tables_of, words_of
from theragate.errors import EvidenceError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["DIVERSE", "Patients", "Scan", "scan"]

DIVERSE = 2  # different outcomes among the patients who share what a row says
_ROW = 5  # numbers in a row without names: medians of fewer columns are a patient's by coincidence
_MOSTLY_UNIQUE = 0.5
_SHARE = 1 / 3  # of a list, which patients' values have to be
_CHANCE = 1e-9  # how unlikely so many of them are by coincidence
_HIDDEN = "outcome: "  # before a column's name
_DECIMALS = 7  # a column with more is continuous
_SINGLE = 1e-6  # how near, relatively, single precision comes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Patients:
    """Whom nothing may give away.

    Parameters
    ----------
    cohort
        One row per patient, with the column ``patient``.
    outcome
        The columns of the outcome.
    predictions
        Any numbers that stand for one patient each, besides the cohort's columns, such as held-out predictions.
    """

    cohort: pd.DataFrame
    outcome: Sequence[str]
    predictions: Mapping[str, Floats] = field(default_factory=dict)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids that can be recognised: numbers of rows, which name nobody, cannot."""
        ids = self.cohort["patient"].astype(str)
        return frozenset() if ids.str.fullmatch(r"[0-9]{1,9}").all() else frozenset(ids)

    @cached_property
    def keys(self) -> pd.DataFrame:
        """The cohort's columns as texts in one spelling each."""
        columns = self.cohort.drop(columns="patient")
        return pd.DataFrame({str(name): spelled(columns[name]) for name in columns})

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the cohort's columns, but for the id."""
        return frozenset(self.keys.columns)

    @cached_property
    def rows(self) -> dict[int, pd.Index]:
        """Patients' numbers in the order of the columns, by how many they are: without the outcome, and with it."""
        numbers = self.cohort.drop(columns="patient").select_dtypes("number")
        features = numbers.drop(columns=[name for name in self.outcome if name in numbers])
        found: dict[int, pd.Index] = {}
        for part in (features, numbers):
            if part.shape[1] >= _ROW:
                found[part.shape[1]] = pd.Index(map(tuple, part.to_numpy(dtype=np.float32)))
        return found

    @cached_property
    def values(self) -> dict[str, "_Values"]:
        """What stands for one patient or a few: near-unique columns, without the values that many share."""
        numbers = self.cohort.drop(columns="patient").select_dtypes("number")
        columns = {f"column `{name}`": numbers[name].to_numpy(dtype=np.float64) for name in numbers}
        found = {}
        for name, column in (columns | dict(self.predictions)).items():
            known = column[np.isfinite(column)]
            distinct, counts = np.unique(known, return_counts=True)
            if len(distinct) >= max(_MOSTLY_UNIQUE * len(known), SMALLEST_CELL):
                found[name] = _Values(distinct[counts < SMALLEST_CELL], distinct)
        return found


@dataclass(frozen=True)
class _Values:
    """Distinct values, ascending: those of which each belongs to few patients, and all of the column."""

    distinct: Floats
    column: Floats
    _by_digits: dict[int, tuple[Floats, NDArray[np.float32]]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def decimals(self) -> int:
        """With how many digits the values are written."""
        return decimals_of(self.distinct)

    def matches(self, values: Floats, digits: int) -> tuple[int, bool]:
        """Return how many of distinct `values` are among these, and whether that is more than coincidence.

        Values that were written with fewer `digits` than these are compared with these as they would be so written, but
        for what many patients share then.
        """
        digits = min(digits, self.decimals)
        known, single = self._written(digits)
        same = int(np.isin(values.astype(np.float32), single).sum())
        if same < SMALLEST_CELL or same < _SHARE * len(values):
            return same, False
        low, high = float(values.min()), float(values.max())
        inside = int(((known >= low) & (known <= high)).sum())
        places = (high - low) * 10.0**digits + 1 if digits <= _DECIMALS else np.inf
        chance = min(inside / places, 1.0)
        return same, bool(bdtrc(same - 1, len(values), chance) < _CHANCE)  # of a binomial number, at least so many

    def is_scaled(self, values: Floats) -> bool:
        """Return whether distinct `values`, ascending, are the whole column moved, stretched or turned round."""
        if len(values) != len(self.column):
            return False
        own, other = _unit(self.column), _unit(values)
        if np.ptp(np.diff(own)) < _SINGLE:
            return False  # steps of one size are everybody's
        return bool(min(np.abs(other - own).max(), np.abs(other - (1 - own[::-1])).max()) < _SINGLE)

    def _written(self, digits: int) -> tuple[Floats, NDArray[np.float32]]:
        """Return the values with so many digits, and these in single precision."""
        if digits not in self._by_digits:
            rounded, counts = np.unique(np.round(self.distinct, digits), return_counts=True)
            known = self.distinct if digits >= self.decimals else rounded[counts < SMALLEST_CELL]
            self._by_digits[digits] = known, known.astype(np.float32)
        return self._by_digits[digits]


def decimals_of(values: Floats) -> int:
    """Return with how many digits after the point values are written, also in single precision; 8 for more than 7."""
    single = 1e-7 * float(np.abs(values).max(initial=0.0))
    for decimals in range(_DECIMALS + 1):
        near = single if single < 0.1 * 10.0**-decimals else 1e-9
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=near):
            return decimals
    return _DECIMALS + 1


def _unit(ascending: Floats) -> Floats:
    """Move and stretch ascending values to 0 and 1."""
    return np.asarray((ascending - ascending[0]) / (ascending[-1] - ascending[0]), dtype=np.float64)


@dataclass(frozen=True)
class Scan:
    """What was looked into: each file's SHA-256, what else by name, how many tables and lists there were in all."""

    files: dict[str, str]
    others: tuple[str, ...]
    tables: int

    def record(self) -> dict[str, Any]:
        """Return it for a file."""
        return {"files": self.files, "others": self.others, "tables": self.tables, "k": SMALLEST_CELL, "l": DIVERSE}


def scan(files: Mapping[str, Path], patients: Patients, *, study: str, others: Mapping[str, Any] | None = None) -> Scan:
    """Look into every file, and whatever else is to go out; refuse the first that gives patients away.

    Three rules. *identifiers*: no patient's id occurs. *rows*: what a row says in two or more columns of the cohort,
    if it is true of a patient, is true of at least 11, of whom not all have the same outcome; and no row without names
    is a patient's numbers. *values*: no list is in large part (11 and a third of it, beyond what chance explains)
    values that few patients share, such as a column or the predictions: in any order, also rounded or in single
    precision; and none is a whole column in another unit, or standardised.

    Parameters
    ----------
    files
        Name, as it will be called, to path.
    patients
        Those whose data the files were made from.
    study
        For the message.
    others
        Name to texts, numbers, lists and mappings of them, as JSON gives them: what is sent without being a file.

    Raises
    ------
    DataError
        If a file is of a kind that cannot be looked into.
    EvidenceError
        If a file gives somebody away; the message has the name of the rule and of columns, and no value.
    """
    tables, others = 0, others or {}
    contents = {name: read_content(path) for name, path in files.items()}
    contents |= {name: [*tables_of(value), *words_of(value)] for name, value in others.items()}
    for name, found in contents.items():
        for table in found:
            tables += 1
            for rule, received in _breaches(table, patients):
                where = f"{name}{table.where and f', at `{table.where[:80]}`'}"
                raise EvidenceError(
                    f"study `{study}`, {where}",
                    rule=f"nothing that goes to MLflow gives a patient away ({rule})",
                    received=received,
                    remedy="Nothing was written. Leave it out or aggregate it; see docs/privacy.md.",
                )
    return Scan({name: sha256_file(path) for name, path in files.items()}, tuple(sorted(others)), tables)


def spelled(column: pd.Series) -> pd.Series:
    """Write values in one spelling: a number as a number, whether it came as ``1``, ``1.0``, true or as text."""
    texts = column.astype(str).str.strip().replace({"True": "1", "False": "0"})
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts.where(numbers.isna(), numbers.astype(np.float32).map("{:.6g}".format)).where(column.notna(), "")


def _breaches(table: Table, patients: Patients) -> Iterator[tuple[str, str]]:
    if patients.ids:
        found = sum(str(entry) in patients.ids for column in table.columns.values() for entry in _texts(column))
        if found:
            yield "identifiers", f"{found} entries that are patients' ids"
    if table.named:
        yield from _known_rows(table, patients)
    yield from _nameless_rows(table, patients)
    for column in table.columns.values():
        if len(column) < SMALLEST_CELL:
            continue
        numbers = _numbers(column)
        values = np.unique(numbers[np.isfinite(numbers)])
        if len(values) < SMALLEST_CELL:
            continue
        digits = decimals_of(values)
        for name, held in patients.values.items():
            same, disclosed = held.matches(values, digits)
            if disclosed:
                yield "values", f"a list of {len(values)} different numbers, of which {same} are patients' {name}"
            elif held.is_scaled(values):
                yield "values", f"a list of {len(values)} different numbers, which are patients' {name} in another unit"


def _texts(column: Column) -> Iterator[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return
    yield from (entry for entry in column if isinstance(entry, str))


def _numbers(column: Column) -> Floats:
    return np.asarray(pd.to_numeric(pd.Series(column), errors="coerce"), dtype=np.float64)


def _nameless_rows(table: Table, patients: Patients) -> Iterator[tuple[str, str]]:
    """Look for rows, or columns, that are as long as a patient's and hold the same numbers."""
    width = len(table.columns)
    height = len(next(iter(table.columns.values()))) if width else 0
    for size, rows in patients.rows.items():
        if size not in (width, height):
            continue
        numbers = np.stack([_numbers(column) for column in table.columns.values()], axis=1).astype(np.float32)
        parts = [part for part in (numbers, numbers.T) if part.shape[1] == size]
        same = sum(int(pd.Index(map(tuple, part)).isin(rows).sum()) for part in parts)
        if same:
            yield "rows", f"{same} rows of {size} numbers that are patients'"


def _known_rows(table: Table, patients: Patients) -> Iterator[tuple[str, str]]:
    """Look for rows that agree with patients in the columns whose names they share."""
    shared = [name for name in table.columns if name in patients.names]
    if len(shared) < 2:
        return
    known = patients.keys[shared]
    released = pd.DataFrame({name: spelled(pd.Series(table.columns[name])) for name in shared}).drop_duplicates()
    released = released[(released != "").sum(axis=1) > 1]
    hidden = [name for name in patients.outcome if name in patients.names and name not in shared]
    alike = known.assign(**{f"{_HIDDEN}{name}": patients.keys[name] for name in hidden}).merge(released, on=shared)
    few = int((sharing(alike, shared) < SMALLEST_CELL).sum())
    if few:
        yield "rows", f"{few} rows that fewer than {SMALLEST_CELL} patients share, in {', '.join(shared[:6])}"
    if hidden and len(alike):
        outcomes = [different(alike, shared, f"{_HIDDEN}{name}") for name in hidden]
        certain = int((np.max(outcomes, axis=0) < DIVERSE).sum())
        if certain:
            yield "rows", f"{certain} rows whose patients all have one outcome, in {', '.join(shared[:6])}"
