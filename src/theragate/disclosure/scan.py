"""Tables and lists against the patients they were made from: none is a patient's row, or many patients' values."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from theragate.cohorts.fhir import names_patient
from theragate.cohorts.images.marked import MARK
from theragate.digests import sha256_file
from theragate.disclosure.file_readers import read_content
from theragate.disclosure.patients import Patients
from theragate.disclosure.rows import DIVERSE, known_rows, nameless_rows, numbers_of
from theragate.disclosure.tables import Column, Table, tables_of, words_of
from theragate.disclosure.values import Asked, Floats, decimals_of
from theragate.errors import EvidenceError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["DIVERSE", "Scan", "scan"]


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

    Five rules. *pictures*: no file is one that shows patients' images. *records*: nothing refers to a patient as
    records in FHIR do. *identifiers*: no patient's id occurs. *rows*:
    what a row says in two or more columns of the cohort, if it is true of a patient, is true of at least 11, of whom
    not all have the same outcome; and no row without names is a patient's numbers. *values*: no list is in large part
    (11 and a third of it, beyond what chance explains) values that few patients share, such as a column or the
    predictions: in any order, also rounded or in single precision; and none is a whole column in another unit, or
    standardised. Numbers that the study itself declares count for nothing, and round ones agree by chance more often.

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
    others = others or {}
    contents = {name: read_content(path) for name, path in files.items()}
    contents |= {name: [*tables_of(value), *words_of(value)] for name, value in others.items()}
    tables = [(name, table) for name, content in contents.items() for table in content]
    breach = min(_breaches([table for _, table in tables], patients), default=None)
    if breach is not None:
        name, table = tables[breach.table]
        raise EvidenceError(
            f"study `{study}`, {name}{table.where and f', at `{table.where[:80]}`'}",
            rule=f"nothing that goes to MLflow gives a patient away ({breach.rule})",
            received=breach.received,
            remedy=f"Nothing was written. {_remedy(name, table.where, study)} See docs/privacy.md.",
        )
    return Scan({name: sha256_file(path) for name, path in files.items()}, tuple(sorted(others)), len(tables))


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
    ("figures/", "", "Keep it at the site."),
    ("descriptions", "", "Take the values out of the study's texts in params.yaml."),
    ("", "", "Leave it out or aggregate it."),
)


class _Breach(NamedTuple):
    """What gives somebody away, in the order in which it is told: by table, rule, column, and whose values it has."""

    table: int
    order: tuple[int, ...]
    rule: str
    received: str


def _breaches(tables: Sequence[Table], patients: Patients) -> Iterator[_Breach]:
    """Look for each kind of breach in all tables at once, so that the cohort is read a few times in all."""
    yield from _pictures(tables)
    yield from _records(tables)
    yield from _identifiers(tables, patients)
    for order, (place, received) in enumerate(
        itertools.chain(known_rows(tables, patients), nameless_rows(tables, patients))
    ):
        yield _Breach(place, (1, order), "rows", received)
    yield from _values(tables, patients)


def _pictures(tables: Sequence[Table]) -> Iterator[_Breach]:
    mark = "\0".join(MARK)
    for place, table in enumerate(tables):
        if any(mark in text for column in table.columns.values() for text in _texts(column)):
            yield _Breach(place, (-1,), "pictures", "a picture that shows images of patients")


def _records(tables: Sequence[Table]) -> Iterator[_Breach]:
    for place, table in enumerate(tables):
        references = sum(names_patient(text) for column in table.columns.values() for text in _texts(column))
        if references:
            yield _Breach(place, (-1,), "records", f"{references} entries that refer to a patient's records")


def _identifiers(tables: Sequence[Table], patients: Patients) -> Iterator[_Breach]:
    texts = [[str(entry) for column in table.columns.values() for entry in _texts(column)] for table in tables]
    known = patients.ids_among({*itertools.chain.from_iterable(texts)})
    for place, own in enumerate(texts if known else []):
        ids = sum(text in known for text in own)
        if ids:
            yield _Breach(place, (0,), "identifiers", f"{ids} entries that are patients' ids")


class _List(NamedTuple):
    """The distinct numbers of a column of a table, ascending; those not declared, and with how many digits."""

    table: int
    column: int
    values: Floats
    new: Asked
    digits: int


def _values(tables: Sequence[Table], patients: Patients) -> Iterator[_Breach]:
    lists = sorted(_lists(tables, patients), key=attrgetter("digits"))
    for whose, (name, held) in enumerate(patients.values() if lists else ()):
        for each in lists:
            same, disclosed = (
                held.matches(each.new, each.digits) if len(each.new.values) >= SMALLEST_CELL else (0, False)
            )
            if disclosed:
                words = f"of which {same} are patients' {name}"
            elif held.is_scaled(each.values):
                words = f"which are patients' {name} in another unit"
            else:
                continue
            received = f"a list of {len(each.values)} different numbers, {words}"
            yield _Breach(each.table, (2, each.column, whose), "values", received)


def _lists(tables: Sequence[Table], patients: Patients) -> Iterator[_List]:
    for place, table in enumerate(tables):
        for index, column in enumerate(table.columns.values()):
            if len(column) < SMALLEST_CELL:
                continue
            numbers = numbers_of(column)
            values = np.unique(numbers[np.isfinite(numbers)])
            if len(values) >= SMALLEST_CELL:
                new = values[~np.isin(values, patients.declared)]
                yield _List(place, index, values, Asked(new), decimals_of(new))


def _texts(column: Column) -> Iterator[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return
    yield from (entry for entry in column if isinstance(entry, str))
