"""Later patients, in any form of file that a cohort may come in: the model's columns, read as the source declares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.deidentify import as_years
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._delimited import csv_names
from theragate.cohorts.sources._excel import chosen_sheet, sheet_rows
from theragate.cohorts.sources._formats import read_table_file
from theragate.cohorts.sources._grid import named_columns
from theragate.cohorts.sources._parquet import parquet_names
from theragate.cohorts.sources._readable import readable
from theragate.cohorts.sources._statistics import sas_names, spss_names, stata_names
from theragate.errors import DataError, did_you_mean
from theragate.study import LAYOUT, Format, TableFile

__all__ = ["LaterFile", "later_file", "names_of", "read_later_patients", "year_of"]


class LaterFile(TableFile):
    """How a file of later patients is read."""

    format: Format

    @property
    def table_format(self) -> Format:
        """What the file is."""
        return self.format


def later_file(declared: TableFile | None, kind: Format, **changes: Any) -> LaterFile:
    """Return how a later file is read: as its study's source declares, as far as that fits another form of file.

    Parameters
    ----------
    declared
        The study's source; None where it is no file, or not known.
    kind
        What the later file is.
    changes
        Keys of `TableFile` that are said otherwise of this file.
    """
    if declared is None:
        return LaterFile(citation="not known", licence="not known", format=kind, **changes)
    same = declared.table_format == kind
    kept = {key for key in TableFile.model_fields if key not in LAYOUT or (same and kind in LAYOUT[key])}
    content = {key: getattr(declared, key) for key in kept - {"id", "repeated", "left_out"}}
    return LaterFile(**{**content, "format": kind, **changes})


def read_later_patients(
    path: Path,
    spec: LaterFile,
    *,
    features: Sequence[str],
    texts: Sequence[str],
    years: Sequence[str],
    id_column: str | None,
    companions: Companions,
) -> pd.DataFrame:
    """Read the features of later patients; no other column, which the study may never have seen, is looked at.

    Parameters
    ----------
    path, spec
        The file, and how it is read.
    features, texts, years
        The model's features; those of them that are categories, and those columns that the study has reduced from
        dates to years.
    id_column
        A column that is read as text besides.
    companions
        Where a dictionary or a catalogue lies.

    Returns
    -------
    One row per line of the file.

    Raises
    ------
    DataError
        If a feature or the id is no column; or as `read_table_file`. No message repeats a line.
    """
    subject = f"`{path.name}`"
    names = names_of(path, spec, subject=subject)
    wanted = {*features, *([id_column] if id_column else [])}
    _check_present(names, features, id_column, subject)
    read = spec.model_copy(
        update={
            "id": id_column,
            "text": tuple(name for name in dict.fromkeys([*spec.text, *texts]) if name in wanted),
            # REDCap's boxes are declared by their field, which is no column.
            "columns": {name: form for name, form in spec.columns.items() if name in wanted or spec.format == "redcap"},
            "left_out": tuple(name for name in dict.fromkeys(names) if name not in wanted),
        }
    )
    frame = read_table_file(path, read, subject=subject, companions=companions)
    return frame.assign(**{name: year_of(frame[name], name, subject) for name in years if name in frame})


def _check_present(names: Sequence[str], features: Sequence[str], id_column: str | None, subject: str) -> None:
    asked = dict.fromkeys(features, "of the model") | ({id_column: "that `--id` names"} if id_column else {})
    for name, what in asked.items():
        if name not in names:
            raise DataError(
                subject,
                rule=f"it has the column `{name}` {what}",
                received="no such column",
                remedy=f"{did_you_mean(name, names)}Rename it in the file.",
            )


def year_of(dates: pd.Series, name: str, subject: str) -> pd.Series:
    """Return the years of a column of dates.

    Raises
    ------
    DataError
        If it holds something else.
    """
    try:
        return as_years(dates)
    except ValueError as error:
        raise DataError(
            f"{subject}, column `{name}`",
            rule="it holds dates or years, as the study's source",
            received=str(error),
            remedy="Write them as in the source, such as 2019-06-13.",
        ) from None


def names_of(path: Path, spec: LaterFile, *, subject: str) -> list[str]:
    """Return the names of a file's columns.

    Raises
    ------
    DataError
        If it cannot be read as what it should be.
    """
    with readable(path, spec.format, subject=subject):
        return _names(path, spec, subject)


def _names(path: Path, spec: LaterFile, subject: str) -> list[str]:
    """Return the names of a file's columns, of which no more is read than it takes to know them.

    What is wrong with the lines below is for whoever reads them to say.
    """
    encoding = spec.encoding if spec.encoding != "utf-8" else None
    match spec.format:
        case "csv" | "redcap":
            return csv_names(path, spec, subject=subject)
        case "excel":
            rows = sheet_rows(path, chosen_sheet(path, spec, subject=subject), subject=subject, most=spec.header)
            return named_columns(enumerate(rows, start=1), spec, subject=subject)
        case "parquet":
            return parquet_names(path, subject=subject)
        case "spss":
            return spss_names(path, encoding=encoding, subject=subject)
        case "stata":
            return stata_names(path, subject=subject)
        case "sas":
            return sas_names(path, encoding=encoding, subject=subject)
