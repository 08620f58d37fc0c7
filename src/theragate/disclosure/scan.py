"""Tables and lists against the patients they were made from: none is a patient's row, or many patients' values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from theragate.digests import sha256_file
from theragate.disclosure.anonymity import different, sharing
from theragate.disclosure.file_readers import read_content
from theragate.disclosure.patients import Floats, Patients, decimals_of, spelled
from theragate.disclosure.tables import Column, Table, tables_of, words_of
from theragate.errors import EvidenceError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["DIVERSE", "Scan", "scan"]

DIVERSE = 2  # different outcomes among the patients who share what a row says
_HIDDEN = "outcome: "  # before a column's name


@dataclass(frozen=True)
class Scan:
    """What was searched: each file by SHA-256, everything else by name, and the number of tables and lists in all."""

    files: dict[str, str]
    others: tuple[str, ...]
    tables: int

    def record(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {"files": self.files, "others": self.others, "tables": self.tables, "k": SMALLEST_CELL, "l": DIVERSE}


def scan(files: Mapping[str, Path], patients: Patients, *, study: str, others: Mapping[str, Any] | None = None) -> Scan:
    """Search every file, and whatever else is to go out; refuse the first that gives a patient away.

    Three rules. *identifiers*: no patient's id occurs. *rows*: what a row says in two or more columns of the cohort,
    if it is true of a patient, is true of at least 11, of whom not all have the same outcome; and no row without names
    is a patient's numbers. *values*: no list is in large part (11 and a third of it, beyond what chance explains)
    values that few patients share, such as a column or the predictions: in any order, also rounded or in single
    precision; and none is a whole column in another unit, or standardised. Numbers that the study itself declares count
    for nothing, and round ones agree by chance more often.

    Parameters
    ----------
    files
        The name that each file will have, to its path.
    patients
        The patients from whose data the files were made.
    study
        The name of the study, for the message.
    others
        By name, what is sent without being a file: texts, numbers, lists and mappings of them, as parsed JSON.

    Raises
    ------
    DataError
        If a file is of a kind that cannot be searched.
    EvidenceError
        If a file gives somebody away; the message names the rule and columns, and no value.
    """
    tables, others = 0, others or {}
    contents = {name: read_content(path) for name, path in files.items()}
    contents |= {name: [*tables_of(value), *words_of(value)] for name, value in others.items()}
    for name, in_content in contents.items():
        for table in in_content:
            tables += 1
            for rule, received in _breaches(table, patients):
                where = f"{name}{table.where and f', at `{table.where[:80]}`'}"
                raise EvidenceError(
                    f"study `{study}`, {where}",
                    rule=f"nothing that goes to MLflow gives a patient away ({rule})",
                    received=received,
                    remedy=f"Nothing was written. {_remedy(name, table.where, study)} See docs/privacy.md.",
                )
    return Scan({name: sha256_file(path) for name, path in files.items()}, tuple(sorted(others)), tables)


def _remedy(name: str, where: str, study: str) -> str:
    return next(words for file, part, words in _REMEDIES if name.startswith(file) and part in where).format(study=study)


# By the beginning of a file's name and a part of the place within: what whoever owns the content can do.
_REMEDIES: Final = (
    (
        "estimator/personal.json",
        "/accepted",
        "Choose rounder limits in expectations/{study}.json, or fewer, and run `dvc repro` again.",
    ),
    (
        "estimator/",
        "",
        "The model keeps values of patients. Round that column in the source, drop it under `features.dropped`, or "
        "choose other families under `tuning`; then run `dvc repro` again.",
    ),
    ("validation", "", "Take the values out of expectations/{study}.json, and run `dvc repro` again."),
    ("descriptions", "", "Take the values out of the study's texts in params.yaml."),
    ("", "", "Leave it out or aggregate it."),
)


def _breaches(table: Table, patients: Patients) -> Iterator[tuple[str, str]]:
    if patients.ids:
        ids = sum(str(entry) in patients.ids for column in table.columns.values() for entry in _texts(column))
        if ids:
            yield "identifiers", f"{ids} entries that are patients' ids"
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
        new = values[~np.isin(values, patients.declared)]
        digits = decimals_of(new)
        for name, held in patients.values.items():
            same, disclosed = held.matches(new, digits) if len(new) >= SMALLEST_CELL else (0, False)
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
