"""Parquet files, which say themselves what a column holds, and folders of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._readable import readable
from theragate.cohorts.sources._typed import TypedTable, read_typed
from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["ParquetParts", "parquet_names", "parquet_table", "parts_of", "read_parquet"]

_NO_PART = ("_", ".")  # how names begin of what other programs put beside the parts, such as `_SUCCESS`
_INDEX = "__index_level_"


def read_parquet(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:  # noqa: ARG001 - one form for all
    """Read the columns one by one as they are stored; an index that had a name is a column like any other.

    Raises
    ------
    DataError
        If a file of a folder is not Parquet or has other columns than the first; or as `read_typed`.
    """
    return read_typed(parquet_table(path, subject=subject), spec, subject=subject, scratch=scratch)


def parquet_table(path: Path, *, subject: str) -> TypedTable:
    """Return the columns as they are stored, but for an index without a name, of which one at a time is read."""
    parts = ParquetParts(parts_of(path, subject=subject), subject=subject)
    return TypedTable(parts.names, parts.read)


def parquet_names(path: Path, *, subject: str) -> list[str]:
    """Return the names of the columns, but for an index without a name; no row is read."""
    return ParquetParts(parts_of(path, subject=subject), subject=subject).names


def parts_of(path: Path, *, subject: str) -> tuple[Path, ...]:
    """Return a file, or the files of a folder in the order of their names.

    Raises
    ------
    DataError
        If a folder is empty, or holds a folder or a file of another name than ``*.parquet``.
    """
    if not path.is_dir():
        return (path,)
    parts = sorted(part for part in path.iterdir() if not part.name.startswith(_NO_PART))
    rule, remedy = "a folder that is a table holds Parquet files", "Leave nothing in it but the table's Parquet files"
    other = next((part for part in parts if part.is_dir() or part.suffix.lower() != ".parquet"), None)
    if other is not None and other.is_dir():
        received = f"the folder `{other.name}` in it"
        remedy = f"{remedy}; what the names of folders say, such as a year, has to be a column"
    elif other is not None:
        received = f"the file `{other.name}` in it"
    elif not parts:
        received, remedy = "an empty folder", "Write the table's Parquet files into it"
    else:
        return tuple(parts)
    raise DataError(subject, rule=rule, received=received, remedy=f"{remedy}.")


@dataclass(frozen=True)
class ParquetParts:
    """The files of one table, which have the same columns; one file says of itself what it holds."""

    paths: Sequence[Path]
    subject: str

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns, without those of an index that had none.

        Raises
        ------
        DataError
            If files differ in their columns.
        """
        schema = self._files[0].schema_arrow
        for path, file in zip(self.paths, self._files, strict=True):
            self._check_alike(path, file.schema_arrow)
        return [name for name in schema.names if not name.startswith(_INDEX)]

    @property
    def rows(self) -> int:
        """The number of rows of all files."""
        return sum(file.metadata.num_rows for file in self._files)

    def read(self, at: int) -> pd.Series:
        """Read the column at a place among `names`."""
        name = self.names[at]
        kind, pieces = self._types[name], []
        for path, file in zip(self.paths, self._files, strict=True):
            with readable(path, "parquet", subject=self._named(path)):
                column = file.read(columns=[name]).column(name)
            pieces += [piece if piece.type == kind else piece.cast(kind) for piece in column.chunks]
        table = pa.table({name: pa.chunked_array(pieces, kind)})
        return pd.Series(table.to_pandas(ignore_metadata=True, self_destruct=True)[name])

    @cached_property
    def _files(self) -> list[pq.ParquetFile]:
        files = []
        for path in self.paths:
            with readable(path, "parquet", subject=self._named(path)):
                files.append(pq.ParquetFile(path))
        return files

    @cached_property
    def _types(self) -> dict[str, pa.DataType]:
        """The type of each column: in a file in which nothing of it is known, it may have none."""
        types: dict[str, pa.DataType] = {}
        for file in self._files:
            for field in file.schema_arrow:
                if field.name not in types or pa.types.is_null(types[field.name]):
                    types[field.name] = field.type
        return types

    def _check_alike(self, path: Path, schema: pa.Schema) -> None:
        first = self._files[0].schema_arrow
        found = {field.name: _plain(field.type) for field in schema}
        expected = {name: _plain(kind) for name, kind in self._types.items() if name in first.names}
        for name in dict.fromkeys([*expected, *found]):
            here, there = found.get(name), expected.get(name)
            if here != there and pa.null() not in (here, there):
                raise DataError(
                    f"{self._named(path)}, column `{name}`",
                    rule=f"all files of the folder have the columns of the first, `{self.paths[0].name}`",
                    received=f"{_said(here)}, and in the first {_said(there)}",
                    remedy="Write all files with the same columns and types.",
                )

    def _named(self, path: Path) -> str:
        return self.subject if len(self.paths) == 1 else f"{self.subject}, file `{path.name}`"


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return what a type holds, however it is stored."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.large_string() if pa.types.is_string(kind) or pa.types.is_string_view(kind) else kind


def _said(kind: pa.DataType | None) -> str:
    return "no such column" if kind is None else f"one of the type {kind}"
