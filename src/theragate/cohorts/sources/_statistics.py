"""Files of SPSS, Stata and SAS. Codes, their labels and what is missing stand in the file itself."""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._cells import form_of, is_number, written
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._typed import TypedTable, read_typed
from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.study import TableFile

__all__ = [
    "StatisticsFile",
    "open_sas",
    "open_spss",
    "open_stata",
    "read_sas",
    "read_spss",
    "read_stata",
    "sas_names",
    "spss_names",
    "stata_names",
]

_TRANSPORT = b"HEADER RECORD"  # how a transport file of SAS begins
_SYSTEM_FILE = b"$FL"  # how a file of SPSS begins, but for a portable one


@dataclass(frozen=True)
class StatisticsFile:
    """A file as it is: its table, what columns and codes are called, and which codes it counts as missing.

    ``user_missing`` has, by column, the codes in use that the file declares as missing, as texts: numbers, or in Stata
    and SAS the letters ``.a`` to ``.z``.
    """

    frame: pd.DataFrame
    column_labels: dict[str, str] = field(default_factory=dict)
    value_labels: dict[str, dict[Any, str]] = field(default_factory=dict)
    user_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read_spss(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:  # noqa: ARG001 - one form for all
    """Read a ``.sav`` or ``.por`` file as declared; user-missing codes have to be declared too."""
    return _read(open_spss(path, encoding=_encoding(spec), subject=subject), spec, subject, scratch)


def read_stata(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:  # noqa: ARG001 - one form for all
    """Read a ``.dta`` file as declared; extended missing values have to be declared too, as ``.a``."""
    return _read(open_stata(path, subject=subject), spec, subject, scratch)


def read_sas(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:
    """Read a ``.sas7bdat`` or ``.xpt`` file as declared; labels of codes come from ``source.catalogue``."""
    catalogue = companions(spec.catalogue) if spec.catalogue else None
    return _read(open_sas(path, catalogue, encoding=_encoding(spec), subject=subject), spec, subject, scratch)


def open_spss(path: Path, *, encoding: str | None, subject: str) -> StatisticsFile:
    """Open a ``.sav`` file, or a portable one (``.por``), which is text and has no other encoding than UTF-8.

    Raises
    ------
    DataError
        If it is none.
    """
    import pyreadstat

    if _is_portable(path):
        frame, meta = _opened(pyreadstat.read_por, path, subject)
        return _described(frame, meta, meta.variable_value_labels, {})
    frame, meta = _opened(pyreadstat.read_sav, path, subject, user_missing=True, encoding=encoding)
    found = {
        str(column): tuple(
            sorted(
                {text for cell in frame[column].dropna().unique() if _ranged(cell, ranges) and (text := written(cell))}
            )
        )
        for column, ranges in meta.missing_ranges.items()
    }
    return _described(frame, meta, meta.variable_value_labels, {key: codes for key, codes in found.items() if codes})


def open_stata(path: Path, *, subject: str) -> StatisticsFile:
    """Open a ``.dta`` file.

    Raises
    ------
    DataError
        If it is none.
    """
    import pyreadstat

    frame, meta = _opened(pyreadstat.read_dta, path, subject, user_missing=True)
    frame, letters = _dotted(frame, meta.missing_user_values)
    return _described(frame, meta, meta.variable_value_labels, letters)


def open_sas(path: Path, catalogue: Path | None, *, encoding: str | None, subject: str) -> StatisticsFile:
    """Open a ``.sas7bdat`` file, with a ``.sas7bcat`` file or without, or a transport file.

    Raises
    ------
    DataError
        If it is none, or the catalogue is none.
    """
    import pyreadstat

    if _is_transport(path):
        frame, meta = _opened(pyreadstat.read_xport, path, subject, encoding=encoding)
        return _described(frame, meta, {}, {})
    frame, meta = _opened(pyreadstat.read_sas7bdat, path, subject, user_missing=True, encoding=encoding)
    frame, letters = _dotted(frame, meta.missing_user_values)
    labels: dict[str, dict[Any, str]] = {}
    if catalogue is not None:
        _, formats = _opened(pyreadstat.read_sas7bcat, catalogue, f"catalogue `{catalogue.name}`", encoding=encoding)
        known = {name.upper(): named for name, named in formats.value_labels.items()}
        used = {column: str(name).upper() for column, name in meta.variable_to_label.items()}
        labels = {column: known[name] for column, name in used.items() if name in known}
    return _described(frame, meta, labels, letters)


def spss_names(path: Path, *, encoding: str | None, subject: str) -> list[str]:
    """Return the names of the columns of what `open_spss` opens; no row is read.

    Raises
    ------
    DataError
        If it is none.
    """
    import pyreadstat

    if _is_portable(path):
        return _names(pyreadstat.read_por, path, subject, metadataonly=True)
    return _names(pyreadstat.read_sav, path, subject, encoding=encoding, metadataonly=True)


def stata_names(path: Path, *, subject: str) -> list[str]:
    """Return the names of the columns of a ``.dta`` file; no row is read.

    Raises
    ------
    DataError
        If it is none.
    """
    import pyreadstat

    return _names(pyreadstat.read_dta, path, subject, metadataonly=True)


def sas_names(path: Path, *, encoding: str | None, subject: str) -> list[str]:
    """Return the names of the columns of what `open_sas` opens; no row is read.

    Raises
    ------
    DataError
        If it is none.
    """
    import pyreadstat

    read = pyreadstat.read_xport if _is_transport(path) else pyreadstat.read_sas7bdat
    return _names(read, path, subject, encoding=encoding, metadataonly=True)


def _names(read: Callable[..., tuple[pd.DataFrame, Any]], path: Path, subject: str, **options: Any) -> list[str]:
    _, meta = _opened(read, path, subject, **options)
    return [str(name) for name in meta.column_names]


def _is_portable(path: Path) -> bool:
    with path.open("rb") as stream:
        return not stream.read(len(_SYSTEM_FILE)).startswith(_SYSTEM_FILE)


def _is_transport(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_TRANSPORT)) == _TRANSPORT


def _encoding(spec: TableFile) -> str | None:
    """Return the encoding if another than usual is declared; otherwise the file says it."""
    return spec.encoding if spec.encoding != "utf-8" else None


def _opened(read: Callable[..., tuple[pd.DataFrame, Any]], path: Path, subject: str, **options: Any) -> tuple[Any, Any]:
    from pyreadstat import PyreadstatError, ReadstatError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(path, **options)
    except (PyreadstatError, ReadstatError, UnicodeError) as error:
        raise DataError(
            subject,
            rule="the file is readable as what its name says",
            received=f"a file that is not ({type(error).__name__})",
            remedy="Export it again, or name its encoding by `source.encoding`.",
        ) from None  # the cause may quote a value


def _described(
    frame: pd.DataFrame, meta: Any, value_labels: dict[str, dict[Any, str]], missing: dict[str, tuple[str, ...]]
) -> StatisticsFile:
    columns = {str(name): str(label).strip() for name, label in meta.column_names_to_labels.items() if label}
    values = {
        str(name): {code: str(label).strip() for code, label in labels.items()} for name, labels in value_labels.items()
    }
    return StatisticsFile(frame, columns, values, missing)


def _ranged(cell: Any, ranges: list[dict[str, Any]]) -> bool:
    """Whether SPSS counts a value as missing; a range is of numbers, or one text."""
    for bounds in ranges:
        low, high = bounds["lo"], bounds["hi"]
        if isinstance(cell, str) or isinstance(low, str):
            if isinstance(cell, str) and isinstance(low, str) and cell.strip() == low.strip():
                return True
        elif low <= cell <= high:
            return True
    return False


def _dotted(frame: pd.DataFrame, letters: dict[str, list[Any]]) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Write the letters of extended missing values as the packages do, ``.a``, so that no text is one."""

    def dot(cell: Any) -> Hashable:
        return f".{cell.lower()}" if isinstance(cell, str) else cell

    coded = {column: frame[column].map(dot).astype(object) for column in letters}
    found = {
        str(column): tuple(sorted({cell for cell in cells if isinstance(cell, str)})) for column, cells in coded.items()
    }
    return frame.assign(**coded), found


def _read(file: StatisticsFile, spec: TableFile, subject: str, scratch: Scratch) -> Table:
    for column, codes in file.user_missing.items():
        if column in spec.left_out:
            continue
        declared = form_of(spec, column).missing
        numbers = {float(code) for code in declared if is_number(code)}
        open_codes = [
            code for code in codes if code not in declared and not (is_number(code) and float(code) in numbers)
        ]
        if open_codes:
            raise DataError(
                f"{subject}, column `{column}`",
                rule="codes that the file counts as missing are declared",
                received=f"{', '.join(f'`{code}`' for code in open_codes[:5])}, which are not",
                remedy=f"Name them in params.yaml under `source.columns.{column}.missing`.",
            )
    table = TypedTable.of(file.frame)
    return read_typed(table, spec, subject=subject, scratch=scratch, labels=file.value_labels)
