"""Workbooks written by hand, cell by cell: what no library for writing would write."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["Day", "Error", "Formula", "write_workbook"]

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Day:
    """A cell that is shown as a date."""

    number: float  # days since 1899-12-30


@dataclass(frozen=True)
class Error:
    """A cell with an error."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A cell with a formula, and the value that was computed, if any."""

    text: str
    value: float | None


def write_workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], *, hidden: Sequence[str] = ()) -> None:
    """Write sheets of cells; None is an empty cell."""
    names = list(sheets)
    parts = [
        f'<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType="{_TYPES}.worksheet+xml"/>' for at in _at(names)
    ]
    entries = [
        f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"{_state(name in hidden)}/>'
        for at, name in zip(_at(names), names, strict=True)
    ]
    links = [
        f'<Relationship Id="rId{at}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in _at(names)
    ]
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>{"".join(parts)}'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{"".join(entries)}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(links)}'
        f'<Relationship Id="styles" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
        "</cellXfs></styleSheet>",
    }
    for at, name in zip(_at(names), names, strict=True):
        files[f"xl/worksheets/sheet{at}.xml"] = _sheet(sheets[name])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')


def _at(names: Sequence[str]) -> range:
    return range(1, len(names) + 1)


def _sheet(rows: Sequence[Sequence[Any]]) -> str:
    lines = [
        f'<row r="{row}">{"".join(_cell(f"{_letters(column)}{row}", cell) for column, cell in enumerate(cells))}</row>'
        for row, cells in enumerate(rows, start=1)
    ]
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _cell(place: str, cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, Day):
        return f'<c r="{place}" s="1"><v>{cell.number}</v></c>'
    if isinstance(cell, Error):
        return f'<c r="{place}" t="e"><v>{cell.text}</v></c>'
    if isinstance(cell, Formula):
        return f'<c r="{place}"><f>{cell.text}</f>{"" if cell.value is None else f"<v>{cell.value}</v>"}</c>'
    if isinstance(cell, int | float):
        return f'<c r="{place}"><v>{cell}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'


def _letters(column: int) -> str:
    return chr(ord("A") + column)


def _state(hidden: bool) -> str:
    return ' state="hidden"' if hidden else ""
