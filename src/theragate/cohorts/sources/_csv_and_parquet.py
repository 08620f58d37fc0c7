"""Reading a CSV or Parquet file as a table: the one place for files, DVC, downloads and drafts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from theragate.errors import DataError, did_you_mean
from theragate.study import TableFile

__all__ = ["check_exists", "read_table_file", "require_columns"]


def check_exists(path: Path, subject: str, *, remedy: str) -> None:
    """Refuse a file that is not there.

    Raises
    ------
    DataError
        With `remedy`, which tells the user what brings it.
    """
    if not path.is_file():
        raise DataError(subject, rule="the file exists", received="no such file", remedy=remedy)


def read_table_file(path: Path, spec: TableFile, *, kind: str, subject: str) -> pd.DataFrame:
    """Read a table; the columns that `spec` names as id or as text keep every character.

    Parameters
    ----------
    path
        The file.
    spec
        Its encoding and separator (of a CSV), and which columns are texts.
    kind
        ``csv`` or ``parquet``.
    subject
        How messages name the file.

    Raises
    ------
    DataError
        If the file is empty, in another encoding, or cannot be read as what it should be; if the id column, or one to
        be read as text, is absent. No message repeats a line of the file.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError(
                subject, rule="the file has a header and patients", received="an empty file", remedy="Export it again."
            )
        frame = _parquet(path) if kind == "parquet" else _csv(path, spec)
    except UnicodeDecodeError:
        raise DataError(
            subject,
            rule=f"the file is text in the encoding `{spec.encoding}`",
            received="bytes that are not",
            remedy="Set `source.encoding` in params.yaml (such as `cp1252`), or export the file as UTF-8.",
        ) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            subject,
            rule=f"the file is readable {'Parquet' if kind == 'parquet' else 'CSV with a header line'}",
            received=f"a file that is not ({type(error).__name__})",
            remedy="Export the file again.",
        ) from None  # the cause may quote a line of the file
    require_columns(frame, {"id": [spec.id] if spec.id else [], "text": spec.text}, subject)
    return frame


def require_columns(frame: pd.DataFrame, named: Mapping[str, Sequence[str]], subject: str) -> None:
    """Refuse a table that lacks a column which a key of ``source`` names.

    Raises
    ------
    DataError
        With the first such column.
    """
    for key, columns in named.items():
        for column in columns:
            if column not in frame.columns:
                raise DataError(
                    subject,
                    rule=f"it has the column `{column}` that `source.{key}` names",
                    received="no such column",
                    remedy=f"{did_you_mean(column, frame.columns)}Correct `source.{key}` in params.yaml.",
                )


def _csv(path: Path, spec: TableFile) -> pd.DataFrame:
    texts = dict.fromkeys([*([spec.id] if spec.id else []), *spec.text], "str")
    # In one piece: in several, a column's type might depend on where a piece ends.
    frame = pd.read_csv(path, dtype=texts, low_memory=False, encoding=spec.encoding, sep=spec.separator)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("a line is longer than the header")  # pandas would shift every column by one
    # pandas would rename a column that is named twice; the caller has to see it.
    header = pd.read_csv(path, dtype="str", header=None, nrows=1, encoding=spec.encoding, sep=spec.separator)
    return frame.set_axis(header.iloc[0].fillna("").tolist(), axis=1)


def _parquet(path: Path) -> pd.DataFrame:
    """Read the columns as they are stored; an index that had a name is a column like any other."""
    frame = pq.ParquetFile(path).read().to_pandas(ignore_metadata=True)
    return pd.DataFrame(frame[[column for column in frame.columns if not column.startswith("__index_level_")]])
