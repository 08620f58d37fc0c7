"""Tables as they are exchanged: lines of one length come in, within limits, and no cell goes out that is a formula."""

import bz2
import csv
import gzip
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from theragate.cohorts.sources import LaterFile
from theragate.cohorts.spreadsheets import RULE, runs_as_formula
from theragate.errors import DataError
from theragate.numbers import plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_cells", "check_lengths", "check_unpacked"]

_PACKED = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
_ZIP = b"PK\x03\x04"
_MOST_UNPACKED = 1 << 30
_PIECE = 1 << 20
_MOST_CELL = 1 << 20  # characters


def check_unpacked(path: Path) -> None:
    """Refuse a file that is a thousand times as large when it is unpacked, without unpacking all of it.

    Raises
    ------
    DataError
        If it holds more than 1 GiB.
    """
    total = 0
    try:
        for stream in _contents(path):
            with stream:
                while piece := stream.read(_PIECE):
                    total += len(piece)
                    if total > _MOST_UNPACKED:
                        raise DataError(
                            f"`{path.name}`",
                            rule=f"a packed file holds {_MOST_UNPACKED:,} bytes at most",
                            received="more",
                            remedy="Unpack it where there is room for it, and divide it, or save it as Parquet.",
                        )
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return  # whoever reads the table says what is wrong with it


def _contents(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        head = stream.read(8)
    module = next((module for magic, module in _PACKED.items() if head.startswith(magic)), None)
    if module is not None:
        yield module.open(path, "rb")
    elif head.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield archive.open(entry)


def check_lengths(path: Path, form: LaterFile) -> None:
    """Refuse a text file of which a line has more or fewer cells than the header: its values would be in other columns.

    Raises
    ------
    DataError
        If there is one; its number is named.
    ValueError, OSError, LookupError
        If the file cannot be read.
    """
    from pandas.io.common import get_handle  # type: ignore[import-not-found] # its stubs lack it

    with get_handle(path, "r", encoding=form.encoding, compression="infer") as opened:
        width = None
        try:
            limit = csv.field_size_limit(_MOST_CELL)
            try:
                rows = csv.reader(opened.handle, delimiter=form.separator)
                for row in rows:
                    if not row:
                        continue
                    width = width or len(row)
                    if len(row) != width:
                        raise _ragged(path, rows.line_num, len(row), width)
            finally:
                csv.field_size_limit(limit)
        except (csv.Error, TypeError) as error:
            raise ValueError("not separated values") from error


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
