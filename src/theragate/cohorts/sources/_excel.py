"""Sheets of workbooks. A cell without a computed value is refused: the reader would take it for an empty one."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._cells import read_grid
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._grid import lay_out
from theragate.cohorts.sources._packed import check_unpacked
from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.study import TableFile

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

__all__ = ["chosen_sheet", "read_excel", "sheet_rows", "visible_sheets"]

_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v>(.*?)</(?:\w+:)?v>", re.DOTALL)
_PLACE = re.compile(rb'\br="([A-Z]+)(\d+)"')


def read_excel(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:  # noqa: ARG001 - one form for all
    """Read one sheet as declared.

    Raises
    ------
    DataError
        If there is no such sheet, formulas were never computed, or cells do not fit.
    """
    rows = sheet_rows(path, chosen_sheet(path, spec, subject=subject), subject=subject)
    return read_grid(lay_out(rows, spec, subject=subject), spec, subject=subject, scratch=scratch)


def chosen_sheet(path: Path, spec: TableFile, *, subject: str) -> str:
    """Return the name of the sheet that is read: the declared one, or the only one.

    Raises
    ------
    DataError
        If none is declared, and there are several; or as `visible_sheets`.
    """
    if spec.sheet is not None:
        return spec.sheet
    visible = visible_sheets(path, subject=subject)
    if not visible:
        raise DataError(
            subject,
            rule="a sheet of it that is not hidden has cells",
            received="none",
            remedy="Open the file in a spreadsheet program, and save it again with what it should hold.",
        )
    if len(visible) != 1:
        raise DataError(
            subject,
            rule="`source.sheet` names the sheet, unless there is one",
            received=f"{len(visible)}: {', '.join(f'`{name}`' for name in visible)}",
            remedy="Name it in params.yaml, or by --sheet.",
        )
    return visible[0]


def visible_sheets(path: Path, *, subject: str) -> list[str]:
    """Return the names of the sheets with cells in them that are not hidden.

    Raises
    ------
    DataError
        If the file is no workbook, or is protected by a password.
    """
    from python_calamine import SheetVisibleEnum

    with _workbook(path, subject) as book:
        shown = [sheet.name for sheet in book.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
        return [name for name in shown if book.get_sheet_by_name(name).total_height]


def sheet_rows(path: Path, sheet: str, *, subject: str, most: int | None = None) -> list[list[Any]]:
    """Return all lines of a sheet from its first on, each a list of cells; an empty cell is None.

    Cells with errors hold the error, such as ``#N/A``. If `most` is given, so many lines are returned, and no other
    becomes objects of Python.

    Raises
    ------
    DataError
        If there is no such sheet, or it holds formulas that were never computed.
    """
    from python_calamine import WorksheetNotFound

    with _workbook(path, subject) as book:
        try:
            cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False, nrows=most)
        except WorksheetNotFound:
            raise DataError(
                subject,
                rule=f"it has the sheet `{sheet}`",
                received=f"sheets {', '.join(f'`{name}`' for name in book.sheet_names)}",
                remedy="Correct `source.sheet` in params.yaml, or --sheet.",
            ) from None
    rows = [[None if cell == "" else cell for cell in row] for row in cells]
    uncomputed = 0
    for row, column, error in _valueless(path, sheet):
        uncomputed += error is None and row < len(rows)
        if error is not None and row < len(rows) and column < len(rows[row]):
            rows[row][column] = error
    if uncomputed:
        raise DataError(
            subject,
            rule="every formula of the sheet has been computed",
            received=f"{uncomputed:,} cells whose formula has no value",
            remedy="Open the file in a spreadsheet program and save it, or write values instead of formulas.",
        )
    return rows


def _workbook(path: Path, subject: str) -> "CalamineWorkbook":
    from python_calamine import CalamineError, PasswordError, load_workbook

    check_unpacked(path, subject=subject)
    try:
        return load_workbook(io.BytesIO(path.read_bytes()))
    except PasswordError:
        received = "one with a password"
    except CalamineError as error:
        received = f"a file that is not ({type(error).__name__})"
    raise DataError(
        subject, rule="the file is a readable workbook", received=received, remedy="Save it again, without a password."
    )


def _valueless(path: Path, sheet: str) -> Iterator[tuple[int, int, str | None]]:
    """Yield cells that the reader takes for empty: with the text of an error, or None where no value was computed.

    Only the formats of XML since 2007 leave formulas without a value.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, sheet)
        content = archive.read(part) if part in archive.namelist() else b""
    if b't="e"' not in content and b"<f" not in content and b":f" not in content:
        return
    for attributes, inside in _CELL.findall(content):
        value, place = _VALUE.search(inside), _PLACE.search(attributes)
        if place is None:
            continue
        row, column = int(place[2]) - 1, _column(place[1])
        if b't="e"' in attributes:
            yield row, column, value[1].decode() if value else "#N/A"
        elif value is None and re.search(rb"<(?:\w+:)?f\b", inside):
            yield row, column, None


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the file in which a sheet lies; an empty text for one that is of another format."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - no entities are resolved
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    except (KeyError, ElementTree.ParseError):
        return ""
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for entry in book.iter():
        if entry.tag.endswith("}sheet") and entry.get("name") == sheet:
            link = next((value for key, value in entry.attrib.items() if key.endswith("}id")), "")
            target = targets.get(link, "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return ""


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
