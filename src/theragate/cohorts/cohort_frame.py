"""A cohort as its readers see it, wherever its rows are: in a file, or in memory already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.table import Table

__all__ = ["FEW_CELLS", "Cohort", "CohortFrame", "CohortTable", "each_column", "in_memory_if_small"]

# Rows times columns: what is read from a file at once, where the reader is free to choose; and what is held.
FEW_CELLS, HELD_CELLS = 2**22, 2**25


class Cohort(Protocol):
    """Patients in columns, of which a reader takes those that it needs: a `CohortFile`, or a `CohortFrame`."""

    def __len__(self) -> int:
        """Return the number of patients."""

    @property
    def columns(self) -> pd.DataFrame:
        """The columns without rows."""

    def frame(self, columns: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None) -> pd.DataFrame:
        """Return some patients, by ascending position, in some columns; see `CohortFile.frame`."""


@dataclass(frozen=True)
class CohortFrame:
    """A cohort in memory, whose ``table`` has one row per patient; nobody changes it."""

    table: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.table)

    @property
    def columns(self) -> pd.DataFrame:
        """The columns without rows."""
        return self.table.iloc[:0]

    def frame(self, columns: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None) -> pd.DataFrame:
        """Return some patients in some columns, all of them where nothing is said; an absent column is left out."""
        frame = self.table if columns is None else self.table[[name for name in columns if name in self.table.columns]]
        return (frame if rows is None else frame.iloc[rows]).reset_index(drop=True)


@dataclass(frozen=True)
class CohortTable:
    """A cohort whose columns are read one at a time, from where they wait until there is a file."""

    table: Table

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.table)

    @property
    def columns(self) -> pd.DataFrame:
        """The columns without rows."""
        return self.table.empty

    def frame(self, columns: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None) -> pd.DataFrame:
        """Return some patients in some columns, all of them where nothing is said; an absent column is left out."""
        names = self.table.names if columns is None else [name for name in columns if name in self.table]
        if rows is None:
            return self.table.frame(names)
        taken = {name: self.table[name].iloc[rows].reset_index(drop=True) for name in names}
        return pd.DataFrame(taken, index=pd.RangeIndex(len(rows)))


def each_column(cohort: Cohort, names: Sequence[str]) -> Iterator[pd.Series]:
    """Yield columns, of which as many are in memory at once as have `FEW_CELLS` cells, or one."""
    width = max(FEW_CELLS // max(len(cohort), 1), 1)
    for first in range(0, len(names), width):
        frame = cohort.frame(names[first : first + width])
        yield from (frame[name] for name in frame.columns)


def in_memory_if_small(cohort: Cohort) -> Cohort:
    """Return a cohort of at most `HELD_CELLS` cells in memory, where it is read faster; a larger one as it is."""
    small = len(cohort) * cohort.columns.shape[1] <= HELD_CELLS
    return CohortFrame(cohort.frame()) if small and not isinstance(cohort, CohortFrame) else cohort
