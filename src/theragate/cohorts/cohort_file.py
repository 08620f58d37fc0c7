"""A cohort in its file: read in part, or piece by piece, so that memory does not grow with the number of patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from theragate.errors import DataError

__all__ = ["CohortFile", "Piece"]

_PIECE = 2**16  # patients in memory at once


@dataclass(frozen=True)
class Piece:
    """Some patients: ``rows`` are their positions in the cohort, ascending; ``frame`` has one row for each."""

    rows: NDArray[np.intp]
    frame: pd.DataFrame


@dataclass(frozen=True)
class CohortFile:
    """The cohort at ``path``, a Parquet file; ``remedy`` tells the user what restores it.

    Every method raises `DataError` if the file is missing, cut short or not Parquet.
    """

    path: Path
    remedy: str

    def __len__(self) -> int:
        """Return the number of patients."""
        return int(self._metadata.num_rows)

    @cached_property
    def columns(self) -> pd.DataFrame:
        """The columns without rows, with the types that the whole cohort has."""
        try:
            empty = pd.DataFrame(pq.read_schema(self.path).empty_table().to_pandas())
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        return empty.astype(self._with_missing)

    def frame(self, columns: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None) -> pd.DataFrame:
        """Return some patients in some columns; all of them where nothing is said.

        Parameters
        ----------
        columns
            Their names, in the order of the result; a column that the cohort lacks is left out.
        rows
            Positions, ascending.

        Returns
        -------
        DataFrame with an index from 0, whose columns have the types that the whole cohort has.
        """
        if rows is None:
            return self._read(columns)
        pieces = [piece.frame for piece in self.pieces(columns, rows)]
        return pd.concat(pieces, ignore_index=True) if pieces else self._named(self.columns, columns)

    def pieces(self, columns: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None) -> Iterator[Piece]:
        """Yield patients piece by piece, in the cohort's order; arguments are those of `frame`."""
        try:
            with pq.ParquetFile(self.path, memory_map=True) as file:
                first = 0
                for batch in file.iter_batches(_PIECE, columns=self._present(columns), use_threads=False):
                    here = np.arange(first, first + batch.num_rows, dtype=np.intp)
                    first += batch.num_rows
                    if rows is not None:
                        here = rows[np.searchsorted(rows, here[0]) : np.searchsorted(rows, first)]
                        if not len(here):
                            continue
                    frame = self._named(batch.to_pandas(), columns)
                    if len(here) < batch.num_rows:
                        frame = frame.iloc[here - (first - batch.num_rows)].reset_index(drop=True)
                    yield Piece(here, frame)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _read(self, columns: Sequence[str] | None) -> pd.DataFrame:
        try:
            table = pq.read_table(self.path, columns=self._present(columns))
            return self._named(table.to_pandas(self_destruct=True, split_blocks=True), columns)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _present(self, columns: Sequence[str] | None) -> list[str] | None:
        return None if columns is None else [name for name in columns if name in self.columns]

    def _named(self, frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
        names = self._present(columns)
        frame = pd.DataFrame(frame) if names is None else frame[names]
        return frame.astype({name: kind for name, kind in self._with_missing.items() if name in frame.columns})

    @cached_property
    def _with_missing(self) -> dict[str, str]:
        """The types of columns in which pandas has no missing values, for those that have some: not in each piece."""
        schema = pq.read_schema(self.path)
        found: dict[str, str] = {}
        for position, name in enumerate(schema.names):
            kind = schema.field(position).type
            if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
                parts = (self._metadata.row_group(group).column(position) for group in range(self._groups))
                if any(part.statistics is None or part.statistics.null_count for part in parts):
                    found[name] = "float64" if pa.types.is_integer(kind) else "object"
        return found

    @property
    def _groups(self) -> int:
        return int(self._metadata.num_row_groups)

    @cached_property
    def _metadata(self) -> pq.FileMetaData:
        try:
            return pq.read_metadata(self.path)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError:
        received = "no such file" if not self.path.exists() else f"a file that is not ({type(error).__name__})"
        return DataError(str(self.path), rule="the file is readable Parquet", received=received, remedy=self.remedy)
