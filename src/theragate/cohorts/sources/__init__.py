"""Where cohorts come from. Each kind of source is one module with one function; `SOURCES` names them all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.sources._bundled import COHORTS, read_bundled
from theragate.cohorts.sources._dvc import read_dvc
from theragate.cohorts.sources._file import read_file
from theragate.cohorts.sources._site import Site
from theragate.cohorts.sources._sql import read_sql
from theragate.cohorts.sources._table import RawTable
from theragate.cohorts.sources._url import read_url
from theragate.errors import ConfigurationError, DataError
from theragate.origins import BundledSource, Source

__all__ = ["SOURCES", "RawTable", "Site", "check_source", "read_source"]


SOURCES: dict[str, Callable[[Any, Site], RawTable]] = {
    "bundled": read_bundled,
    "file": read_file,
    "dvc": read_dvc,
    "url": read_url,
    "sql": read_sql,
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


def read_source(
    spec: Source,
    root: Path,
    *,
    study: str,
    downloads: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> RawTable:
    """Read the table that a study's ``source`` names.

    Parameters
    ----------
    spec
        The study's ``source``.
    root
        The project's root, which holds ``sources/<study>/``.
    study
        The study's name.
    downloads
        Where fetched files are kept; ``.theragate/downloads`` of `root` where nothing else is said.
    environ
        Environment variables, of which a database's URL may be one.

    Returns
    -------
    A table of at least one row and one column, its column names unique texts, no column of categories, its index
    0 … n-1.

    Raises
    ------
    ConfigurationError, StoreError
        If a database or its URL is wrong or out of reach.
    DataError
        If the source is missing, unreadable or empty, or names a column twice.
    """
    check_source(spec, study=study)
    site = Site(root / "sources" / study, downloads or root / ".theragate" / "downloads", environ or {})
    table = SOURCES[spec.kind](spec, site)
    frame = table.frame.set_axis([str(column) for column in table.frame.columns], axis=1)
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
    plain = pd.DataFrame({column: _plain(frame[column]) for column in frame.columns}).reset_index(drop=True)
    return RawTable(plain, version=table.version, id_column=table.id_column)


def _plain(column: pd.Series) -> pd.Series:
    """Return categories as what they stand for."""
    return column.astype(object).infer_objects() if isinstance(column.dtype, pd.CategoricalDtype) else column
