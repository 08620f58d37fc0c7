"""An export from REDCap (raw data, CSV), read by the project's data dictionary."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._cells import ISO, Form, check_left_out, form_of, read_cells, read_column
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._delimited import rows_of, text_of, unpacked
from theragate.cohorts.sources._grid import Grid, lay_out
from theragate.cohorts.sources._redcap_dictionary import RedcapField, box_of, form_status, read_dictionary
from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["read_redcap", "redcap_grid"]

SYSTEM = "redcap_"  # with which the columns begin that REDCap adds


def read_redcap(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:
    """Read an export: choices by their labels, numbers and dates as the fields are validated, boxes as 1 and 0.

    What the dictionary leaves open, free texts, is read as any text file is. A box that nobody ticked is unknown where
    nobody filled in its form, and so are all boxes of a field where one is ticked whose code is declared as missing;
    that box is no column.

    Raises
    ------
    DataError
        If a field is marked as an identifier and not left out, a column or a code is not in the dictionary, or a cell
        does not fit its field.
    """
    if spec.dictionary is None:
        raise ValueError("an export from REDCap is one with a dictionary")
    name = f"dictionary `{spec.dictionary}`"
    fields = read_dictionary(companions(spec.dictionary), subject=name)
    grid = redcap_grid(path, spec, subject=subject)
    check_left_out(grid, spec, subject=subject)
    _check_identifiers(grid, fields, spec, subject)
    boxes = _boxes(grid, fields, spec, subject)
    columns: dict[str, pd.Series] = {}
    for column, cells in grid.items():
        if column in spec.left_out:
            continue
        field, what = fields.get(column), f"{subject}, column `{column}`"
        if column in boxes.removed:
            continue
        if column in boxes.read:
            columns[column] = boxes.read[column]
        elif field is not None and field.holds == "codes" and column != spec.id:
            columns[column] = _coded(cells, field, form_of(spec, column), what)
        elif field is not None and field.holds == "dates" and column not in spec.text:
            form = form_of(spec, column)
            columns[column] = read_cells(cells, Form(missing=form.missing, date=form.date or ISO), subject=what)
        else:
            columns[column] = read_column(column, cells, spec, subject=subject)
    return Table.read(columns.items(), scratch)


def redcap_grid(path: Path, spec: TableFile, *, subject: str) -> Grid:
    """Return the cells of an export by column.

    Raises
    ------
    DataError
        If the file is no text file of such lines.
    """
    text = text_of(unpacked(path, subject=subject), spec.encoding, subject=subject)
    return lay_out(rows_of(text, spec.separator), spec, subject=subject)


def _check_identifiers(grid: Grid, fields: dict[str, RedcapField], spec: TableFile, subject: str) -> None:
    marked = [field.name for field in fields.values() if field.identifies and field.name != spec.id]
    kept = [column for column in grid if column.partition("___")[0] in marked and column not in spec.left_out]
    if kept:
        raise DataError(
            f"{subject}, column `{kept[0]}`",
            rule="a field that the dictionary marks as an identifier is not read",
            received=f"{len(kept)} such columns",
            remedy="Name them under `source.left_out` in params.yaml, or export without identifiers.",
        )


class _Boxes:
    def __init__(self) -> None:
        self.read: dict[str, pd.Series] = {}
        self.removed: set[str] = set()


def _boxes(grid: Grid, fields: dict[str, RedcapField], spec: TableFile, subject: str) -> _Boxes:
    boxes = _Boxes()
    for field in fields.values():
        columns = {box_of(field.name, code): code for code in field.choices if box_of(field.name, code) in grid}
        if field.holds != "boxes" or not columns:
            continue
        missing = form_of(spec, field.name).missing
        ticks = {column: _ticks(grid[column], f"{subject}, column `{column}`") for column in columns}
        unknown = _unfilled(grid, fields, field.form)
        for column, code in columns.items():
            if code in missing:
                unknown = unknown | (ticks[column] == 1)
                boxes.removed.add(column)
        for column, ticked in ticks.items():
            boxes.read[column] = pd.Series(np.where(unknown, np.nan, ticked))
    return boxes


def _ticks(cells: list[str], subject: str) -> NDArray[np.float64]:
    numbers = read_cells(cells, Form(), subject=subject).to_numpy(dtype=np.float64)
    odd = int((~np.isin(numbers, [0, 1]) & ~np.isnan(numbers)).sum())
    if odd:
        raise DataError(
            subject,
            rule="a box is 1, ticked, or 0",
            received=f"{odd:,} other values",
            remedy="Export the raw data, not the labels.",
        )
    return numbers


def _unfilled(grid: Grid, fields: dict[str, RedcapField], form: str) -> NDArray[np.bool_]:
    """Return for whom nobody filled in a form: nothing is entered, nothing ticked, and it is not marked as done."""
    patients = len(next(iter(grid.values())))
    empty = np.ones(patients, dtype=bool)
    first = next(iter(fields))  # REDCap's id of a record stands on the first form, filled in or not
    for field in fields.values():
        if field.form != form or field.name == first:
            continue
        columns = [box_of(field.name, code) for code in field.choices] if field.holds == "boxes" else [field.name]
        nothing = {"", "0"} if field.holds == "boxes" else {""}
        for column in columns:
            if column in grid:
                empty &= np.array([cell.strip() in nothing for cell in grid[column]], dtype=bool)
    status = form_status(form)
    if status in grid:
        empty &= np.array([cell.strip() in {"", "0"} for cell in grid[status]], dtype=bool)
    return empty


def _coded(cells: list[str], field: RedcapField, form: Form, subject: str) -> pd.Series:
    codes = [cell.strip() for cell in cells]
    unknown = sorted({code for code in codes if code and code not in field.choices and code not in form.missing})
    if unknown:
        raise DataError(
            subject,
            rule=f"it holds codes of the dictionary ({', '.join(list(field.choices)[:10])})",
            received=f"{len(unknown)} others",
            remedy="Export the raw data with the dictionary of the same day, or name what means missing under"
            f" `source.columns.{field.name}.missing`.",
        )
    twice = len(set(field.choices.values())) < len(field.choices)
    names = {code: f"{label} ({code})" if twice else label for code, label in field.choices.items()}
    read = [None if not code or code in form.missing else names[code] for code in codes]
    return pd.Series(read, dtype="str")
