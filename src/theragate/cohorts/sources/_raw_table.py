"""What a source returns, and the form that every table is brought to."""

from dataclasses import dataclass

import pandas as pd

from theragate.errors import DataError

__all__ = ["RawTable", "as_plain"]


@dataclass(frozen=True)
class RawTable:
    """A table as its source gives it, before de-identification.

    ``version`` says which edition it is; ``id_column`` names the column with the source's own patient ids, or is
    None where the source has none; ``simulated`` says that the patients do not exist.
    """

    frame: pd.DataFrame
    version: str
    id_column: str | None
    simulated: bool = False


def as_plain(frame: pd.DataFrame, *, subject: str) -> pd.DataFrame:
    """Return a table with unique texts as names of columns, no column of categories, and the index 0 … n-1.

    Raises
    ------
    DataError
        If it has no row or no column, or names a column twice; `subject` names it.
    """
    named = frame.set_axis([str(column) for column in frame.columns], axis=1)
    if named.empty:
        raise DataError(
            subject,
            rule="a cohort has at least one patient and one column",
            received=f"{len(named)} rows and {named.shape[1]} columns",
            remedy="Correct the source.",
        )
    twice = named.columns[named.columns.duplicated()]
    if len(twice):
        raise DataError(
            subject,
            rule="every column has a name of its own",
            received=f"`{twice[0]}` more than once",
            remedy="Rename one of the columns.",
        )
    return pd.DataFrame({column: _plain(named[column]) for column in named.columns}).reset_index(drop=True)


def _plain(column: pd.Series) -> pd.Series:
    """Return categories as what they stand for."""
    return column.astype(object).infer_objects() if isinstance(column.dtype, pd.CategoricalDtype) else column
