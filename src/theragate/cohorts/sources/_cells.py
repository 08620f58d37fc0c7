"""Cells as they are written, read as numbers, dates or texts: exactly as declared, or refused.

Nothing is guessed here. What a new study is to declare is found by `theragate.drafting.forms`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from theragate.cohorts.scratch import Kept, Scratch
from theragate.cohorts.sources._grid import tidy
from theragate.cohorts.sources._missing_words import is_missing_word
from theragate.cohorts.table import Table
from theragate.errors import DataError, did_you_mean
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import ColumnForm, TableFile

__all__ = [
    "CODE",
    "INEQUALITY",
    "ISO",
    "NUMBER",
    "Cells",
    "Form",
    "Pieces",
    "as_text",
    "check_left_out",
    "fits_numbers",
    "form_of",
    "infinite_values",
    "is_number",
    "plain_numbers",
    "read_cells",
    "read_column",
    "read_grid",
    "shown_cells",
    "stripped",
    "without_unit",
    "written",
]

NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
INEQUALITY = r"^[<>≤≥]\s*=?\s*"
_WHOLE = r"^[+-]?\d{1,15}$"
CODE = r"^[+-]?(?:0\d+|\d{16,})$"  # zeros in front, or more digits than a number keeps
_LISTED = 5
_INFINITE = {"inf", "-inf", "infinity", "-infinity"}
_LONGEST = 24
ISO = "ISO8601"


@dataclass(frozen=True)
class Form:
    """How the cells of one column are read."""

    missing: frozenset[str] = frozenset()
    decimal: str = "."
    thousands: str | None = None
    inequalities: str | None = None
    unit: str | None = None
    date: str | None = None


def form_of(spec: TableFile, column: str) -> Form:
    """Return how a column is read: as the rest of the file, but for what is declared of it."""
    own = spec.columns.get(column, ColumnForm())
    return Form(
        missing=frozenset({*spec.missing, *own.missing}),
        decimal=own.decimal or spec.decimal,
        thousands=own.thousands or (spec.thousands if own.decimal is None else None),
        inequalities=own.inequalities,
        unit=own.unit,
        date=own.date,
    )


def check_left_out(columns: Iterable[str], spec: TableFile, *, subject: str) -> None:
    """Refuse a name under ``left_out`` that no column has: the one that is meant would be read.

    Raises
    ------
    DataError
        With the first such name.
    """
    present = set(columns)
    absent = [name for name in spec.left_out if name not in present]
    if absent:
        raise DataError(
            subject,
            rule=f"it has the column `{absent[0]}` that `source.left_out` names",
            received="no such column",
            remedy=f"{did_you_mean(absent[0], present)}Correct `source.left_out` in params.yaml.",
        )


@dataclass(frozen=True)
class Pieces:
    """The cells of one column of a text file, as they are written, piece by piece."""

    kept: Sequence[Kept]

    def __iter__(self) -> Iterator[pa.Array]:
        """Read each piece."""
        return (read() for read in self.kept)


Cells: TypeAlias = Sequence[Any] | Pieces


def read_grid(grid: Mapping[str, Cells], spec: TableFile, *, subject: str, scratch: Scratch) -> Table:
    """Read the columns of a text file or a sheet.

    Raises
    ------
    DataError
        If a cell does not fit what its column is declared to hold.
    """
    check_left_out(grid, spec, subject=subject)
    kept = [name for name in grid if name not in spec.left_out]
    return Table.read(((name, read_column(name, grid[name], spec, subject=subject)) for name in kept), scratch)


def read_column(name: str, cells: Cells, spec: TableFile, *, subject: str) -> pd.Series:
    """Read one column as declared.

    Raises
    ------
    DataError
        If a cell does not fit.
    """
    column = _Column(f"{subject}, column `{name}`", form_of(spec, name), identifies=name == spec.id)
    return column.texts(cells) if name in spec.text or name == spec.id else column.numbers_or_dates(cells)


def read_cells(cells: Cells, form: Form, *, subject: str) -> pd.Series:
    """Read cells in which numbers or dates are written, as `form` says.

    Raises
    ------
    DataError
        If a cell is neither that nor declared as missing.
    """
    return _Column(subject, form).numbers_or_dates(cells)


def stripped(cells: Sequence[str | None] | pa.Array) -> pa.Array:
    """Return texts without spaces around them and in one spelling, the empty ones as null."""
    given = cells if isinstance(cells, pa.Array) else pa.array(cells, type=pa.large_string())
    texts = pc.utf8_trim_whitespace(given)
    if not pc.all(pc.string_is_ascii(texts.drop_null())).as_py():
        # Arrow's own function takes letters apart, whatever form is asked for.
        texts = pa.array([text and tidy(text) for text in texts.to_pylist()], type=pa.large_string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def shown_cells(odd: pa.Array) -> str:
    """Return some cells as a message may show them, the most frequent first, and how many there are.

    What means missing, is beyond a bound, or stands in as many cells as may be published is shown as it is written. Of
    all else only the form is shown, with `a` for a letter and `9` for a digit: it may be one patient's.
    """
    counts = pd.Series(odd.to_pylist(), dtype="object").value_counts()
    shown = list(dict.fromkeys(_showable(text, count) for text, count in counts.items()))
    more = f" and {len(shown) - _LISTED} others" if len(shown) > _LISTED else ""
    return f"{', '.join(f'`{text}`' for text in shown[:_LISTED])}{more}, in {len(odd):,} cells"


def _showable(text: Any, count: int) -> str:
    text = str(text)
    if not (count >= SMALLEST_CELL or is_missing_word(text) or text.lower() in _INFINITE or re.match(INEQUALITY, text)):
        text = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@dataclass(frozen=True)
class _Column:
    subject: str
    form: Form
    identifies: bool = False

    def texts(self, cells: Cells) -> pd.Series:
        """Read every cell as it is written; of a sheet, a whole number as one."""
        if not isinstance(cells, Pieces) and any(isinstance(cell, date) for cell in cells):
            dates = sum(isinstance(cell, date) for cell in cells)
            raise self._unfit(
                "a column of texts holds no date",
                f"{dates:,} of them (a spreadsheet makes a date of texts such as SEPT2)",
                "Restore the texts in the file, or give the column a `date` under `source.columns`.",
            )
        return as_text(self._known(texts) for texts in _written(cells))

    def numbers_or_dates(self, cells: Cells) -> pd.Series:
        """Read numbers, or dates where the form has a `date`."""
        if self.form.date is not None:
            return self._dates(cells)
        if (
            not isinstance(cells, Pieces)
            and cells
            and not isinstance(cells[0], str)
            and all(cell is None or type(cell) in (int, float) for cell in cells)
        ):
            return self._typed(cells)
        return self._numbers(self._known(texts) for texts in _written(cells, self.form.decimal))

    def _typed(self, cells: Sequence[float | None]) -> pd.Series:
        """Read the numbers of a sheet, which need no parsing."""
        numbers = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        codes = [float(code) for code in self.form.missing if is_number(code)]
        numbers = np.where(np.isin(numbers, codes), np.nan, numbers) if codes else numbers
        return self._finished(numbers)

    def _known(self, texts: pa.Array) -> pa.Array:
        """Make null what is declared as missing; a number among the codes stands for it in any spelling."""
        if not self.form.missing:
            return texts
        texts = pc.if_else(pc.is_in(texts, pa.array(sorted(self.form.missing), pa.large_string())), None, texts)
        codes = [float(code) for code in self.form.missing if is_number(code)]
        if codes and not self.identifies:
            decimal, thousands = self.form.decimal, self.form.thousands
            fits = fits_numbers(texts, decimal, thousands).fill_null(False)
            values = plain_numbers(pc.if_else(fits, texts, None), decimal, thousands).cast(pa.float64())
            texts = pc.if_else(pc.is_in(values, pa.array(codes)).fill_null(False), None, texts)
        return texts

    def _numbers(self, pieces: Iterable[pa.Array]) -> pd.Series:
        """Read numbers piece by piece; whether they fit, and of which type they are, all of them decide."""
        found = _Numbers()
        for texts in pieces:
            found.add(self._bare(texts), self.form)
        if found.odd:
            raise self._unfit(
                "it holds numbers, as it is not under `source.text`",
                f"{shown_cells(pa.chunked_array(found.odd))}, among {found.known:,}; the first in row "
                f"{found.first_odd:,}",
                "In `source` of params.yaml, name what means missing under `missing`, the form of the numbers, or the"
                " column under `text`.",
            )
        if found.codes and not found.decimals:  # with decimals they are no codes
            raise self._unfit(
                "it holds numbers, as it is not under `source.text`",
                f"{found.codes:,} codes with zeros in front or more than 15 digits, which a number would not keep",
                "Name it under `source.text` in params.yaml, or under `left_out`.",
            )
        numbers = np.concatenate([np.empty(0), *found.values])
        if found.whole and len(numbers):
            return pd.Series(numbers.astype(np.int64))  # of 15 digits at most, so that none is lost
        return self._finished(numbers)

    def _bare(self, texts: pa.Array) -> pa.Array:
        """Return cells without what may stand around a number."""
        texts = pc.replace_substring_regex(pc.replace_substring(texts, "−", "-"), "[  ]", " ")
        if self.form.unit is not None:
            texts = without_unit(texts, self.form.unit)
        if self.form.inequalities is not None:
            bound = pc.replace_substring_regex(texts, INEQUALITY, "") if self.form.inequalities == "bound" else None
            texts = pc.if_else(pc.match_substring_regex(texts, INEQUALITY), bound, texts)
        return texts

    def _finished(self, numbers: NDArray[np.float64]) -> pd.Series:
        infinite_values(numbers, self.subject)
        return pd.Series(numbers)

    def _dates(self, cells: Cells) -> pd.Series:
        days, odd, known = [], 0, 0
        for texts in _written(cells):
            coded = self._known(texts).dictionary_encode()
            dates = as_text([coded.dictionary])
            parsed = pd.to_datetime(dates, format=self.form.date, errors="coerce", utc=self.form.date == ISO)
            odd += pc.sum(pc.take(pa.array(parsed.isna()), coded.indices)).as_py() or 0
            known += len(coded) - coded.null_count
            days.append(pc.take(pa.array(parsed.dt.strftime("%Y-%m-%d"), pa.large_string()), coded.indices))
        if odd:
            raise self._unfit(
                f"a date is written as `{self.form.date}` says",
                f"{odd:,} of {known:,} cells that are not",
                "Correct `date` of this column under `source.columns` in params.yaml, or the file.",
            )
        return as_text(days)

    def _unfit(self, rule: str, received: str, remedy: str) -> DataError:
        return DataError(self.subject, rule=rule, received=received, remedy=remedy)


@dataclass
class _Numbers:
    """What was seen of a column of numbers: its values, and what decides whether they are any."""

    rows: int = 0
    known: int = 0
    whole: bool = True
    decimals: bool = False
    codes: int = 0
    odd: list[pa.Array] = field(default_factory=list)
    first_odd: int = 0  # from 1
    values: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, texts: pa.Array, form: Form) -> None:
        """Add cells, null where nothing is known."""
        fits = fits_numbers(texts, form.decimal, form.thousands)
        if pc.all(fits).as_py() is False:
            if not self.odd:
                self.first_odd = self.rows + pc.index(fits, False).as_py() + 1
            self.odd.append(texts.filter(pc.invert(fits)))
        self.rows += len(texts)
        self.known += len(texts) - texts.null_count
        if self.odd:
            return
        plain = plain_numbers(texts, form.decimal, form.thousands)
        self.codes += pc.sum(pc.match_substring_regex(plain, CODE)).as_py() or 0
        self.decimals = self.decimals or bool(pc.any(pc.match_substring_regex(plain, "[.eE]")).as_py())
        self.whole = (
            self.whole and not plain.null_count and bool(pc.all(pc.match_substring_regex(plain, _WHOLE)).as_py())
        )
        self.values.append(plain.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _written(cells: Cells, decimal: str = ".") -> Iterator[pa.Array]:
    """Yield cells as texts, null where there is nothing."""
    if isinstance(cells, Pieces):
        yield from map(stripped, cells)
    else:
        yield stripped([written(cell, decimal) for cell in cells])


def without_unit(texts: pa.Array, unit: str) -> pa.Array:
    """Take off what follows the numbers, whatever its case and the space before it."""
    return pc.replace_substring_regex(texts, rf"(?i)(\d[.,]?) *{re.escape(unit)}$", r"\1")


def fits_numbers(texts: pa.Array, decimal: str, thousands: str | None) -> pa.Array:
    """Return which texts are numbers in a form; null for what is missing."""
    if decimal == "either":
        return pc.or_(fits_numbers(texts, ".", ","), fits_numbers(texts, ",", "."))
    point, group = re.escape(decimal), re.escape(thousands or "")
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if thousands else r"\d+"
    return pc.match_substring_regex(texts, rf"^[+-]?(?:{whole}{point}?\d*|{point}\d+)(?:[eE][+-]?\d{{1,3}})?$")


def plain_numbers(texts: pa.Array, decimal: str, thousands: str | None) -> pa.Array:
    """Write numbers of a form as a computer does: with a point, and no separator of thousands."""
    if decimal == "either":
        # Of two kinds of marks the later is the decimal one; a mark that comes more than once is none.
        comma = pc.match_substring_regex(texts, r"^[^,]*,[^,.]*$")
        return pc.if_else(comma, plain_numbers(texts, ",", "."), plain_numbers(texts, ".", ","))
    if thousands:
        texts = pc.replace_substring(texts, thousands, "")
    return pc.utf8_ltrim(texts if decimal == "." else pc.replace_substring(texts, decimal, "."), "+")


def infinite_values(numbers: NDArray[np.float64], subject: str) -> None:
    """Refuse infinite numbers.

    Raises
    ------
    DataError
        With their count.
    """
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise DataError(
            subject,
            rule="a number is finite or missing",
            received=f"{infinite:,} infinite values",
            remedy="Correct the column where the data come from.",
        )


def as_text(pieces: Iterable[pa.Array]) -> pd.Series:
    """Return texts as one column."""
    return pd.Series(pa.chunked_array(list(pieces), pa.large_string()).combine_chunks().to_pandas(), dtype="str")


def is_number(code: str) -> bool:
    """Whether a text is a number as a computer writes it."""
    return re.fullmatch(NUMBER, code) is not None


def written(cell: Any, decimal: str = ".") -> str | None:
    """Return a cell as text: a whole number as one, a date as ISO 8601."""
    if isinstance(cell, str):
        return cell
    if cell is None or cell != cell:
        return None
    if isinstance(cell, bool | np.bool_):
        return str(cell).upper()
    if isinstance(cell, int | float | np.number):
        text = str(int(cell)) if float(cell).is_integer() else repr(float(cell))
        return text if decimal == "either" else text.replace(".", decimal)
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)
