"""Rows that say of a patient what the cohort says, whoever has named the columns; and rows of a patient's numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.disclosure.patients import Patients, spelled
from theragate.disclosure.tables import Column, Table
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["DIVERSE", "known_rows", "nameless_rows", "numbers_of"]

DIVERSE = 2  # different outcomes among the patients who share what a row says
_NEAR = 1e-5  # how near, relatively, numbers lie that are spelled alike: six digits
_SHOWN = 6

Ints = NDArray[np.intp]


def numbers_of(column: Column) -> NDArray[np.float64]:
    """Return a column as numbers, NaN for what is none."""
    return np.asarray(pd.to_numeric(pd.Series(column), errors="coerce"), dtype=np.float64)


def known_rows(tables: Sequence[Table], patients: Patients) -> Iterator[tuple[int, str]]:
    """Yield the position of each table with rows that agree with few patients in columns whose names they share.

    Beside it what was found, in words. The cohort is read once.
    """
    asked = [found for found in (_Released.of(place, table, patients) for place, table in enumerate(tables)) if found]
    columns = {name: None for each in asked for name in (*each.shared, *each.hidden)}
    for frame in patients.pieces([*columns]) if asked else ():
        known: dict[str, _Known] = {}
        for each in asked:
            each.add(frame, known)
    for each in asked:
        few, certain = each.few, each.certain
        words = ", ".join(each.shared[:_SHOWN])
        if few:
            yield each.place, f"{few} rows that fewer than {SMALLEST_CELL} patients share, in {words}"
        if certain:
            yield each.place, f"{certain} rows whose patients all have one outcome, in {words}"


def nameless_rows(tables: Sequence[Table], patients: Patients) -> Iterator[tuple[int, str]]:
    """Yield the position of each table with rows, or columns, that are as long as a patient's and the same numbers.

    Beside it what was found, in words.
    """
    for size, names in patients.rows.items():
        asked = [
            (place, part) for place, table in enumerate(tables) for part in _parts(table, size) if part.shape[1] == size
        ]
        if not asked:
            continue
        wanted = {row.tobytes() for _, part in asked for row in part}
        wanted_values = np.unique(np.concatenate([part for _, part in asked]), axis=0).T
        found: set[bytes] = set()
        for frame in patients.pieces(names):
            rows = _canonical(np.column_stack([frame[name].to_numpy(dtype=np.float32) for name in names]))
            for column, values in enumerate(wanted_values):
                rows = rows[np.isin(rows[:, column], values) | np.isnan(rows[:, column])]
            found |= wanted & {row.tobytes() for row in rows}
        for place in dict.fromkeys(place for place, _ in asked):
            same = sum(row.tobytes() in found for own, part in asked if own == place for row in part)
            if same:
                yield place, f"{same} rows of {size} numbers that are patients'"


def _parts(table: Table, size: int) -> list[NDArray[np.float32]]:
    """Return a table's rows, and its columns, where these may be `size` long."""
    width = len(table.columns)
    height = len(next(iter(table.columns.values()))) if width else 0
    if size not in (width, height):
        return []
    numbers = np.stack([numbers_of(column) for column in table.columns.values()], axis=1).astype(np.float32)
    return [_canonical(numbers), _canonical(numbers.T)]


def _canonical(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of which equal ones have equal bytes."""
    return np.ascontiguousarray(np.where(np.isnan(rows), np.float32(np.nan), rows + np.float32(0)))


class _Known:
    """A column of some patients, of whose values the spelling is found only where it may matter."""

    def __init__(self, column: pd.Series) -> None:
        self._numbers: NDArray[np.float64] | None = None
        if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
            with np.errstate(over="ignore"):
                single = column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
            self._numbers = single.astype(np.float64)
        else:
            self._codes, words = pd.factorize(column)
            self._words = pd.Index([*spelled(pd.Series(words)), ""])

    def places(self, words: pd.Index, rows: Ints) -> Ints:
        """Return for the patients at `rows` which of `words` their value is spelled as, -1 for none."""
        if self._numbers is None:
            return np.asarray(words.get_indexer(self._words)[self._codes[rows]], dtype=np.intp)
        values = self._numbers[rows]
        places = np.full(len(rows), -1, dtype=np.intp)
        if "" in words:
            places[np.isnan(values)] = words.get_indexer(pd.Index([""]))[0]
        numbers = np.sort(pd.to_numeric(pd.Series(words), errors="coerce").dropna().to_numpy(dtype=np.float64))
        if len(numbers):
            above = np.searchsorted(numbers, values)
            near = np.zeros(len(rows), dtype=bool)
            for place in (np.maximum(above - 1, 0), np.minimum(above, len(numbers) - 1)):
                with np.errstate(invalid="ignore"):
                    near |= (np.abs(values - numbers[place]) <= _NEAR * np.abs(numbers[place])) | (
                        values == numbers[place]
                    )
            distinct, inverse = np.unique(values[near], return_inverse=True)
            places[near] = words.get_indexer(pd.Index(spelled(pd.Series(distinct))))[inverse]
        return places


@dataclass
class _Released:
    """What the table at ``place`` says in columns of the cohort: by column its words, and the rows made of them.

    ``steps`` are, column by column, the ascending numbers of the rows so far, each times the words of the column plus
    the word. ``counts`` are how many patients agree with each row; ``outcomes`` which outcomes these have, two at most.
    """

    place: int
    shared: list[str]
    hidden: list[str]
    words: list[pd.Index]
    steps: list[Ints]
    counts: Ints
    outcomes: list[list[set[str]]] = field(default_factory=list)

    @classmethod
    def of(cls, place: int, table: Table, patients: Patients) -> "_Released | None":
        """Return what a table says in two columns of the cohort or more; None where it says nothing."""
        shared = [name for name in table.columns if name in patients.names] if table.named else []
        if len(shared) < 2:
            return None
        rows = pd.DataFrame({name: spelled(pd.Series(table.columns[name])) for name in shared})
        rows = rows[(rows != "").sum(axis=1) > 1]
        if rows.empty:
            return None
        words, steps, number = [], [], np.zeros(len(rows), dtype=np.intp)
        for name in shared:
            own = pd.Index(rows[name].unique())
            step, number = np.unique(number * len(own) + own.get_indexer(pd.Index(rows[name])), return_inverse=True)
            words.append(own)
            steps.append(step)
        hidden = [name for name in patients.outcome if name in patients.names and name not in shared]
        found = len(steps[-1])
        outcomes = [[set[str]() for _ in range(found)] for _ in hidden]
        return cls(place, shared, hidden, words, steps, np.zeros(found, dtype=np.intp), outcomes)

    def add(self, frame: pd.DataFrame, known: dict[str, _Known]) -> None:
        """Count the patients of a piece; `known` keeps its columns for the next table."""
        rows, number = np.arange(len(frame)), np.zeros(len(frame), dtype=np.intp)
        for name, words, step in zip(self.shared, self.words, self.steps, strict=True):
            if name not in known:
                known[name] = _Known(frame[name])
            place = known[name].places(words, rows)
            number = number * len(words) + place
            at = np.minimum(np.searchsorted(step, number), len(step) - 1)
            agrees = (place >= 0) & (step[at] == number)
            rows, number = rows[agrees], at[agrees]
        self.counts += np.bincount(number, minlength=len(self.counts))
        for name, sets in zip(self.hidden, self.outcomes, strict=True):
            open_ = np.array([len(each) < DIVERSE for each in sets])[number]
            pairs = pd.DataFrame({"number": number[open_], "outcome": frame[name].iloc[rows[open_]].to_numpy()})
            pairs = pairs.drop_duplicates()
            for row, outcome in zip(pairs["number"], spelled(pairs["outcome"]), strict=True):
                if len(sets[row]) < DIVERSE:
                    sets[row].add(outcome)

    @property
    def few(self) -> int:
        """The number of rows that are true of some patients, but of few."""
        return int(((self.counts > 0) & (self.counts < SMALLEST_CELL)).sum())

    @property
    def certain(self) -> int:
        """The number of rows that are true of patients who all have the same outcome."""
        if not self.hidden:
            return 0
        most = np.max([[len(each) for each in sets] for sets in self.outcomes], axis=0)
        return int(((self.counts > 0) & (most < DIVERSE)).sum())
