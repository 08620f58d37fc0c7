"""Tables as they are exchanged: lines of one length come in, and no cell goes out that is a formula."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theragate.cohorts.sources import LaterFile
from theragate.cohorts.spreadsheets import RULE, runs_as_formula
from theragate.errors import DataError
from theragate.numbers import plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_cells", "check_lengths", "header_of"]

_MOST_CELL = 1 << 20  # characters


def header_of(path: Path, form: LaterFile) -> list[str]:
    """Return the names of the columns of a text file, as they are written.

    Raises
    ------
    ValueError, OSError, LookupError
        If the file cannot be read, or is empty.
    """
    with _rows(path, form, errors="surrogateescape") as rows:  # what is wrong below is for whoever reads it to say
        names: list[str] = next(filter(None, rows), [])
    if not names:
        raise EmptyFileError
    if any("\udc80" <= letter <= "\udcff" for letter in "".join(names)):
        raise UnicodeDecodeError(form.encoding, b"", 0, 1, "the names of the columns")
    return names


class EmptyFileError(ValueError):
    """A file without any line."""


def check_lengths(path: Path, form: LaterFile) -> None:
    """Refuse a text file of which a line has more or fewer cells than the header: its values would be in other columns.

    Raises
    ------
    DataError
        If there is one; its number is named.
    ValueError, OSError, LookupError
        If the file cannot be read.
    """
    with _rows(path, form) as rows:
        width = None
        for row in rows:
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise _ragged(path, rows.line_num, len(row), width)


@contextmanager
def _rows(path: Path, form: LaterFile, *, errors: str = "strict") -> Iterator[Any]:
    """Read lines, unpacked where they are packed, without the mark that some programs write in front."""
    from pandas.io.common import get_handle  # type: ignore[import-not-found] # its stubs lack it

    encoding = "utf-8-sig" if form.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else form.encoding
    with get_handle(path, "r", encoding=encoding, errors=errors, compression="infer") as opened:
        limit = csv.field_size_limit(_MOST_CELL)
        try:
            yield csv.reader(opened.handle, delimiter=form.separator)
        except (csv.Error, TypeError) as error:
            raise ValueError("not separated values") from error
        finally:
            csv.field_size_limit(limit)


def check_cells(table: "pd.DataFrame", name: str) -> None:
    """Refuse a table for a CSV file of which a spreadsheet would run a cell as a formula.

    Nothing is prefixed: identifiers are copied character for character, so that other programs find them again.

    Raises
    ------
    DataError
        If a cell or a name of a column begins like a formula; its line is named, and no value.
    """
    for column in table.columns:
        if runs_as_formula(column):
            raise _formula(name, "the name of a column")
        for line, cell in enumerate(table[column], start=2):
            if isinstance(cell, str) and runs_as_formula(cell):
                raise _formula(name, f"such a cell in line {line}, column `{column}`")


def _formula(name: str, received: str) -> DataError:
    return DataError(
        f"`{name}`",
        rule=RULE,
        received=received,
        remedy="Write a Parquet file (`--output NAME.parquet`), of which no spreadsheet runs a cell, or correct "
        "the identifiers.",
    )


def _ragged(path: Path, line: int, cells: int, width: int) -> DataError:
    return DataError(
        f"`{path.name}`, line {line}",
        rule=f"it has {plural(width, 'cell')}, as many as the header",
        received=plural(cells, "cell"),
        remedy="Remove what is too much, such as a separator at the end of a line, or write cells that hold the "
        "separator in quotation marks.",
    )
