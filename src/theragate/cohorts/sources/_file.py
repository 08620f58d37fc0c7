"""A cohort from a CSV or Parquet file."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from theragate.cohorts.sources._table import RawTable
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.study import FileSource

__all__ = ["read_file"]


def read_file(spec: FileSource, root: Path) -> RawTable:
    """Read ``source.path``, relative to the project's root; its version is the file's SHA-256.

    Raises
    ------
    DataError
        If the file is missing, is neither CSV nor Parquet, or cannot be read as such; if the id column, or one to be
        read as text, is absent.
    """
    path = root / spec.path
    subject = f"source file `{spec.path}`"
    if not path.is_file():
        raise DataError(
            subject, rule="the file exists", received="no such file", remedy="Correct `source.path` in params.yaml."
        )
    try:
        frame = _read(path, spec)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            subject,
            rule="the file is readable CSV (UTF-8, with a header line) or Parquet",
            received=f"a file that is not ({type(error).__name__})",
            remedy="Export the file again.",
        ) from None  # the cause may quote a line of the file
    for key, columns in (("id", [spec.id]), ("text", spec.text)):
        for column in columns:
            if column not in frame.columns:
                raise DataError(
                    subject,
                    rule=f"it has the column `{column}` that `source.{key}` names",
                    received="no such column",
                    remedy=f"Correct `source.{key}` in params.yaml.",
                )
    return RawTable(frame, version=f"sha256:{sha256_file(path)}", id_column=spec.id)


def _read(path: Path, spec: FileSource) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        frame = pd.read_csv(path, dtype=dict.fromkeys([spec.id, *spec.text], "str"))
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("a line is longer than the header")  # pandas would shift every column by one
        # pandas would rename a column that is named twice; the caller has to see it.
        return frame.set_axis(pd.read_csv(path, header=None, nrows=1, dtype="str").iloc[0].fillna("").tolist(), axis=1)
    raise ValueError("neither .csv nor .parquet")
