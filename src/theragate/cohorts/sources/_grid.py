"""Rows of cells as columns with names, below the header and above what is no patient's."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["Grid", "blank", "check_names", "lay_out", "tidy"]

Grid = dict[str, list[Any]]


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
    if len(rows) < spec.header or all(blank(cell) for cell in rows[spec.header - 1]):
        raise DataError(
            subject,
            rule=f"line {spec.header} holds the names of the columns",
            received="an empty line or none",
            remedy="Correct `source.header` in params.yaml, or export the file again.",
        )
    header = [tidy(str(cell)) if cell is not None else "" for cell in rows[spec.header - 1]]
    body = [row for row in rows[spec.header :] if not all(map(blank, row))]
    body = body[spec.units : len(body) - spec.footer]
    if spec.row_names:
        header = header[1:] if header[:1] == [""] else header  # R writes no cell above them, others an empty one
        body = [row[1:] for row in body]
    width = next((at for at in range(len(header), 0, -1) if header[at - 1]), 0)
    if all(blank(cell) for row in body for cell in row[width:]):  # a separator at the end of each line
        header, body = header[:width], [row[:width] for row in body]
    _check_lengths(header, body, subject)
    columns = [list(cells) for cells in zip(*body, strict=True)] if body else [[] for _ in header]
    named = [(name, cells) for name, cells in zip(header, columns, strict=True) if name or not all(map(blank, cells))]
    check_names([name for name, _ in named], subject=subject)
    return dict(named)


def _check_lengths(header: list[str], body: list[Sequence[Any]], subject: str) -> None:
    odd = [len(row) for row in body if len(row) != len(header)]
    if odd:
        remedy = "Correct `source.separator`, `source.header`, `source.footer` or `source.row_names` in params.yaml, or"
        raise DataError(
            subject,
            rule=f"every line has as many cells as the header, {len(header)}",
            received=f"{len(odd):,} of {len(body):,} lines that have not (the first has {odd[0]})",
            remedy=f"{remedy} export the file again.",
        )


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
