"""A table whose columns are read one at a time, so that memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from theragate.cohorts.scratch import Kept, Scratch

__all__ = ["Rows", "Table"]

_ROWS = 2**17  # kept at once
_OBJECT = 64  # bytes, of a Python object in a column of such


@dataclass(frozen=True)
class _Stored:
    """A column that is not in memory; ``empty`` has its type and no rows."""

    empty: pd.Series
    pieces: tuple[Kept, ...]

    def read(self) -> pd.Series:
        whole = pa.chunked_array([piece() for piece in self.pieces])
        if pa.types.is_large_string(whole.type):
            whole = whole.combine_chunks()  # which is what every use of texts would do
        dtype = self.empty.dtype
        extension = isinstance(dtype, pd.api.extensions.ExtensionDtype)
        read: pd.Series = whole.to_pandas(types_mapper=(lambda _: dtype) if extension else None)
        typed: pd.Series = read.astype(dtype)
        return typed


_Entry: TypeAlias = pd.Series | _Stored


class Table:
    """A table as columns by name, in their order; nothing changes one that was made.

    Small ones are in memory, those of large tables in a `Scratch`, from which one at a time is read.

    Parameters
    ----------
    rows
        How many there are.
    entries
        The columns, each of that length.
    scratch
        Where columns that are added are kept; without it, in memory.
    """

    def __init__(self, rows: int, entries: Mapping[str, _Entry], scratch: Scratch | None = None) -> None:
        self._rows, self._entries, self._scratch = rows, dict(entries), scratch

    @classmethod
    def of(cls, frame: pd.DataFrame, scratch: Scratch | None = None) -> "Table":
        """Return the columns of a table that is in memory, its names unique texts, its index from 0."""
        return cls(len(frame), {str(name): frame[name] for name in frame.columns}, scratch)

    @classmethod
    def read(cls, columns: Iterable[tuple[str, pd.Series]], scratch: Scratch) -> "Table":
        """Return columns that are read one after the other, all of one length."""
        read = cls(0, {}, scratch)
        for name, column in columns:
            read._rows = len(column)
            read._entries[name] = read._kept(column)
        return read

    @property
    def names(self) -> list[str]:
        """The names of the columns in their order."""
        return list(self._entries)

    @property
    def columns(self) -> list[str]:
        """The same, as a table in memory calls them."""
        return self.names

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> pd.Series:
        """Read a column, with an index from 0."""
        entry = self._entries[name]
        return (entry.read() if isinstance(entry, _Stored) else entry).rename(name)

    @property
    def empty(self) -> pd.DataFrame:
        """The columns with their types, without rows."""
        kinds = {
            name: entry.empty if isinstance(entry, _Stored) else entry.iloc[:0] for name, entry in self._entries.items()
        }
        return pd.DataFrame(kinds)

    def frame(self, names: Iterable[str] | None = None) -> pd.DataFrame:
        """Return columns in memory; all of them where nothing is said."""
        wanted = self.names if names is None else list(names)
        return pd.DataFrame({name: self[name] for name in wanted}, index=pd.RangeIndex(self._rows))

    def without(self, names: Iterable[str]) -> "Table":
        """Return the columns but for some."""
        gone = set(names)
        return self._with({name: entry for name, entry in self._entries.items() if name not in gone})

    def having(self, name: str, column: pd.Series, *, first: bool = False) -> "Table":
        """Return the columns with one that takes the place of the one of its name, or is the last, or the first."""
        if not first:
            return self._with({**self._entries, name: self._kept(column)})
        return self._with({name: self._kept(column), **self.without([name])._entries})

    def take(self, rows: NDArray[np.intp]) -> "Table":
        """Return some rows by their positions, in this order."""
        taken = Table(len(rows), {}, self._scratch)
        for name in self.names:
            taken = taken.having(name, self[name].take(rows).reset_index(drop=True))
        return taken

    def arrays(self, name: str) -> Iterator[pa.Array]:
        """Yield a column piece by piece, in Arrow's form."""
        entry = self._entries[name]
        if isinstance(entry, _Stored):
            yield from (piece() for piece in entry.pieces)
        else:
            yield from _pieces(entry)

    def _with(self, entries: Mapping[str, _Entry]) -> "Table":
        return Table(self._rows, entries, self._scratch)

    def _kept(self, column: pd.Series) -> _Entry:
        scratch = self._scratch
        if scratch is None or column.dtype == object or scratch.takes(int(column.memory_usage(index=False))):
            return column
        pa.default_memory_pool().release_unused()
        return _Stored(pd.Series([], dtype=column.dtype), tuple(map(scratch.keep, _pieces(column))))


Rows: TypeAlias = pd.DataFrame | Table
"""A table of which one column after the other is looked at, by its name among ``columns``."""


def _pieces(column: pd.Series) -> Iterator[pa.Array]:
    """Yield a column in Arrow's form: the type follows from all of it."""
    whole: Any = pa.array(column, from_pandas=True)
    for array in whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]:
        for first in range(0, len(array), _ROWS):
            yield array.slice(first, _ROWS)
