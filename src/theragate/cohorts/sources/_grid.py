"""Rows of cells as columns with names, below the header and above what is no patient's."""

import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["Grid", "Layout", "blank", "check_names", "lay_out", "named_columns", "tidy"]

BLOCK = 2**14  # lines that are cells of Python at once

Grid = dict[str, list[Any]]
_Cells = TypeVar("_Cells")
_Line = TypeVar("_Line")


def tidy(text: str) -> str:
    """Return a text without spaces around it, its letters in one spelling (NFC): ``ü`` may come as ``u`` and dots."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text).strip()


def blank(cell: Any) -> bool:
    """Whether a cell is empty."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def lay_out(rows: Sequence[Sequence[Any]], spec: TableFile, *, subject: str) -> Grid:
    """Return the columns of a table by name, in their order.

    Parameters
    ----------
    rows
        All lines of the file, those above the header too, each a sequence of cells. An empty line is no patient, and a
        column with neither name nor value is none.
    spec
        ``header``, ``units``, ``footer`` and ``row_names`` of it are used.
    subject
        How messages name the file.

    Raises
    ------
    DataError
        If there is no header, a column has no name or one that is another's, or a line is longer or shorter than the
        header. No message repeats a line.
    """
    layout = Layout(spec, subject=subject)
    columns: list[list[Any]] = []
    for block in layout.blocks(enumerate(rows, start=1)):
        columns = columns or [[] for _ in block]
        for column, cells in zip(columns, block, strict=True):
            column.extend(cells)
    return layout.named(columns or [[] for _ in layout.header], is_blank=lambda cells: all(map(blank, cells)))


def named_columns(lines: Iterable[tuple[int, Sequence[Any]]], spec: TableFile, *, subject: str) -> list[str]:
    """Return the names in a table's header, where no line below it is looked at; a column without a name is left out.

    Raises
    ------
    DataError
        If there is no header.
    """
    layout = Layout(spec, subject=subject)
    layout.begin(lines)
    return [name for name in layout.header if name]


class Layout:
    """Lines of a file as blocks of columns. What `lay_out` refuses is known after the last block."""

    def __init__(self, spec: TableFile, *, subject: str) -> None:
        self._spec, self._subject = spec, subject
        self.header: list[str] = []
        self._width = 0  # columns up to the last that has a name
        self._behind = False  # whether a cell behind these is not empty; else a separator ends each line
        self._lines = 0
        self._unlike, self._short = _Odd(), _Odd()  # lines not as long as the header; shorter than its names

    def blocks(self, lines: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the cells of some patients, by column, from lines with their numbers; see `lay_out`."""
        numbered = self.begin(lines)
        self._width = next((at for at in range(len(self.header), 0, -1) if self.header[at - 1]), 0)
        filled = ((number, row) for number, row in numbered if not all(map(blank, row)))
        body = _but_the_last(islice(filled, int(self._spec.units), None), self._spec.footer)
        while block := [self._fitted(number, row) for number, row in islice(body, BLOCK)]:
            yield list(zip(*block, strict=True))

    def begin(self, lines: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Read the header; return the lines below it."""
        numbered = iter(lines)
        self.header = self._names(numbered)
        return numbered

    def named(self, columns: Sequence[_Cells], *, is_blank: Callable[[_Cells], bool]) -> dict[str, _Cells]:
        """Return the columns of all blocks by name.

        Raises
        ------
        DataError
            As `lay_out`.
        """
        header = self.header if self._behind else self.header[: self._width]
        odd = self._unlike if self._behind else self._short
        if odd.lines:
            remedy = "Correct `source.separator`, `source.header`, `source.footer` or `source.row_names` in params.yaml"
            raise DataError(
                self._subject,
                rule=f"every line has as many cells as the header, {len(header)}",
                received=f"{odd.lines:,} of {self._lines:,} lines that have not (the first, line {odd.first:,}, has "
                f"{odd.cells})",
                remedy=f"{remedy}, or export the file again.",
            )
        named = [(name, cells) for name, cells in zip(header, columns, strict=False) if name or not is_blank(cells)]
        check_names([name for name, _ in named], subject=self._subject)
        return dict(named)

    def _names(self, lines: Iterator[tuple[int, Sequence[Any]]]) -> list[str]:
        at = self._spec.header
        _, names = next(islice(lines, at - 1, None), (at, ()))
        if all(blank(cell) for cell in names):
            raise DataError(
                self._subject,
                rule=f"line {at} holds the names of the columns",
                received="an empty line or none",
                remedy="Correct `source.header` in params.yaml, or export the file again.",
            )
        header = [tidy(str(cell)) if cell is not None else "" for cell in names]
        # R writes no cell above the names of rows, others an empty one.
        return header[1:] if self._spec.row_names and header[:1] == [""] else header

    def _fitted(self, number: int, row: Sequence[Any]) -> Sequence[Any]:
        """Return as many cells as the header has, and remember whether there were."""
        self._lines += 1
        cells = row[1:] if self._spec.row_names else row
        if len(cells) == len(self.header) == self._width:
            return cells
        self._behind = self._behind or not all(map(blank, cells[self._width :]))
        if len(cells) == len(self.header):
            return cells
        self._unlike.add(number, len(cells))
        if len(cells) < self._width:
            self._short.add(number, len(cells))
        return [*cells, *[""] * (len(self.header) - len(cells))][: len(self.header)]


@dataclass
class _Odd:
    lines: int = 0
    first: int = 0
    cells: int = 0

    def add(self, number: int, cells: int) -> None:
        if not self.lines:
            self.first, self.cells = number, cells
        self.lines += 1


def _but_the_last(lines: Iterator[_Line], count: int) -> Iterator[_Line]:
    held: deque[_Line] = deque()
    for line in lines:
        held.append(line)
        if len(held) > count:
            yield held.popleft()


def check_names(header: list[str], *, subject: str) -> None:
    """Refuse columns without a name, or with the name of another.

    Raises
    ------
    DataError
        With the first.
    """
    empty = [str(number) for number, name in enumerate(header, start=1) if not name]
    if empty:
        raise DataError(
            subject,
            rule="every column has a name",
            received=f"{len(empty)} without ({', '.join(empty[:5])}{', …' if len(empty) > 5 else ''})",
            remedy="Name them in the file; if the first names the rows, say `source.row_names: true` in params.yaml.",
        )
    twice = next((name for name, times in Counter(header).items() if times > 1), None)
    if twice is not None:
        raise DataError(
            subject,
            rule="every column has a name of its own",
            received=f"`{twice}` more than once",
            remedy="Rename one of the columns.",
        )
