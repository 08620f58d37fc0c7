"""Where in a file the table is: its separator, its header, lines below it that are no patient's, names of rows."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from theragate.cohorts.sources import NUMBER, blank, is_missing_word, rows_of
from theragate.errors import DataError

__all__ = ["Layout", "find_layout", "find_separator"]

_SEPARATORS = (",", ";", "\t", "|", " ")
_LOOKED_AT = 200
_FULL = 0.7  # of the cells of the widest line, which a header has at least
_TOTALS = re.compile(
    r"(?i)^(?:(?:grand )?totals?|sums?|summen?|gesamt|insgesamt|somme|totale|totaal|totales|suma|means?|average"
    r"|mittelwert|mw|moyenne|media|médiane|median|mediana|anzahl|count|n|sd|std)\b\W*\d*\W*$|^\(?\d+ rows?\b"
)
_SHAPE = re.compile(r"[^\W\d_]"), re.compile(r"\d")
_LAST = 5
_MOSTLY, _UNITS = 0.9, 2  # of the cells below, which are numbers; columns in which they are
_WIDE = 4  # columns, of which a remark fills one or two


@dataclass
class Layout:
    """The keys of ``source`` that say it, what was found, and what a person has to look at."""

    entry: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)


def find_separator(text: str) -> str:
    """Return the mark that cuts the first lines into the same number of cells, the larger the better."""
    lines = text.splitlines()[:_LOOKED_AT]
    first = "\n".join(lines)
    return max(_SEPARATORS, key=lambda mark: _regularity(first, mark))


def _regularity(text: str, mark: str) -> tuple[float, int]:
    try:
        widths = Counter(len(row) for row in rows_of(text, mark, strict=False) if row)
    except ValueError:
        return (0.0, 0)
    width, lines = widths.most_common(1)[0] if widths else (1, 0)
    if width < 2:
        return (0.0, 0)
    return (round(lines / widths.total(), 1), width if mark != " " else 2)


def find_layout(rows: Sequence[Sequence[Any]], *, subject: str) -> Layout:
    """Find the header, totals and row names.

    Raises
    ------
    DataError
        If no line can be a header, or the first holds numbers as the others do.
    """
    layout = Layout()
    at = _header(rows, subject)
    if at:
        layout.entry["header"] = at + 1
        layout.told.append(f"the names of the columns are in line {at + 1}")
    body = [row for row in rows[at + 1 :] if not all(map(blank, row))]
    if not body:
        return layout
    width = Counter(len(row) for row in body).most_common(1)[0][0]
    if _holds_units(body):
        layout.entry["units"] = True
        layout.units = _units(rows[at], body[0])
        layout.told.append("the line below the names holds units")
        body = body[1:]
    footer = _footer(body, width)
    if footer:
        layout.entry["footer"] = footer
        lines = "the last line was" if footer == 1 else f"the last {footer} lines were"
        layout.told.append(f"{lines} taken for totals or remarks")
        layout.doubts.append(f"{lines} taken for totals or remarks, not for patients. Is it right?")
        body = body[:-footer]
    _row_names(layout, rows[at], body, width)
    return layout


def _header(rows: Sequence[Sequence[Any]], subject: str) -> int:
    first = rows[:_LOOKED_AT]
    filled = [sum(not blank(cell) for cell in row) + _names_rows(row) for row in first]
    widest = max(filled, default=0)
    least = widest if widest <= 2 else min(round(_FULL * widest + 0.49), widest - 1)
    at = next((number for number, count in enumerate(filled) if count >= max(least, 1)), None)
    if at is None:
        raise DataError(
            subject, rule="the file has a header and patients", received="no line with cells", remedy="Export it again."
        )
    cells = [cell for cell in first[at] if not blank(cell)]
    numbers = [cell for cell in cells if isinstance(cell, float | date) or re.fullmatch(NUMBER, str(cell).strip())]
    measured = any("." in str(cell).removesuffix(".0") for cell in numbers)
    alike = len(set(map(str, numbers))) < len(numbers)
    if measured or (2 * len(numbers) > len(cells) and (alike or len(cells) == 1)):
        raise DataError(
            subject,
            rule="a line above the patients names the columns",
            received="none: the first holds numbers",
            remedy="Add a line with the names of the columns to the file.",
        )
    return at


def _names_rows(row: Sequence[Any]) -> bool:
    """Whether only the first of several cells is empty, above names of rows, and no other is a number."""
    return len(row) > 1 and blank(row[0]) and not any(blank(cell) or _is_number(cell) for cell in row[1:])


def _holds_units(body: Sequence[Sequence[Any]]) -> bool:
    """Whether the first line below the header has words, and no number, where the others have numbers."""
    first, others = body[0], body[1:_LOOKED_AT]
    if len(others) < _LAST or any(_is_number(cell) for cell in first):
        return False
    words = [at for at, cell in enumerate(first) if not blank(cell) and not is_missing_word(str(cell).strip())]
    below = [[row[at] for row in others if at < len(row) and not blank(row[at])] for at in words]
    return sum(bool(cells) and sum(map(_is_number, cells)) > _MOSTLY * len(cells) for cells in below) >= _UNITS


def _is_number(cell: Any) -> bool:
    text = str(cell).strip().replace(",", ".")
    return not blank(cell) and (isinstance(cell, float | date) or re.fullmatch(NUMBER, text) is not None)


def _units(header: Sequence[Any], line: Sequence[Any]) -> dict[str, str]:
    pairs = zip(header, line, strict=False)
    return {str(name).strip(): str(unit).strip("[]() ") for name, unit in pairs if not blank(name) and not blank(unit)}


def _footer(body: Sequence[Sequence[Any]], width: int) -> int:
    """Return how many of the last lines are no patient's: one that says `total`, or a remark unlike all cells above."""
    footer = 0
    for row in reversed(body[-_LAST:]):
        filled = [str(cell).strip() for cell in row if not blank(cell)]
        total, short = _TOTALS.match(filled[0]), width >= _WIDE and len(filled) <= 2
        if not (total or short):
            break
        above = {str(cell).strip() for other in body[:-_LAST] for cell in other if not blank(cell)}
        if not (total and filled[0] not in above) and not (short and _shape(filled[0]) not in set(map(_shape, above))):
            break
        footer += 1
    return footer if footer < len(body) else 0


def _shape(cell: Any) -> str:
    letters, digits = _SHAPE
    return digits.sub("9", letters.sub("a", str(cell).strip()))


def _row_names(layout: Layout, header: Sequence[Any], body: Sequence[Sequence[Any]], width: int) -> None:
    short = width == len(header) + 1 and not all(blank(row[-1]) for row in body if len(row) == width)
    unnamed = bool(header) and blank(header[0]) and not all(blank(row[0]) for row in body)
    if not (short or unnamed):
        return
    layout.entry["row_names"] = True
    layout.told.append("the first column has no name, taken for the names of the rows, left out")
    names = [str(row[0]).strip().removesuffix(".0") for row in body]
    if not any(names == [str(number + start) for number in range(len(names))] for start in (0, 1)):
        layout.doubts.append(
            "the first column has no name and was left out. If it names the patients, name it in the file."
        )
