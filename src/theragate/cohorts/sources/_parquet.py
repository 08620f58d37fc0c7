"""Parquet files, which say themselves what a column holds."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._typed import read_typed
from theragate.study import TableFile

__all__ = ["open_parquet", "read_parquet"]


def read_parquet(path: Path, spec: TableFile, *, subject: str, companions: Companions) -> pd.DataFrame:  # noqa: ARG001 - one form for all
    """Read the columns as they are stored; an index that had a name is a column like any other."""
    return read_typed(open_parquet(path), spec, subject=subject)


def open_parquet(path: Path) -> pd.DataFrame:
    """Return the columns as they are, but for an index without a name."""
    table = pq.ParquetFile(path).read()
    at = [place for place, name in enumerate(table.column_names) if not name.startswith("__index_level_")]
    return pd.DataFrame(table.to_pandas(ignore_metadata=True).iloc[:, at])
