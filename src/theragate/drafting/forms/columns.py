"""What the cells of one column are: numbers in some form, dates, or texts; and what in it means `not known`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from theragate.cohorts.sources import (
    CODE,
    INEQUALITY,
    NUMBER,
    Pieces,
    fits_numbers,
    is_missing_word,
    is_number,
    plain_numbers,
    shown_cells,
    stripped,
    without_unit,
    written,
)
from theragate.drafting.forms.counted import Counted
from theragate.drafting.forms.dates import find_date_form, like_dates
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.sentinels import find_sentinels
from theragate.errors import DataError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["Cells", "DraftedColumn", "GivenCells", "draft_column", "find_decimal"]

MEASURED = 10  # with more distinct numbers a column is a measurement, with fewer its numbers may be codes
_HALF, _MOSTLY, _FEW_WORDS = 0.5, 0.9, 3
_MANY = 2**20  # cells, of which numbers are not kept
_CODED = 777  # from which on even one number that stands alone is rather a code
_INFINITE = r"(?i)^[+-]?(?:inf|infinity|∞)$"
_POINT = r"^[+-]?(?:0?\.\d+|0\.\d*|\d{4,}\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d+)(?:[eE][+-]?\d+)?$"
_COMMA = r"^[+-]?(?:0?,\d+|0,\d*|\d{4,},\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+)(?:[eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?[1-9]\d{0,2}(?:[.,]\d{3})+$"  # 1,765 may be either
_IN_NO_WORD = "[1-9]"  # that says that nothing is known
_FRACTION = r"^\d{1,3} *[/|] *\d{1,3}$"
_MONTH_AS_NUMBER = r"^(?:0?[1-9]|1[0-2])\.(?:19|20)\d{2}$"  # 03.2019
# A number and what follows it: `75 kg`, `50%`, `>3.2 mg/l`, `4.1 10^9/l`; digits only within it.
_WITH_UNIT = (
    r"^(?P<number>[<>≤≥]?\s*=?\s*[+-]?(?:\d[\d.,' ]*)) *"
    r"(?P<unit>(?:(?:x|×|\*)? ?10\^?\d{1,2} ?/ ?)?[%‰°µμ$€£A-Za-zÄÖÜäöü][^\s\d]{0,11}[23²³]?)$"
)
_NUMBER_AND_MORE = r"^[^\p{L}\d]*\d[\d.,]*[^\d]+$"
_NONE_AT_ALL = {"none", "nil", "x", "xx", "*", "**", "void"}  # among numbers they may mean 0, or a mark

Form = tuple[str, str | None]


@dataclass
class DraftedColumn:
    """How a column is to be read: the entry for ``source.columns``, what was found, and what a person has to look at.

    ``doubts`` go into the study behind the mark REVIEW; ``told`` is shown once, with counts. ``labelled`` are codes
    whose labels stand in the file.
    """

    kind: Literal["number", "text", "date"]
    form: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    labelled: bool = False


GivenCells: TypeAlias = Sequence[Any] | Pieces | NDArray[np.float64]


class Cells:
    """The cells of a column: texts; of a sheet also numbers, dates and truth values; or numbers alone, as an array."""

    def __init__(self, cells: GivenCells) -> None:
        self._pieces = cells if isinstance(cells, Pieces) else None
        self._numbers = cells if isinstance(cells, np.ndarray) else None
        self.given: Sequence[Any] = () if isinstance(cells, Pieces | np.ndarray) else cells

    @cached_property
    def plain(self) -> NDArray[np.float64] | None:
        """The numbers of a column that has nothing else, written as a computer does, as most columns are."""
        if not self._are_texts:
            typed = self._typed
            return None if typed is None or _all_within(typed, 18_000_101, 21_001_231) else typed
        counted = self._counted
        if not len(counted) or not counted.all(NUMBER):
            return None
        points = counted.where(pc.match_substring(counted.texts, "."))
        # What may be thousands, a date or a code is looked at more closely.
        if len(points) == len(counted) and points.all(_MONTH_AS_NUMBER):
            return None
        if (len(points) and not points.any(_POINT)) or counted.any(r"^[+-]?(?:0\d+|\d{8}|\d{16,})$"):
            return None
        return np.repeat(_as_floats(counted.texts), counted.counts)

    @cached_property
    def points(self) -> bool:
        """Whether some cell can only have a decimal point."""
        return self.texts(".").any(_POINT) if self.plain is None else self._fractions

    @cached_property
    def commas(self) -> bool:
        """Whether some cell can only have a decimal comma."""
        return self.plain is None and self.texts(".").any(_COMMA)

    def plain_with(self, decimal: str) -> NDArray[np.float64] | None:
        """Return `plain`, unless it has decimals and the file's mark is another."""
        written_so = decimal == "." or not self._fractions or not self._are_texts
        return self.plain if self.plain is not None and written_so else None

    def texts(self, decimal: str) -> Counted:
        """Return what is known as texts, numbers of a sheet with this decimal mark."""
        counted = self._counted if self._pieces or self._are_texts else Counted.of([self._written(decimal)])
        return counted.written(
            pc.replace_substring_regex(pc.replace_substring(counted.texts, "−", "-"), "[\u00a0\u202f]", " ")
        )

    def forget(self) -> None:
        """Let go of what was made of many cells; it is made again where it is asked for."""
        plain = self.__dict__.get("plain")
        if plain is not None and len(plain) > _MANY:
            del self.__dict__["plain"]
        self.__dict__.pop("_counted", None)

    @property
    def differs(self) -> bool:
        """Whether a measurement might have as many different texts."""
        known = self._counted if self._pieces else Counted.of([pa.array(self.given, pa.large_string())])
        return known.where(pc.not_equal(known.texts, "")).differ(MEASURED)

    @cached_property
    def _are_texts(self) -> bool:
        """Whether all cells are texts: one in which there is nothing is none."""
        if self._pieces:
            arrays = [array for array in self._pieces if len(array)]
            return bool(arrays) and not any(array.null_count for array in arrays)
        return self._numbers is None and all(isinstance(cell, str) for cell in self.given or [0])

    @property
    def _typed(self) -> NDArray[np.float64] | None:
        """The numbers of a column without texts, or None."""
        if self._pieces:
            arrays = list(self._pieces)
            empty = all(array.null_count == len(array) for array in arrays)
            return np.full(sum(map(len, arrays)), np.nan) if empty else None
        if self._numbers is not None:
            return self._numbers
        if all(cell is None or type(cell) in (int, float) for cell in self.given):
            return np.array([np.nan if cell is None else cell for cell in self.given], dtype=np.float64)
        return None

    def _written(self, decimal: str) -> pa.Array:
        if self._numbers is None:
            return stripped([written(cell, decimal) for cell in self.given])
        code, numbers = pd.factorize(self._numbers)  # each is written once
        texts = stripped([written(number, decimal) for number in numbers.tolist()])
        return texts.take(pa.array(code, mask=code < 0))

    @cached_property
    def _counted(self) -> Counted:
        given = self._pieces or Pieces([lambda: pa.array(self.given, pa.large_string())])
        return Counted.of(map(stripped, given))

    @cached_property
    def _fractions(self) -> bool:
        known = self.plain[np.isfinite(self.plain)] if self.plain is not None else np.empty(0)
        return bool((known != np.floor(known)).any())


def find_decimal(columns: Sequence[Cells], separator: str) -> Literal[".", ","]:
    """Return the decimal mark of most columns; of none, the one that goes with the separator."""
    points = commas = 0
    for cells in columns:
        points, commas = points + cells.points, commas + cells.commas
        cells.forget()
    return "," if commas > points or (commas == points == 0 and separator == ";") else "."


def draft_column(name: str, cells: Cells, options: ReadingOptions, *, decimal: str, subject: str) -> DraftedColumn:
    """Find out what a column of a text file or a sheet holds.

    Parameters
    ----------
    decimal
        The decimal mark of the file.

    Raises
    ------
    DataError
        If the column holds numbers but for some cells of which nobody knows what they mean, dates in several forms, or
        dates among what is none.
    """
    what = f"{subject}, column `{name}`"
    if name in options.text:
        return DraftedColumn("text")
    plain = cells.plain_with(decimal)
    if plain is not None:
        column = DraftedColumn("number")
        _sentinels(plain, column, options, keep=name in options.outcome)
        return column
    dates = sum(isinstance(cell, date) for cell in cells.given)
    if dates:
        return _typed_dates(cells.given, dates, what)
    texts = cells.texts(decimal).without(options.missing)
    words = _words(texts, among_numbers=True)
    rest = texts.without(words)
    if not len(rest) or like_dates(rest):
        return _nothing_or_dates(texts, rest, words, options, what)
    unit = _unit_of(rest, decimal, what)
    given, rest = rest, rest.written(without_unit(rest.texts, unit)) if unit else rest
    bound = rest.written(pc.replace_substring_regex(rest.texts, INEQUALITY, ""))
    chosen, fits = _best_form(bound, decimal)
    _check_finite(rest, fits, what)
    numbers, odd = rest.where(fits), rest.but(fits)
    if not len(numbers) or (bound.any(CODE) and not bound.where(fits).any(r"[.,eE]")):
        return _text(texts, rest, bound)
    if len(odd):
        measured = numbers.differ(MEASURED) and len(numbers) >= _HALF * len(rest)
        if not measured:
            return _text(texts, rest, bound)
        words = [*words, *_frequent_words(odd, numbers, what)]
    column, values = _number(texts, numbers, words, (chosen, decimal))
    if unit is not None:
        _tell_unit(column, unit, given)
    _sentinels(values, column, options, keep=name in options.outcome)
    return column


def _unit_of(rest: Counted, decimal: str, what: str) -> str | None:
    """Return what follows the numbers of a column, if it is the same in all that have something; else None.

    Raises
    ------
    DataError
        If the numbers are of several units, each of many patients.
    """
    found = pc.extract_regex(rest.texts, _WITH_UNIT)
    parts = rest.where(found.is_valid())
    if len(parts) < SMALLEST_CELL:
        return None
    found = found.drop_null()
    bound = parts.written(
        pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.struct_field(found, "number"), INEQUALITY, ""))
    )
    alone = rest.number_of(_best_form(rest, decimal)[1])
    fits = bound.number_of(_best_form(bound, decimal)[1])
    if fits < len(parts) or len(parts) + alone < _MOSTLY * len(rest):
        return None
    units = parts.series(pc.struct_field(found, "unit"))
    kinds = units.str.casefold().value_counts()
    measured = bound.differ(MEASURED)
    written_out = all(len(kind) > 1 or not kind.isalpha() for kind in kinds.index)
    if not (measured or (written_out and len(kinds) == 1)):
        return None  # stages such as 1a and 2b
    if len(kinds) > 1 and (not written_out or len(kinds) > _FEW_WORDS or kinds.min() < SMALLEST_CELL):
        return None
    if len(kinds) > 1:
        raise DataError(
            what,
            rule="the numbers of a column have one unit",
            received=f"{', '.join(f'`{kind}` in {count:,}' for kind, count in kinds.items())} cells",
            remedy="Convert them in the file; or take them as codes with --text, or leave the column out with --drop.",
        )
    return str(units.value_counts().index[0])


def _tell_unit(column: DraftedColumn, unit: str, given: Counted) -> None:
    without = given.number_of(pc.equal(given.texts, without_unit(given.texts, unit)))
    column.form["unit"] = unit
    column.told.append(f"numbers with the unit `{unit}`")
    if without:
        column.told.append(f"`{unit}` is absent in {without:,} cells")
        column.doubts.append(f"numbers without `{unit}` were taken to be of the same unit. Are they?")


def _check_finite(rest: Counted, fits: pa.Array, what: str) -> None:
    infinite = rest.number_like(_INFINITE)
    if infinite and pc.any(fits).as_py():
        raise DataError(
            what,
            rule="a number is finite or missing",
            received=f"{infinite:,} infinite values",
            remedy="Correct them where the data come from, or take them for missing with `--missing inf`.",
        )


def _sentinels(numbers: NDArray[np.float64], column: DraftedColumn, options: ReadingOptions, *, keep: bool) -> None:
    """Look for numbers that stand for `not known` besides those of `options`; add to `column` what is found."""
    declared = [float(code) for code in options.missing if is_number(code)]
    for value in find_sentinels(numbers[~np.isin(numbers, declared)] if declared else numbers):
        code = f"{value:g}"
        count = int((numbers == value).sum())
        if keep or (count == 1 and 0 < value < _CODED):
            column.told.append(f"`{code}` stands alone among its numbers, in {count:,} cells, and was kept")
            column.doubts.append("a number that looks like a code stands alone; it was kept. Is it a value?")
            continue
        column.form["missing"] = [*column.form.get("missing", []), code]
        column.told.append(f"`{code}`, which stands alone among its numbers, was taken for missing in {count:,} cells")
        column.doubts.append(f"`{code}` stands alone among its numbers and was taken for missing. Is it?")


def _all_within(numbers: NDArray[np.float64], low: int, high: int) -> bool:
    known = numbers[np.isfinite(numbers)]
    return bool(len(known) and known.min() >= low and known.max() <= high)


def _words(texts: Counted, *, among_numbers: bool) -> list[str]:
    """Return the cells which say that nothing is known, as they are written."""
    likely = pc.unique(texts.but(pc.match_substring_regex(texts.texts, _IN_NO_WORD)).texts)
    return [text for text in likely.to_pylist() if is_missing_word(text, among_numbers=among_numbers)]


def _nothing_or_dates(
    texts: Counted, rest: Counted, words: list[str], options: ReadingOptions, what: str
) -> DraftedColumn:
    if not len(rest):
        return DraftedColumn("number", *_missing(texts, words)) if _all_missing(words) else _text(texts, texts, texts)
    form = find_date_form(rest, options.date)
    if form is None:
        raise DataError(
            what,
            rule="dates are written in one form",
            received=f"{len(rest):,} cells of which most look like dates, and not all are in one form",
            remedy="Correct them in the file; or take them as they are with --text, or leave them out with --drop.",
        )
    entry, told = _missing(texts, words)
    shown = {"%Y%m%d": "year, month and day without marks", "ISO8601": "year-month-day"}.get(form.date, form.date)
    return DraftedColumn(
        "date", {"date": form.date} | entry, [f"dates, written as {shown}", *told], [form.doubt] if form.doubt else []
    )


def _typed_dates(cells: Sequence[Any], dates: int, what: str) -> DraftedColumn:
    others = [written(cell) for cell in cells if not isinstance(cell, date)]
    texts = Counted.of([stripped(others)])
    words = _words(texts, among_numbers=True)
    odd = texts.without(words)
    if len(odd):
        raise DataError(
            what,
            rule="dates of a spreadsheet are alone in their column",
            received=f"{dates:,} dates among {len(odd):,} others (a spreadsheet makes a date of SEPT2, 1-2 or 1.5)",
            remedy="Restore what they were in the file, or leave the column out with --drop.",
        )
    entry, told = _missing(texts, words)
    return DraftedColumn("date", {"date": "ISO8601"} | entry, ["dates", *told])


def _best_form(bound: Counted, decimal: str) -> tuple[Form, pa.Array]:
    """Return the form in which most cells are numbers; of equal ones that which is nearest to the file's."""
    other = "," if decimal == "." else "."
    forms: list[Form] = [(decimal, None), (decimal, other), (other, None), (other, decimal)]
    forms += [(mark, group) for mark in (decimal, other) for group in (" ", "'")]
    if bound.any(_POINT) and bound.any(_COMMA):
        forms.append(("either", None))
    fits = [(form, fits_numbers(bound.texts, *form)) for form in forms]
    return max(fits, key=lambda one: bound.number_of(one[1]))


def _number(
    texts: Counted, numbers: Counted, words: list[str], forms: tuple[Form, str]
) -> tuple[DraftedColumn, NDArray[np.float64]]:
    chosen, decimal = forms
    entry, told = _missing(texts, words)
    column = DraftedColumn("number", entry, told)
    vague = [word for word in words if word.lower() in _NONE_AT_ALL or not is_missing_word(word)]
    if vague:
        column.doubts.append(f"{_quoted(vague)} among its numbers was taken for missing. Is it, or is it a value?")
    if chosen != (decimal, None):
        column.form["decimal"] = chosen[0]
        if chosen[1] is not None:
            column.form["thousands"] = chosen[1]
        _tell_form(column, numbers, chosen)
    beyond = pc.match_substring_regex(numbers.texts, INEQUALITY)
    if numbers.number_of(beyond):
        column.form["inequalities"] = "bound"
        column.told.append(f"{shown_cells(numbers.where(beyond).cells())}, were read as the bound itself")
        column.doubts.append("cells beyond a bound, such as `>200`, were read as the bound. Is `missing` better?")
    within = numbers.but(beyond)
    return column, np.repeat(_as_floats(plain_numbers(within.texts, *chosen)), within.counts)


def _as_floats(texts: pa.Array) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pc.utf8_ltrim(texts, "+").cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _tell_form(column: DraftedColumn, numbers: Counted, chosen: Form) -> None:
    names = {".": "point", ",": "comma", " ": "space", "'": "apostrophe"}
    if chosen[0] == "either":
        column.told.append("numbers with a decimal point and with a decimal comma")
        column.doubts.append(
            "its numbers have both decimal points and commas, and each was read as decimal. Is it right?"
        )
        return
    group = f", {names[chosen[1]]} between thousands" if chosen[1] else ""
    column.told.append(f"numbers with a decimal {names[chosen[0]]}{group}")
    if chosen[1] in (".", ",") and not numbers.any(_POINT if chosen[0] == "." else _COMMA):
        shown = f"1{chosen[1]}234"
        column.doubts.append(f"numbers such as `{shown}` were read as 1234. Is it right, or is it 1.234?")


def _frequent_words(odd: Counted, numbers: Counted, what: str) -> list[str]:
    """Return words so frequent that no single patient's is among them; refuse any other."""
    counts = odd.series(odd.texts).value_counts()
    if len(counts) <= _FEW_WORDS and counts.min() >= SMALLEST_CELL and not odd.any(r"\d"):
        return [str(word) for word in counts.index]
    raise DataError(
        what,
        rule="a column of numbers holds numbers, and words for what is not known",
        received=f"{shown_cells(odd.cells())}, among {len(numbers):,} numbers",
        remedy="Say which cells mean missing with --missing, that the column holds codes with --text, or leave it"
        " out with --drop.",
    )


def _text(texts: Counted, rest: Counted, bound: Counted) -> DraftedColumn:
    """Return a column of texts, in which fewer words surely mean `not known`."""
    words = _words(texts, among_numbers=False)
    if texts.any("^-$") and not texts.any(r"^\+$"):
        words.append("-")
    entry, told = _missing(texts, words)
    column = DraftedColumn("text", entry, told)
    if any(word.lower() == "na" for word in words) and _are_all_of_two_letters(texts, words):
        column.doubts.append("`NA` was taken for missing among codes of two letters. Is it one of them?")
    if "-" in words:
        column.doubts.append("`-` was taken for missing. Is it, or does it mean negative?")
    if rest.all(_FRACTION):
        _tell_pairs(column, rest)
    elif bound.any(CODE) and rest.all(r"^\d+$"):
        column.told.append("codes with zeros in front or many digits, read as text")
    elif len(rest) and texts.differ(MEASURED) and rest.number_like(_NUMBER_AND_MORE) / len(rest) >= _MOSTLY:
        column.told.append(f"{shown_cells(rest.cells())}, were read as categories")
        column.doubts.append("cells of a number and more were read as categories. Are they numbers?")
    return column


def _are_all_of_two_letters(texts: Counted, words: list[str]) -> bool:
    codes = {text.lower() for text in pc.unique(texts.texts).to_pylist()} - {word.lower() for word in words}
    return bool(codes) and all(len(code) == 2 and code.isalpha() for code in codes)


def _tell_pairs(column: DraftedColumn, rest: Counted) -> None:
    """Ask about cells of two numbers: a date, a fraction, or two measurements such as of blood pressure."""
    if rest.any(r"\d{3}"):
        column.told.append("cells of two numbers, such as `120/80`, were read as categories")
        column.doubts.append("cells of two numbers were read as categories. Is each better a column of its own?")
    else:
        column.told.append("cells such as `1/2` were read as categories")
        column.doubts.append("cells such as `1/2` were read as categories. Are they dates or fractions?")


def _missing(texts: Counted, words: list[str]) -> tuple[dict[str, Any], list[str]]:
    if not words:
        return {}, []
    counts = {word: texts.number_of(pc.equal(texts.texts, word)) for word in sorted(words)}
    told = ", ".join(f"`{word}` in {count:,} cells" for word, count in counts.items())
    return {"missing": sorted(words)}, [f"{told}, taken for missing"]


def _all_missing(words: list[str]) -> bool:
    return all(is_missing_word(word, among_numbers=False) for word in words)


def _quoted(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
