"""Parquet files: written whole, and with the same bytes for the same table."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from theragate.errors import DataError
from theragate.files import whole_file

__all__ = ["read_table", "write_table"]


def read_table(path: Path, *, remedy: str) -> pd.DataFrame:
    """Read a Parquet file.

    Raises
    ------
    DataError
        If the file is missing, cut short or no Parquet; `remedy` tells the user what restores it.
    """
    try:
        return pd.DataFrame(pq.read_table(path).to_pandas())
    except (OSError, pa.ArrowException) as error:
        received = "no such file" if not path.exists() else "a file that is not"
        raise DataError(str(path), rule="the file is readable Parquet", received=received, remedy=remedy) from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index."""
    with whole_file(path) as temporary:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), temporary, compression="zstd")
