"""What a source returns, and the form that every table is brought to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from theragate.cohorts.table import Table
from theragate.errors import DataError

__all__ = ["RawTable", "SourceTable", "as_plain", "check_names_differ", "check_not_empty"]


@dataclass(frozen=True)
class RawTable:
    """A table as its source gives it, before de-identification.

    ``version`` says which edition it is; ``id_column`` names the column with the source's own patient ids, or is
    None where the source has none; ``simulated`` says that the patients do not exist; ``notes`` are sentences with
    what was left out or decided, and of how many.
    """

    frame: pd.DataFrame
    version: str
    id_column: str | None
    simulated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceTable:
    """A table as its source gives it, column by column; else as a `RawTable`."""

    columns: Table
    version: str
    id_column: str | None
    simulated: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: RawTable, *, subject: str) -> "SourceTable":
        """Return a table that is in memory; raises as `as_plain`."""
        columns = Table.of(as_plain(table.frame, subject=subject))
        return cls(columns, table.version, table.id_column, simulated=table.simulated, notes=table.notes)

    @classmethod
    def from_reader(cls, table: "RawTable | SourceTable", *, subject: str) -> "SourceTable":
        """Return what a source gave, column by column.

        Raises
        ------
        DataError
            If it has no row or no column; as `as_plain`.
        """
        if isinstance(table, RawTable):
            return cls.of(table, subject=subject)
        check_not_empty(len(table.columns), len(table.columns.names), subject=subject)
        return table


def as_plain(frame: pd.DataFrame, *, subject: str) -> pd.DataFrame:
    """Return a table with unique texts as names of columns, no column of categories, and the index 0 … n-1.

    Raises
    ------
    DataError
        If it has no row or no column, or names a column twice; `subject` names it.
    """
    named = frame.set_axis([str(column) for column in frame.columns], axis=1)
    check_not_empty(*named.shape, subject=subject)
    check_names_differ(list(named.columns), subject=subject)
    return pd.DataFrame({column: _plain(named[column]) for column in named.columns}).reset_index(drop=True)


def check_names_differ(names: Sequence[str], *, subject: str) -> None:
    """Refuse a table that names a column twice.

    Raises
    ------
    DataError
        With the first such name.
    """
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise DataError(
            subject,
            rule="every column has a name of its own",
            received=f"`{twice}` more than once",
            remedy="Rename one of the columns.",
        )


def check_not_empty(rows: int, columns: int, *, subject: str) -> None:
    """Refuse a table without rows or columns.

    Raises
    ------
    DataError
        With how many there are.
    """
    if not rows or not columns:
        raise DataError(
            subject,
            rule="a cohort has at least one patient and one column",
            received=f"{rows} rows and {columns} columns",
            remedy="Correct the source.",
        )


def _plain(column: pd.Series) -> pd.Series:
    """Return categories as what they stand for."""
    return column.astype(object).infer_objects() if isinstance(column.dtype, pd.CategoricalDtype) else column
