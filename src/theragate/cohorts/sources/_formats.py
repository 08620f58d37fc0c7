"""Reading a table from a file: the one place for files, DVC, downloads and drafts. `FORMATS` names all formats."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._delimited import read_csv
from theragate.cohorts.sources._excel import read_excel
from theragate.cohorts.sources._parquet import read_parquet
from theragate.cohorts.sources._redcap import read_redcap
from theragate.cohorts.sources._statistics import read_sas, read_spss, read_stata
from theragate.digests import sha256_file
from theragate.errors import DataError, did_you_mean
from theragate.study import Format, TableFile

__all__ = ["FORMATS", "check_exists", "read_table_file", "readable", "require_columns", "version_of"]


class Reader(Protocol):
    """What reads the files of one format, exactly as `spec` declares."""

    def __call__(self, path: Path, spec: TableFile, *, subject: str, companions: Companions) -> pd.DataFrame: ...


FORMATS: dict[Format, Reader] = {
    "csv": read_csv,
    "excel": read_excel,
    "parquet": read_parquet,
    "redcap": read_redcap,
    "sas": read_sas,
    "spss": read_spss,
    "stata": read_stata,
}


def check_exists(path: Path, subject: str, *, remedy: str) -> None:
    """Refuse a file that is not there.

    Raises
    ------
    DataError
        With `remedy`, which tells the user what brings it.
    """
    if not path.is_file():
        raise DataError(subject, rule="the file exists", received="no such file", remedy=remedy)


def read_table_file(path: Path, spec: TableFile, *, subject: str, companions: Companions) -> pd.DataFrame:
    """Read a table as `spec` declares; the columns that it names as id or as text keep every character.

    Parameters
    ----------
    path
        The file.
    spec
        How it is read.
    subject
        How messages name the file.
    companions
        Where a dictionary or a catalogue lies.

    Raises
    ------
    DataError
        If the file is empty, cannot be read as what it should be, or does not fit what is declared of it; if a column
        that `spec` names is absent. No message repeats a line of the file.
    """
    with readable(path, spec.table_format, subject=subject):
        frame = FORMATS[spec.table_format](path, spec, subject=subject, companions=companions)
    require_columns(
        frame,
        {"id": [spec.id] if spec.id else [], "text": spec.text, "columns": _read_columns(spec)},
        subject,
    )
    return frame


@contextmanager
def readable(path: Path, kind: Format, *, subject: str) -> Iterator[None]:
    """Word what a library says of a file that cannot be read as what its name says.

    Raises
    ------
    DataError
        If the file is empty, or the library refuses it.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError(
                subject, rule="the file has a header and patients", received="an empty file", remedy="Export it again."
            )
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            subject,
            rule=f"the file is readable {_NAMES.get(kind, kind.capitalize())}",
            received=f"a file that is not ({type(error).__name__})",
            remedy="Export the file again.",
        ) from None  # the cause may quote a line of the file


_NAMES = {"csv": "CSV with a header line", "redcap": "CSV with a header line", "spss": "SPSS", "sas": "SAS"}


def _read_columns(spec: TableFile) -> list[str]:
    """Return the columns of which ``columns`` says something; a field of REDCap's boxes is no column."""
    return [] if spec.table_format == "redcap" else list(spec.columns)


def version_of(path: Path, spec: TableFile, companions: Companions) -> str:
    """Return the digests of a file and of what belongs to it, as the version of its content."""
    named = {"dictionary": spec.dictionary, "catalogue": spec.catalogue}
    others = [f", {what} sha256:{sha256_file(companions(name))}" for what, name in named.items() if name]
    return f"sha256:{sha256_file(path)}{''.join(others)}"


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
