"""Parquet files: written whole, and with the same bytes for the same table."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from theragate.errors import DataError
from theragate.files import whole_file

__all__ = ["GROUP", "is_simulated", "read_table", "write_table"]

# Rows of a group, which is what is read, or written, at once; a table of up to so many is one group.
GROUP, _ONE_GROUP = 2**17, 2**20
# In the file itself, so that the table cannot lose its label.
_SIMULATED = b"theragate.simulated"


def read_table(path: Path, *, remedy: str) -> pd.DataFrame:
    """Read a Parquet file.

    Raises
    ------
    DataError
        If the file is missing, cut short or not Parquet; `remedy` tells the user what restores it.
    """
    try:
        return pd.DataFrame(pq.read_table(path).to_pandas())
    except (OSError, pa.ArrowException) as error:
        received = "no such file" if not path.exists() else f"a file that is not ({type(error).__name__})"
        raise DataError(str(path), rule="the file is readable Parquet", received=received, remedy=remedy) from error


def write_table(path: Path, table: pd.DataFrame, *, simulated: bool = False) -> None:
    """Write a table without its index; the file says whether its patients are simulated."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    if simulated:
        content = content.replace_schema_metadata({**(content.schema.metadata or {}), _SIMULATED: b"true"})
    group = GROUP if len(table) > _ONE_GROUP else _ONE_GROUP
    with whole_file(path) as temporary:
        pq.write_table(content, temporary, compression="zstd", row_group_size=group)


def is_simulated(path: Path) -> bool:
    """Return whether the patients of a readable Parquet file are labelled as simulated."""
    return _SIMULATED in (pq.read_schema(path).metadata or {})
