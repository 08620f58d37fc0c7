"""Where cohorts come from. Each kind of source is one module with one function; `SOURCES` names them all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.sources._bundled import COHORTS, read_bundled
from theragate.cohorts.sources._file import read_file
from theragate.cohorts.sources._table import RawTable
from theragate.errors import ConfigurationError, DataError
from theragate.study import BundledSource, Source

__all__ = ["SOURCES", "RawTable", "check_source", "read_source"]


SOURCES: dict[str, Callable[[Any, Path], RawTable]] = {
    "bundled": read_bundled,
    "file": read_file,
}


def check_source(spec: Source, *, study: str) -> None:
    """Refuse a source that does not exist in any clone, without reading it.

    Raises
    ------
    ConfigurationError
        If no installed library brings the bundled cohort that is named.
    """
    if isinstance(spec, BundledSource) and spec.name not in COHORTS:
        raise ConfigurationError(
            f"params.yaml, key `studies.{study}.source.name`",
            rule=f"a bundled cohort is one of {', '.join(COHORTS)}",
            received=f"`{spec.name}`",
            remedy="Correct the name, or use a source of another kind.",
        )


def read_source(spec: Source, root: Path, *, study: str) -> RawTable:
    """Read the table that a study's ``source`` names.

    Returns
    -------
    A table of at least one row and one column, its column names unique texts, its index 0 … n-1.

    Raises
    ------
    ConfigurationError
        If there is no such source.
    DataError
        If the source is missing, unreadable or empty, or names a column twice.
    """
    check_source(spec, study=study)
    table = SOURCES[spec.kind](spec, root)
    frame = table.frame
    if frame.empty:
        raise DataError(
            f"study `{study}`, source",
            rule="a cohort has at least one patient and one column",
            received=f"{len(frame)} rows and {frame.shape[1]} columns",
            remedy="Correct the source.",
        )
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(
            f"study `{study}`, source",
            rule="every column has a name of its own",
            received=f"`{twice[0]}` more than once",
            remedy="Rename one of the columns.",
        )
    renamed = frame.set_axis([str(column) for column in frame.columns], axis=1)
    return RawTable(pd.DataFrame(renamed).reset_index(drop=True), version=table.version, id_column=table.id_column)
