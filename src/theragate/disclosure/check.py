"""Tables and lists against the patients they were made from: none is a patient's row, or many patients' values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from theragate.digests import sha256_file
from theragate.disclosure.anonymity import different, sharing
from theragate.disclosure.readers import Column, Table, read_content
from theragate.errors import EvidenceError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["DIVERSE", "Patients", "Scan", "scan"]

DIVERSE = 2  # different outcomes among the patients who share what a row says
_ROW = 5  # numbers in a row without names: medians of fewer columns are a patient's by coincidence
_MOSTLY_UNIQUE = 0.5
_SHARE = 1 / 3  # of a list, which patients' values have to be
_CHANCE = 1e-9  # how unlikely so many of them are by coincidence
_HIDDEN = "outcome: "  # before a column's name
_DECIMALS = 6  # a column with more is continuous

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

    @property
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
                found[name] = _Values(distinct[counts < SMALLEST_CELL])
        return found


@dataclass(frozen=True)
class _Values:
    """Distinct values, ascending, of which each belongs to few patients."""

    distinct: Floats

    @cached_property
    def step(self) -> float:
        """The unit in which the values are written; 0 where they are continuous."""
        for decimals in range(_DECIMALS + 1):
            if np.allclose(self.distinct, np.round(self.distinct, decimals), rtol=0, atol=1e-9):
                return float(10.0**-decimals)
        return 0.0

    @cached_property
    def single(self) -> NDArray[np.float32]:
        return np.unique(self.distinct.astype(np.float32))

    def matches(self, values: Floats) -> tuple[int, bool]:
        """Return how many of distinct `values` are among these, and whether that is more than coincidence."""
        same = int(np.isin(values.astype(np.float32), self.single).sum())
        if same < SMALLEST_CELL or same < _SHARE * len(values):
            return same, False
        low, high = float(values.min()), float(values.max())
        inside = int(((self.distinct >= low) & (self.distinct <= high)).sum())
        places = (high - low) / self.step + 1 if self.step else np.inf
        chance = min(inside / places, 1.0)
        return same, bool(binom.sf(same - 1, len(values), chance) < _CHANCE)


@dataclass(frozen=True)
class Scan:
    """What was looked into: each file's SHA-256, and how many tables and lists there were in all."""

    files: dict[str, str]
    tables: int

    def record(self) -> dict[str, Any]:
        """Return it for a file."""
        return {"files": self.files, "tables": self.tables, "k": SMALLEST_CELL, "l": DIVERSE}


def scan(files: Mapping[str, Path], patients: Patients, *, study: str) -> Scan:
    """Look into every file; refuse the first that gives patients away.

    Three rules. *identifiers*: no patient's id occurs. *rows*: what a row says in two or more columns of the cohort,
    if it is true of a patient, is true of at least 11, of whom not all have the same outcome; and no row without names
    is a patient's numbers. *values*: no list is in large part (11 and a third of it, beyond what chance explains)
    values that few patients share, such as a column or the predictions, in any order and also in single precision.

    Parameters
    ----------
    files
        Name, as it will be called, to path.
    patients
        Those whose data the files were made from.
    study
        For the message.

    Raises
    ------
    DataError
        If a file is of a kind that cannot be looked into.
    EvidenceError
        If a file gives somebody away; the message has the name of the rule and of columns, and no value.
    """
    tables = 0
    for name, path in files.items():
        for table in read_content(path):
            tables += 1
            for rule, received in _breaches(table, patients):
                where = f"{name}{table.where and f', at `{table.where[:80]}`'}"
                raise EvidenceError(
                    f"study `{study}`, {where}",
                    rule=f"nothing that goes to MLflow gives a patient away ({rule})",
                    received=received,
                    remedy="Nothing was written. Leave it out or aggregate it; see docs/privacy.md.",
                )
    return Scan({name: sha256_file(path) for name, path in files.items()}, tables)


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
        for name, held in patients.values.items():
            same, disclosed = held.matches(values)
            if disclosed:
                yield "values", f"a list of {len(values)} different numbers, of which {same} are patients' {name}"


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
