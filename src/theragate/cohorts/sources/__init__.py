"""Where cohorts come from. Each kind of source is one module with one function; `SOURCES` names them all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.images.one_image import Seen
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._bundled import COHORTS, read_bundled
from theragate.cohorts.sources._cells import (
    CODE,
    INEQUALITY,
    NUMBER,
    Pieces,
    fits_numbers,
    is_number,
    plain_numbers,
    shown_cells,
    stripped,
    without_unit,
    written,
)
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._delimited import csv_cells, lines_of, pieces_of, rows_of, text_of, unpacked
from theragate.cohorts.sources._dvc import check_pulled, read_dvc
from theragate.cohorts.sources._excel import sheet_rows, visible_sheets
from theragate.cohorts.sources._expression import read_expression
from theragate.cohorts.sources._extension import read_of_others
from theragate.cohorts.sources._fhir import read_fhir
from theragate.cohorts.sources._file import read_file
from theragate.cohorts.sources._formats import FORMATS, open_table_file, read_table_file
from theragate.cohorts.sources._grid import Grid, blank, lay_out
from theragate.cohorts.sources._images import read_images, seen_of
from theragate.cohorts.sources._joined import joined_by
from theragate.cohorts.sources._later_joined import read_later_joined as _read_later_joined
from theragate.cohorts.sources._later_patients import LaterFile, later_file, read_later_patients, year_of
from theragate.cohorts.sources._missing_words import is_missing_word
from theragate.cohorts.sources._packed import check_unpacked
from theragate.cohorts.sources._parquet import parquet_table, parts_of
from theragate.cohorts.sources._raw_table import RawTable, SourceTable, as_plain, check_not_empty
from theragate.cohorts.sources._readable import readable
from theragate.cohorts.sources._redcap_dictionary import RedcapField, box_of, read_dictionary
from theragate.cohorts.sources._simulated import WORLDS, read_simulated
from theragate.cohorts.sources._sql import read_sql
from theragate.cohorts.sources._statistics import StatisticsFile, open_sas, open_spss, open_stata
from theragate.cohorts.sources._typed import TypedTable, cells_of, plain_series
from theragate.cohorts.sources._url import read_url
from theragate.cohorts.sources._vcf import read_vcf
from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.study import (
    BundledSource,
    DvcSource,
    ExtensionSource,
    ImagesSource,
    JoinedSource,
    RecordsSource,
    SimulatedSource,
    Source,
)
from theragate.workers.backend import Backend

__all__ = [
    "CODE",
    "FORMATS",
    "INEQUALITY",
    "NUMBER",
    "SOURCES",
    "Companions",
    "Grid",
    "LaterFile",
    "Pieces",
    "RawTable",
    "RedcapField",
    "SourceContext",
    "SourceTable",
    "StatisticsFile",
    "TypedTable",
    "as_plain",
    "blank",
    "box_of",
    "cells_of",
    "check_folder",
    "check_not_empty",
    "check_source",
    "check_unpacked",
    "csv_cells",
    "fits_numbers",
    "is_missing_word",
    "is_number",
    "later_file",
    "lay_out",
    "lines_of",
    "open_sas",
    "open_source",
    "open_spss",
    "open_stata",
    "open_table_file",
    "parquet_table",
    "parts_of",
    "pieces_of",
    "plain_numbers",
    "plain_series",
    "read_dictionary",
    "read_later_joined",
    "read_later_patients",
    "read_later_records",
    "read_source",
    "read_table_file",
    "readable",
    "rows_of",
    "seen_images",
    "sheet_rows",
    "shown_cells",
    "stripped",
    "text_of",
    "unpacked",
    "visible_sheets",
    "without_unit",
    "written",
    "year_of",
]


SOURCES: dict[str, Callable[[Any, SourceContext, Scratch], RawTable | SourceTable]] = {
    "bundled": read_bundled,
    "file": read_file,
    "dvc": read_dvc,
    "url": read_url,
    "sql": read_sql,
    "simulated": read_simulated,
    "vcf": read_vcf,
    "images": read_images,
    "fhir": read_fhir,
    "expression": read_expression,
}
SOURCES["joined"] = joined_by(dict(SOURCES))


def check_source(spec: Source | ExtensionSource, *, study: str) -> None:
    """Refuse a source that exists in no clone, without reading it.

    Raises
    ------
    ConfigurationError
        If no installed library ships the named bundled cohort, or there is no such world.
    """
    for below, source in _each(spec):
        key = f"params.yaml, key `studies.{study}.source{below}"
        if isinstance(source, BundledSource) and source.name not in COHORTS:
            raise ConfigurationError(
                f"{key}.name`",
                rule=f"a bundled cohort is one of {', '.join(COHORTS)}",
                received=f"`{source.name}`",
                remedy=f"{did_you_mean(source.name, COHORTS)}Correct the name, or use a source of another kind.",
            )
        if isinstance(source, SimulatedSource) and source.world not in WORLDS:
            raise ConfigurationError(
                f"{key}.world`",
                rule=f"a world is one of {', '.join(WORLDS)}",
                received=f"`{source.world}`",
                remedy=f"{did_you_mean(source.world, WORLDS)}Correct the name, or use a source of another kind.",
            )


def _each(spec: Any) -> Iterator[tuple[str, Any]]:
    """Yield a source, or each of those that it joins, by where it stands below ``source``."""
    if isinstance(spec, JoinedSource):
        yield from ((f".{name}", source) for name, source in spec.sources())
    else:
        yield "", spec


def check_folder(spec: Any, root: Path, *, study: str) -> None:
    """Refuse, before anything runs, a study without its folder below ``sources/``, or whose table DVC has yet to pull.

    Raises
    ------
    DataError
        With what to do; DVC alone would only say that data are missing.
    """
    context = SourceContext(root / "sources" / study, root, {})
    if not context.folder.is_dir():
        raise DataError(
            f"sources/{study}",
            rule="every study has a folder for its source, in which git keeps a README.md",
            received="no such folder",
            remedy="Make it, and say in its README.md where the data come from.",
        )
    for _, source in _each(spec):
        if isinstance(source, DvcSource):
            check_pulled(source, context)


def read_source(
    spec: Source | ExtensionSource,
    root: Path,
    *,
    study: str,
    downloads: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> RawTable:
    """Read the table that a study's ``source`` names into memory; arguments and errors are those of `open_source`.

    Returns
    -------
    A table of at least one row and one column, its column names unique texts, no column of categories, its index
    0 … n-1.
    """
    with Scratch(_state(root, downloads)) as scratch:
        table = open_source(spec, root, study=study, scratch=scratch, downloads=downloads, environ=environ)
        return _in_memory(table)


def open_source(
    spec: Source | ExtensionSource,
    root: Path,
    *,
    study: str,
    scratch: Scratch,
    downloads: Path | None = None,
    environ: Mapping[str, str] | None = None,
    backend: Backend | None = None,
) -> SourceTable:
    """Read the table that a study's ``source`` names, piece by piece where it may be large.

    Parameters
    ----------
    spec
        The study's ``source``.
    root
        The project's root, which holds ``sources/<study>/``.
    study
        The study's name.
    scratch
        Where the columns of a large table are kept: they can be read until it is closed.
    downloads
        Where fetched files are kept; by default ``.theragate/downloads`` below `root`.
    environ
        Environment variables, of which a database's URL may be one.
    backend
        Who does work that can be shared out, such as measuring images; None leaves it to this process.

    Returns
    -------
    A table of at least one row and one column, no column of categories.

    Raises
    ------
    ConfigurationError, StoreError
        If a database or its URL is wrong or cannot be reached; if the disk is full.
    DataError
        If the source is missing, unreadable or empty, names a column twice, or changes while it is read.
    ExtensionError
        If the source of an extension gives no table, or raises something else.
    """
    check_source(spec, study=study)
    context = SourceContext(root / "sources" / study, _state(root, downloads), environ or {}, backend=backend)
    table = (
        read_of_others(spec, context, study=study)
        if isinstance(spec, ExtensionSource)
        else SOURCES[spec.kind](spec, context, scratch)
    )
    return SourceTable.from_reader(table, subject=f"study `{study}`, source")


def seen_images(
    spec: ImagesSource, root: Path, *, study: str, most: int, environ: Mapping[str, str] | None = None
) -> list[Seen]:
    """Return up to `most` images of a study, from all over its cohort, with the objects that are measured in them.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    with Scratch(_state(root, None)) as scratch:
        return seen_of(
            spec, SourceContext(root / "sources" / study, _state(root, None), environ or {}), scratch, most=most
        )


def read_later_records(spec: RecordsSource, path: Path, folder: Path, *, environ: Mapping[str, str]) -> RawTable:
    """Make the rows of later patients, by the very code and recipe that made the cohort.

    Parameters
    ----------
    spec
        The study's ``source``.
    path
        The file or folder with their records.
    folder
        ``sources/<study>/``, where the recipe's own files lie.
    environ
        Environment variables.

    Returns
    -------
    As `read_source`. What their records do not tell is missing, the outcome too.

    Raises
    ------
    ConfigurationError, DataError
        As `open_source`; no message repeats a patient's value.
    """
    with Scratch() as scratch:
        downloads = _state(folder.parents[1], None)
        context = SourceContext(folder, downloads, environ, elsewhere=path.absolute().parent)
        table = SOURCES[spec.kind](spec.at(path.name), context, scratch)
        return _in_memory(table) if isinstance(table, SourceTable) else table


def read_later_joined(
    spec: JoinedSource,
    base: Path,
    parts: Mapping[str, Path],
    folder: Path,
    *,
    features: Sequence[str],
    texts: Sequence[str],
    environ: Mapping[str, str],
) -> tuple[pd.DataFrame, str | None]:
    """Make the rows of later patients of a joined cohort, each part by the code and recipe that made the cohort's.

    Parameters
    ----------
    spec
        The study's ``source``.
    base, parts
        The file of the base; by name, the file or folder of each part that is at hand.
    folder
        ``sources/<study>/``, where the recipes' own files lie.
    features, texts
        The model's features; those of them that are categories.
    environ
        Environment variables.

    Returns
    -------
    One row per patient of the base, with what is known; the column with the base's own ids, or None.

    Raises
    ------
    ConfigurationError, DataError
        As `read_later_patients` and `read_later_records`; if a part is none of the study's, a patient is there twice,
        or what a part knows is of a later day than the patient's index day.
    """
    return _read_later_joined(
        spec,
        base,
        parts,
        features=features,
        texts=texts,
        read_records=lambda one, path: read_later_records(one, path, folder, environ=environ),
        companions=lambda name: folder / name,
    )


def _in_memory(table: SourceTable) -> RawTable:
    frame = table.columns.frame()
    return RawTable(frame, table.version, table.id_column, simulated=table.simulated, notes=table.notes)


def _state(root: Path, downloads: Path | None) -> Path:
    return downloads or root / ".theragate" / "downloads"
