"""Random ids for the patients, and numbers for the clusters, of a private source. The links stay at the site."""

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from theragate.cohorts.spreadsheets import BEGINS, RULE, runs_as_formula
from theragate.cohorts.texts import are_first, as_texts, in_place_of, positions
from theragate.errors import DataError
from theragate.files import whole_file
from theragate.numbers import plural

__all__ = ["random_ids", "source_ids"]

_PIECE = 2**16  # ids that are objects of Python at once


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
    asked = as_texts(ids)
    begun = np.flatnonzero(pc.match_substring_regex(asked, f"^{BEGINS}").fill_null(False))
    formulas = [int(at) + 1 for at in begun if runs_as_formula(asked[at].as_py())]
    if formulas:
        raise DataError(
            f"ids of each {of}",
            rule=RULE,
            received=f"{plural(len(formulas), 'such id')}, the first in row {formulas[0]:,}",
            remedy="Correct these ids in the source; the table of links is opened by people.",
        )
    table.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(table.with_suffix(".lock")):
        sources, randoms = _read(table, of)
        places = positions(asked, sources)
        new = np.flatnonzero(places < 0)
        places[new] = len(sources) + np.arange(len(new))
        drawn = _drawn(len(new), randoms, draw)
        with whole_file(table, mode=0o600) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["source_id", of])
            for source, random in _pairs((sources, randoms), (asked.take(pa.array(new)), drawn)):
                writer.writerows(zip(source.to_pylist(), random.to_pylist(), strict=True))
    if len(new) == len(asked):
        return in_place_of(ids, drawn)
    return in_place_of(ids, pa.concat_arrays([randoms, drawn]).take(pa.array(places)))


def source_ids(table: Path, *, of: str = "patient") -> Iterator[Sequence[str]]:
    """Yield the source's own ids that a table links, piece by piece; none where there is no table.

    Raises
    ------
    DataError
        If the table cannot be read.
    """
    sources, _ = _read(table, of)
    for first in range(0, len(sources), _PIECE):
        yield sources.slice(first, _PIECE).to_pylist()


def _pairs(*parts: tuple[pa.Array, pa.Array]) -> Iterator[tuple[pa.Array, pa.Array]]:
    for sources, randoms in parts:
        for first in range(0, len(sources), _PIECE):
            yield sources.slice(first, _PIECE), randoms.slice(first, _PIECE)


def _drawn(count: int, taken: pa.LargeStringArray, draw: Callable[[], str]) -> pa.LargeStringArray:
    """Return new ids; one that is taken is drawn again."""
    drawn = pa.array([], pa.large_string())
    while count > len(drawn):
        left = count - len(drawn)
        pieces = (range(first, min(first + _PIECE, left)) for first in range(0, left, _PIECE))
        more = pa.concat_arrays([pa.array([draw() for _ in piece], pa.large_string()) for piece in pieces])
        pa.default_memory_pool().release_unused()
        fresh = are_first(more)
        for others in (taken, drawn):
            if len(others):
                fresh &= positions(more, others) < 0
        more = more if fresh.all() else more.filter(pa.array(fresh))
        drawn = pa.concat_arrays([drawn, more]) if len(drawn) else more
    return drawn


def _read(table: Path, of: str) -> tuple[pa.LargeStringArray, pa.LargeStringArray]:
    """Return the ids of the source, and the random ones beside them; of a source's id that comes twice, the last."""
    sides: tuple[list[pa.Array], list[pa.Array]] = ([], [])
    if table.exists():
        try:
            with table.open(newline="", encoding="utf-8") as stream:
                _fill(sides, csv.reader(stream), table, of)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise _broken_id_table(table, of, "a file that cannot be read") from error
    sources, randoms = (pa.chunked_array(side, pa.large_string()).combine_chunks() for side in sides)
    last = are_first(sources.take(pa.array(np.arange(len(sources))[::-1])))[::-1]
    return (sources, randoms) if last.all() else (sources.filter(pa.array(last)), randoms.filter(pa.array(last)))


def _fill(sides: tuple[list[pa.Array], list[pa.Array]], rows: Iterator[list[str]], table: Path, of: str) -> None:
    header = next(rows, None)
    if header != ["source_id", of]:
        raise _broken_id_table(
            table, of, "an empty file" if header is None else "a first line that names other columns"
        )
    at = 1
    while piece := list(islice(rows, _PIECE)):
        cells = next(
            (f"{len(row)} cells in row {number}" for number, row in enumerate(piece, at + 1) if len(row) != 2), ""
        )
        if cells:
            raise _broken_id_table(table, of, cells)
        for side, texts in zip(sides, zip(*piece, strict=True), strict=True):
            side.append(pa.array(texts, pa.large_string()))
        at += len(piece)


def _broken_id_table(table: Path, of: str, received: str) -> DataError:
    return DataError(
        f"id table `{table}`",
        rule=f"it is a CSV file with the columns `source_id` and `{of}`",
        received=received,
        remedy=f"Restore it from a backup; without it every {of} gets a new id.",
    )
