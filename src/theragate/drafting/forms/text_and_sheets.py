"""The form of text files and of sheets, in which nothing says what a column holds."""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Any

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import csv_cells, lay_out, lines_of, pieces_of, sheet_rows, text_of, visible_sheets
from theragate.drafting.forms.columns import Cells, GivenCells, draft_column, find_decimal
from theragate.drafting.forms.encoding import find_encoding
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.layout import Layout, find_layout, find_separator
from theragate.drafting.forms.options import ReadingOptions
from theragate.errors import DataError

__all__ = ["find_sheet_form", "find_text_form", "text_rows"]

_FIRST, _LAST = 20_000, 10  # lines, by which its layout is
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


def find_text_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a CSV file or its kin: its layout by the first and the last lines, its columns by all cells."""
    encoding, separator = _find_encoding_and_separator(form, options)
    with lines_of(form.path, encoding, separator, subject=form.subject) as lines:
        rows = (row for _, row in lines)
        first = list(islice(rows, _FIRST))
        layout = _take_layout(form, [*first, *deque(rows, maxlen=_LAST)])
    with Scratch() as scratch:
        grid = csv_cells(form.path, form.spec(), subject=form.subject, scratch=scratch)
        _take_columns(form, grid, layout, options, separator=separator)


def find_sheet_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a workbook; of several sheets a person has to name one.

    Raises
    ------
    DataError
        If there are several visible sheets and none is named.
    """
    sheet = options.sheet
    if sheet is None:
        visible = visible_sheets(form.path, subject=form.subject)
        if len(visible) != 1:
            raise DataError(
                form.subject,
                rule="--sheet names the sheet, unless one is visible",
                received=f"{len(visible)} visible: {', '.join(f'`{name}`' for name in visible)}"
                if visible
                else "none with cells",
                remedy="Give --sheet." if visible else "Open the file in a spreadsheet program, and save it again.",
            )
        sheet = visible[0]
    form.entry["sheet"] = sheet
    form.told.append(f"a workbook, sheet `{sheet}`")
    rows = sheet_rows(form.path, sheet, subject=form.subject)
    layout = _take_layout(form, rows)
    _take_columns(form, lay_out(rows, form.spec(), subject=form.subject), layout, options, separator=",")


def text_rows(form: DraftedForm, options: ReadingOptions) -> list[list[str]]:
    """Find encoding and separator of a text file, and return its lines."""
    encoding, separator = _find_encoding_and_separator(form, options)
    with lines_of(form.path, encoding, separator, subject=form.subject) as lines:
        return [row for _, row in lines]


def _find_encoding_and_separator(form: DraftedForm, options: ReadingOptions) -> tuple[str, str]:
    with closing(pieces_of(form.path, subject=form.subject)) as pieces:
        begin, more = next(pieces, b""), next(pieces, b"")
        encoding = options.encoding or find_encoding(begin, chain([more], pieces))
    text = text_of(begin, encoding, subject=form.subject, cut=bool(more))
    separator = options.separator or find_separator(text)
    if encoding != "utf-8":
        form.entry["encoding"] = encoding
    if separator != ",":
        form.entry["separator"] = separator
    form.told.append(f"a text file in {encoding}, cells separated by {_MARKS.get(separator, f'`{separator}`')}")
    return encoding, separator


def _take_layout(form: DraftedForm, rows: Sequence[Sequence[Any]]) -> Layout:
    layout = find_layout(rows, subject=form.subject)
    form.entry |= layout.entry
    form.told.extend(layout.told)
    return layout


def _take_columns(
    form: DraftedForm, grid: Mapping[str, GivenCells], layout: Layout, options: ReadingOptions, *, separator: str
) -> None:
    form.take_options(grid, options)
    kept = {name: Cells(cells) for name, cells in grid.items() if name not in options.drop}
    decimal = options.decimal or find_decimal(list(kept.values()), separator)
    if decimal != ".":
        form.entry["decimal"] = decimal
        form.told.append("a comma is the decimal mark")
    drafted = {
        name: draft_column(name, cells, options, decimal=decimal, subject=form.subject) for name, cells in kept.items()
    }
    form.declare(drafted, options, texts=[name for name, column in drafted.items() if column.kind == "text"])
    form.note(layout.doubts)
    form.labels |= {name: f"{name}, {unit}" for name, unit in layout.units.items() if name in drafted}
