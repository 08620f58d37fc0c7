"""Parquet files: written whole, and with the same bytes for the same table."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.files import whole_file

__all__ = ["GROUP", "is_simulated", "read_table", "write_columns", "write_table"]

# Rows of a group, which is what is read, or written, at once; a table of up to so many is one group.
GROUP, _ONE_GROUP = 2**17, 2**20
# In the file itself, so that the table cannot lose its label.
_SIMULATED = b"theragate.simulated"
_OF_PANDAS = b"pandas"


def read_table(path: Path, *, remedy: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file, or some columns of it.

    Raises
    ------
    DataError
        If the file is missing, cut short or not Parquet; `remedy` tells the user what restores it.
    """
    try:
        return pd.DataFrame(pq.read_table(path, columns=columns).to_pandas())
    except (OSError, pa.ArrowException) as error:
        received = "no such file" if not path.exists() else f"a file that is not ({type(error).__name__})"
        raise DataError(str(path), rule="the file is readable Parquet", received=received, remedy=remedy) from error


def write_table(path: Path, table: pd.DataFrame, *, simulated: bool = False) -> None:
    """Write a table without its index; the file says whether its patients are simulated."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    if simulated:
        content = content.replace_schema_metadata(_labelled(content.schema.metadata or {}))
    with whole_file(path) as temporary:
        pq.write_table(content, temporary, compression="zstd", row_group_size=_group(len(table)))


def write_columns(path: Path, table: Table, *, simulated: bool = False) -> None:
    """Write a table that need not fit into memory; the bytes are those that `write_table` gives the same table.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written.
    """
    schema = _schema(table)
    if simulated:
        schema = schema.with_metadata(_labelled(schema.metadata))
    group = _group(len(table))
    parts = [_grouped(table.arrays(name), group) for name in table.names]
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for arrays in zip(*parts, strict=True):
            writer.write_table(pa.Table.from_arrays(list(arrays), schema=schema), row_group_size=group)


def is_simulated(path: Path) -> bool:
    """Return whether the patients of a readable Parquet file are labelled as simulated."""
    return _SIMULATED in (pq.read_schema(path).metadata or {})


def _group(rows: int) -> int:
    return GROUP if rows > _ONE_GROUP else _ONE_GROUP


def _labelled(metadata: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {**metadata, _SIMULATED: b"true"}


def _schema(table: Table) -> pa.Schema:
    """Return the schema of the whole table; what pandas has to say of it is put together from its columns."""
    empty = table.empty
    # What a column of objects holds, only its values tell.
    told = (table[name] if empty[name].dtype == object else empty[name] for name in table.names)
    each = [pa.Schema.from_pandas(column.to_frame(), preserve_index=False) for column in told]
    said = json.loads(pa.Schema.from_pandas(empty, preserve_index=False).metadata[_OF_PANDAS])
    said["columns"] = [entry for schema in each for entry in json.loads(schema.metadata[_OF_PANDAS])["columns"]]
    fields = [schema.field(0) for schema in each]
    return pa.schema(fields, metadata={_OF_PANDAS: json.dumps(said).encode()})


def _grouped(arrays: Iterator[pa.Array], size: int) -> Iterator[pa.Array]:
    """Yield the same values in arrays of one size, but for the last."""
    waiting: list[pa.Array] = []
    for array in arrays:
        first = 0
        while first < len(array):
            taken = array.slice(first, size - sum(map(len, waiting)))
            waiting.append(taken)
            first += len(taken)
            if sum(map(len, waiting)) == size:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
