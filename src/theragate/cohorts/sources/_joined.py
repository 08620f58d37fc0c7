"""A cohort joined from several sources: one says who is in it, the others what more is known of these patients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import RawTable, SourceTable
from theragate.cohorts.table import Table
from theragate.cohorts.texts import are_first, as_texts, positions
from theragate.errors import DataError, did_you_mean
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import HAS, JoinedSource, Part, RepeatedRows, Single, SqlSource, TableFile

__all__ = ["LACKING", "PartTable", "ids_of", "index_days", "join", "joined_by", "part_table"]

Read: TypeAlias = Callable[[Single], SourceTable]
Reader: TypeAlias = Callable[[Any, SourceContext, Scratch], RawTable | SourceTable]
HAVING, LACKING = "yes", "no"


@dataclass(frozen=True)
class PartTable:
    """What a part knows, a row a patient: their ids, of which none is missing or there twice, and its columns."""

    ids: pa.LargeStringArray
    columns: Table
    dates: pd.Series | None
    version: str
    simulated: bool
    notes: tuple[str, ...] = ()


def joined_by(readers: Mapping[str, Reader]) -> Callable[[JoinedSource, SourceContext, Scratch], SourceTable]:
    """Return the reader of joined sources, whose base and parts are read by `readers`, by their kinds."""

    def read_joined(spec: JoinedSource, context: SourceContext, scratch: Scratch) -> SourceTable:
        def read(one: Single) -> SourceTable:
            subject = f"study `{context.folder.name}`, source `{one.kind}`"
            return SourceTable.from_reader(readers[one.kind](one, context, scratch), subject=subject)

        return read_all(spec, read, subject=f"study `{context.folder.name}`")

    return read_joined


def read_all(spec: JoinedSource, read: Read, *, subject: str) -> SourceTable:
    """Read the base and the parts, and join what they know of each patient of the base.

    Parameters
    ----------
    spec
        The study's ``source``.
    read
        Reads one of them.
    subject
        How messages name the source.

    Returns
    -------
    The rows and columns of the base; then for each part ``has_<part>``, ``yes`` or ``no``, and its columns, missing
    where it does not know the patient. A source without ids names its patients by the numbers of their rows, from 1.

    Raises
    ------
    DataError
        As each source does; if two columns have one name, a patient is there twice, a part knows of too few patients,
        a row of a part is of a later day than its patient's index day, or simulated patients meet others. No message
        names a patient.
    """
    base = read(spec.base)
    rows = one_row_each(base.columns, base.id_column, _repeated(spec.base))
    ids = ids_of(rows, base.id_column, f"{subject}, base")
    parts = {}
    for name, part in spec.parts.items():
        part_subject = f"{subject}, part `{name}`"
        parts[name] = part_table(read(part.source), part, part_subject)
        _check_one_world(base, parts[name], part_subject)
    index = None if spec.index is None else index_days(rows, spec.index, f"{subject}, base")
    columns, notes = join(rows, ids, index, parts, spec, subject=subject)
    version = "; ".join([f"base {base.version}", *(f"{name} {part.version}" for name, part in parts.items())])
    return SourceTable(
        columns,
        f"SIMULATED patients: {version}" if base.simulated else version,
        id_column=base.id_column,
        simulated=base.simulated,
        notes=(*base.notes, *notes),
    )


def index_days(rows: Table, name: str, subject: str) -> pd.Series:
    """Return the days on which is predicted.

    Raises
    ------
    DataError
        If there is no such column, or it holds something else.
    """
    return _days(_column(rows, name, "index", subject), name, subject)


def part_table(read: SourceTable, part: Part, subject: str) -> PartTable:
    """Return a part's rows by patient, one each.

    Raises
    ------
    DataError
        If an id is missing or there twice, or the column of ``date`` is none or holds something else.
    """
    rows = one_row_each(read.columns, read.id_column, _repeated(part.source))
    ids = ids_of(rows, read.id_column, subject)
    dates = None if part.date is None else _days(_column(rows, part.date, "date", subject), part.date, subject)
    own = {name for name in (read.id_column, part.date) if name is not None}
    return PartTable(ids, rows.without(own), dates, read.version, simulated=read.simulated, notes=read.notes)


def join(
    base: Table,
    ids: pa.LargeStringArray,
    index: pd.Series | None,
    parts: Mapping[str, PartTable],
    spec: JoinedSource,
    *,
    subject: str,
    enough: bool = True,
) -> tuple[Table, tuple[str, ...]]:
    """Return the base's rows with what the parts know of them, and sentences on how many each part knows.

    Parameters
    ----------
    base, ids, index
        The rows of the base, their ids, and the days on which is predicted, all of n patients.
    parts
        By name, as `spec` has them; one that is not there knows nobody.
    enough
        Whether each part has to know as many patients as `spec` asks for.
    """
    joined, notes = base, []
    for name, part in parts.items():
        declared, part_subject = spec.parts[name], f"{subject}, part `{name}`"
        at = positions(ids, part.ids)
        known = at >= 0
        if enough:
            _check_coverage(ids, part.ids, known, declared, part_subject)
        if index is not None and part.dates is not None:
            _check_days(index, part.dates, at, part_subject)
        joined = _with(joined, f"{HAS}{name}", pd.Series(np.where(known, HAVING, LACKING), dtype="str"), part_subject)
        for column in part.columns.names:
            values = _taken(part.columns[column], at)
            joined = _with(joined, f"{declared.prefix or ''}{column}", values, part_subject)
        notes += [*(f"{name}: {note}" for note in part.notes), _told(name, known, len(part.ids))]
    return joined, tuple(notes)


def _told(name: str, known: NDArray[np.bool_], rows: int) -> str:
    found, patients = int(known.sum()), len(known)
    lacking = _few(patients - found)
    others = rows - found
    more = f"; of its patients, {_few(others)} are not in the base" if others else ""
    return f"part `{name}`: known of {_few(found)} of {patients:,} patients, not of {lacking}{more}"


def _few(number: int) -> str:
    return f"{number:,}" if number >= SMALLEST_CELL or number == 0 else f"fewer than {SMALLEST_CELL}"


def _with(table: Table, name: str, column: pd.Series, subject: str) -> Table:
    if name in table:
        raise DataError(
            subject,
            rule="each column of a joined cohort has a name of its own",
            received=f"`{name}` a second time",
            remedy="Give the part a `prefix`, or leave the column out of one of the sources.",
        )
    return table.having(name, column)


def _taken(column: pd.Series, at: NDArray[np.intp]) -> pd.Series:
    """Return the values at places, missing where the place is -1."""
    if (at >= 0).all():
        return column.take(at).reset_index(drop=True)
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(object)
    return column.reindex(np.where(at < 0, len(column), at)).reset_index(drop=True)


def ids_of(rows: Table, id_column: str | None, subject: str) -> pa.LargeStringArray:
    """Return whom each row is of; without a column of ids, by the number of the row.

    Raises
    ------
    DataError
        If an id is missing or there twice.
    """
    if id_column is None:
        return pa.array(range(1, len(rows) + 1)).cast(pa.large_string())
    ids = as_texts(as_codes(rows[id_column]))
    missing, repeated = ids.null_count, len(ids) - ids.null_count - int(are_first(ids).sum())
    if missing or repeated:
        raise DataError(
            subject,
            rule="each row is of a patient of its own, whom its id names",
            received=f"{missing:,} rows without an id and {repeated:,} that repeat an earlier one",
            remedy="Say by `repeated` which row of a patient counts, where the source has that key, or mend it.",
        )
    return ids


def _column(rows: Table, name: str, key: str, subject: str) -> pd.Series:
    if name not in rows:
        raise DataError(
            subject,
            rule=f"the column that `{key}` names is one of it",
            received=f"no column `{name}`",
            remedy=f"{did_you_mean(name, rows.names)}Correct params.yaml.",
        )
    return rows[name]


def _days(column: pd.Series, name: str, subject: str) -> pd.Series:
    """Return the days of dates, whatever the time of day."""
    days = pd.to_datetime(column.astype(object), format="ISO8601", errors="coerce", utc=True)
    numbers = pd.api.types.is_numeric_dtype(column)
    wrong = len(column) if numbers else int(days.isna().sum())
    if wrong:
        raise DataError(
            f"{subject}, column `{name}`",
            rule="each row has a date, such as 2019-06-13",
            received=f"{wrong:,} rows with something else, or with nothing",
            remedy="Say by `columns` of the source how its dates are written, or mend them.",
        )
    return days.dt.tz_localize(None).dt.normalize()


def _check_one_world(base: SourceTable, part: PartTable, subject: str) -> None:
    if base.simulated != part.simulated:
        raise DataError(
            subject,
            rule="simulated patients are joined with simulated ones alone",
            received="a simulated part of a base that is none" if part.simulated else "a part that is not simulated",
            remedy="Take all of them from one world, or from none.",
        )


def _check_coverage(
    ids: pa.LargeStringArray, others: pa.LargeStringArray, known: NDArray[np.bool_], part: Part, subject: str
) -> None:
    share = float(known.mean())
    if share >= part.at_least:
        return
    plain = positions(_plain(ids), _plain(others)) >= 0
    hint = ""
    if plain.mean() >= part.at_least:
        hint = (
            "Without spaces, capitals and zeros in front they would be enough: one of the sources reads its ids as "
            "numbers, or writes them otherwise. "
        )
    raise DataError(
        subject,
        rule=f"it knows of at least {part.at_least:.0%} of the patients",
        received=f"{int(known.sum()):,} of {len(known):,} ({share:.1%}), by {len(others):,} ids",
        remedy=f"{hint}Mend the ids, complete the part, or lower `at_least` if so few are what there is.",
    )


def _plain(ids: pa.LargeStringArray) -> pa.LargeStringArray:
    texts = pd.Series(ids.to_pandas(), dtype="str").str.strip().str.casefold().str.lstrip("0")
    return as_texts(texts)


def _check_days(index: pd.Series, dates: pd.Series, at: NDArray[np.intp], subject: str) -> None:
    known = at >= 0
    later = int((dates.to_numpy()[at[known]] > index.to_numpy()[known]).sum())
    if later:
        raise DataError(
            subject,
            rule="what it knows was known by the patient's index day",
            received=f"{later:,} of {int(known.sum()):,} patients with a later date",
            remedy="Take what was known by then: a model would learn from what no prediction can know.",
        )


def _repeated(source: Single) -> RepeatedRows | None:
    return source.repeated if isinstance(source, TableFile | SqlSource) else None
