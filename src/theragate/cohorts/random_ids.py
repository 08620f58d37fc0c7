"""Random ids for the patients, and numbers for the clusters, of a private source. The links stay at the site."""

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from filelock import FileLock

from theragate.cohorts.spreadsheets import RULE, runs_as_formula
from theragate.errors import DataError
from theragate.files import whole_file
from theragate.numbers import plural

__all__ = ["random_ids"]


def random_ids(ids: pd.Series, table: Path, *, draw: Callable[[], str], of: str = "patient") -> pd.Series:
    """Replace every id by a random one, the same as last time.

    Parameters
    ----------
    ids
        The source's ids, complete and unique, as text.
    table
        CSV of ``source_id,patient`` that holds the links; made on first use, readable by its owner only. Whoever
        deletes it gives every patient a new id.
    draw
        Returns a new random id.
    of
        Whose ids they are, which is the name of the table's second column.

    Raises
    ------
    DataError
        If the table cannot be read, or a spreadsheet would run an id in it as a formula.
    """
    formulas = [row for row, source_id in enumerate(ids, start=1) if runs_as_formula(source_id)]
    if formulas:
        raise DataError(
            f"ids of each {of}",
            rule=RULE,
            received=f"{plural(len(formulas), 'such id')}, the first in row {formulas[0]:,}",
            remedy="Correct these ids in the source; the table of links is opened by people.",
        )
    table.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(table.with_suffix(".lock")):
        known = _read(table, of)
        taken = set(known.values())
        for source_id in ids:
            if source_id not in known:
                new = draw()
                while new in taken:
                    new = draw()
                known[source_id] = new
                taken.add(new)
        with whole_file(table, mode=0o600) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["source_id", of])
            writer.writerows(known.items())
    return ids.map(known)


def _read(table: Path, of: str) -> dict[str, str]:
    if not table.exists():
        return {}
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _broken_id_table(table, of, "a file that cannot be read") from error
    if not rows or rows[0] != ["source_id", of]:
        raise _broken_id_table(table, of, "a first line that names other columns" if rows else "an empty file")
    cells = next((f"{len(row)} cells in row {number}" for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if cells:
        raise _broken_id_table(table, of, cells)
    return dict(rows[1:])


def _broken_id_table(table: Path, of: str, received: str) -> DataError:
    return DataError(
        f"id table `{table}`",
        rule=f"it is a CSV file with the columns `source_id` and `{of}`",
        received=received,
        remedy=f"Restore it from a backup; without it every {of} gets a new id.",
    )
