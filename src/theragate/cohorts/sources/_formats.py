"""Reading a table from a file: the one place for files, DVC, downloads and drafts. `FORMATS` names all formats."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._delimited import read_csv
from theragate.cohorts.sources._excel import read_excel
from theragate.cohorts.sources._parquet import parts_of, read_parquet
from theragate.cohorts.sources._readable import readable
from theragate.cohorts.sources._redcap import read_redcap
from theragate.cohorts.sources._statistics import read_sas, read_spss, read_stata
from theragate.cohorts.table import Table
from theragate.digests import sha256_file, sha256_json
from theragate.errors import DataError, did_you_mean
from theragate.study import DvcSource, FileSource, Format, TableFile

__all__ = [
    "FORMATS",
    "TableRead",
    "check_exists",
    "check_table_exists",
    "open_table_file",
    "read_table_file",
    "require_columns",
]


class Reader(Protocol):
    """What reads the files of one format, exactly as `spec` declares."""

    def __call__(
        self, path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch
    ) -> Table: ...


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


def check_table_exists(folder: Path, spec: FileSource | DvcSource, subject: str, *, remedy: str) -> None:
    """Refuse a table that is not there; one of Parquet may be a folder of files.

    Parameters
    ----------
    folder
        That of the study's sources.

    Raises
    ------
    DataError
        With `remedy`, which tells the user what brings it; or if DVC would not notice when a file of a folder changes.
    """
    path = folder / spec.path
    if not (path.is_dir() and spec.table_format == "parquet"):
        if not spec.path.endswith("/"):
            check_exists(path, subject, remedy=remedy)
            return
        received = "a file" if path.exists() else "no such folder"
        raise DataError(subject, rule="the folder exists", received=received, remedy=remedy)
    within = [path, *path.parents][: len(path.relative_to(folder).parts)]
    if any(part.is_symlink() for part in within):
        raise DataError(
            subject,
            rule="a folder that is a table is no symbolic link, which DVC does not follow: it would notice no change",
            received="a link to a folder",
            remedy="Make a folder there, and link the files into it; a link to a file is followed.",
        )


def read_table_file(
    path: Path, spec: TableFile, *, subject: str, companions: Companions, folder: Path | None = None
) -> pd.DataFrame:
    """Read a table into memory; see `open_table_file`.

    Parameters
    ----------
    folder
        Where what does not fit into memory waits while it is read; by default where temporary files are.
    """
    with Scratch(folder) as scratch:
        return open_table_file(path, spec, subject=subject, companions=companions, scratch=scratch).columns.frame()


@dataclass(frozen=True)
class TableRead:
    """The columns of a file, and the digests of all that was read for them, as the version of its content."""

    columns: Table
    version: str


def open_table_file(
    path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch
) -> TableRead:
    """Read a table as `spec` declares; the columns that it names as id or as text keep every character.

    Parameters
    ----------
    path
        The file, or a folder of Parquet files.
    spec
        How it is read.
    subject
        How messages name the file.
    companions
        Where a dictionary or a catalogue lies.
    scratch
        Where columns are kept.

    Raises
    ------
    DataError
        If the file is empty, cannot be read as what it should be, does not fit what is declared of it, or changes
        meanwhile; if a column that `spec` names is absent. No message repeats a line of the file.
    """
    kind = spec.table_format
    with _unchanged(path, subject) as files:
        version = _version(path, files, spec, companions)
        with readable(path, kind, subject=subject):
            columns = FORMATS[kind](path, spec, subject=subject, companions=companions, scratch=scratch)
    named = {"id": [spec.id] if spec.id else [], "text": spec.text, "columns": _read_columns(spec)}
    require_columns(columns.names, named, subject)
    return TableRead(columns, version)


@contextmanager
def _unchanged(path: Path, subject: str) -> Iterator[tuple[Path, ...]]:
    """Yield the files of a table, which stay as they are in the block.

    Raises
    ------
    DataError
        If they do not, whatever else that may have led to.
    """
    before = _state(path, subject)
    try:
        yield tuple(before)
    except DataError:
        _check_state(path, subject, before)
        raise
    _check_state(path, subject, before)


def _check_state(path: Path, subject: str, before: dict[Path, tuple[int, ...]]) -> None:
    if _state(path, subject) != before:
        raise DataError(
            subject,
            rule="it stays as it is while it is read",
            received="one that was changed meanwhile",
            remedy="Wait until whoever writes it is done, then run the same command again.",
        ) from None


def _state(path: Path, subject: str) -> dict[Path, tuple[int, ...]]:
    """Return what tells of each file of a table whether it was written to, or replaced."""
    try:
        found = {part: part.stat() for part in parts_of(path, subject=subject)}
    except FileNotFoundError:
        return {}
    return {part: (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for part, stat in found.items()}


def _read_columns(spec: TableFile) -> list[str]:
    """Return the columns of which ``columns`` says something; a field of REDCap's boxes is no column."""
    return [] if spec.table_format == "redcap" else list(spec.columns)


def _version(path: Path, files: Sequence[Path], spec: TableFile, companions: Companions) -> str:
    """Return the digests of a file, or of the files of a folder, and of what belongs to it."""
    named = {"dictionary": spec.dictionary, "catalogue": spec.catalogue}
    others = [f", {what} sha256:{sha256_file(companions(name))}" for what, name in named.items() if name]
    if path.is_dir():
        parts = [[part.name, sha256_file(part)] for part in files]
        return f"sha256:{sha256_json(parts)} of the names and digests of {len(parts):,} files{''.join(others)}"
    return f"sha256:{sha256_file(path)}{''.join(others)}"


def require_columns(present: Sequence[str], named: Mapping[str, Sequence[str]], subject: str) -> None:
    """Refuse a table that lacks a column which a key of ``source`` names.

    Raises
    ------
    DataError
        With the first such column.
    """
    for key, columns in named.items():
        for column in columns:
            if column not in present:
                raise DataError(
                    subject,
                    rule=f"it has the column `{column}` that `source.{key}` names",
                    received="no such column",
                    remedy=f"{did_you_mean(column, present)}Correct `source.{key}` in params.yaml.",
                )
