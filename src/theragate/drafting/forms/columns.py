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
from theragate.drafting.forms.dates import find_date_form, like_dates
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.sentinels import find_sentinels
from theragate.errors import DataError
from theragate.evidence.published import SMALLEST_CELL

__all__ = ["Cells", "DraftedColumn", "GivenCells", "draft_column", "find_decimal"]

MEASURED = 10  # with more distinct numbers a column is a measurement, with fewer its numbers may be codes
_HALF, _MOSTLY, _FEW_WORDS = 0.5, 0.9, 3
_CODED = 777  # from which on even one number that stands alone is rather a code
_INFINITE = r"(?i)^[+-]?(?:inf|infinity|∞)$"
_POINT = r"^[+-]?(?:0?\.\d+|0\.\d*|\d{4,}\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d+)(?:[eE][+-]?\d+)?$"
_COMMA = r"^[+-]?(?:0?,\d+|0,\d*|\d{4,},\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+)(?:[eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?[1-9]\d{0,2}(?:[.,]\d{3})+$"  # 1,765 may be either
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


GivenCells: TypeAlias = Sequence[Any] | Pieces


class Cells:
    """The cells of a column: texts; of a sheet also numbers, dates and truth values."""

    def __init__(self, cells: GivenCells) -> None:
        self._pieces = cells if isinstance(cells, Pieces) else None
        self.given: Sequence[Any] = () if isinstance(cells, Pieces) else cells

    @cached_property
    def plain(self) -> NDArray[np.float64] | None:
        """The numbers of a column that has nothing else, written as a computer does, as most columns are."""
        if not self._are_texts and all(cell is None or type(cell) in (int, float) for cell in self.given):
            typed = np.array([np.nan if cell is None else cell for cell in self.given], dtype=np.float64)
            return None if _all_within(typed, 18_000_101, 21_001_231) else typed
        if not self._are_texts:
            return None
        texts = self._stripped
        if texts.null_count == len(texts) or not pc.all(pc.match_substring_regex(texts, NUMBER)).as_py():
            return None
        points = texts.filter(pc.match_substring(texts, "."))
        # What may be thousands, a date or a code is looked at more closely.
        if len(points) == len(texts.drop_null()) and _share(points, _MONTH_AS_NUMBER) == 1:
            return None
        if (len(points) and not _any(points, _POINT)) or _any(texts, r"^[+-]?(?:0\d+|\d{8}|\d{16,})$"):
            return None
        numbers: NDArray[np.float64] = pc.utf8_ltrim(texts, "+").cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers

    @cached_property
    def points(self) -> bool:
        """Whether some cell can only have a decimal point."""
        return _any(self.texts("."), _POINT) if self.plain is None else self._fractions

    @cached_property
    def commas(self) -> bool:
        """Whether some cell can only have a decimal comma."""
        return self.plain is None and _any(self.texts("."), _COMMA)

    def plain_with(self, decimal: str) -> NDArray[np.float64] | None:
        """Return `plain`, unless it has decimals and the file's mark is another."""
        written_so = decimal == "." or not self._fractions or not self._are_texts
        return self.plain if self.plain is not None and written_so else None

    def texts(self, decimal: str) -> pa.Array:
        """Return what is known as texts, numbers of a sheet with this decimal mark."""
        texts = self._stripped if self._are_texts else stripped([written(cell, decimal) for cell in self.given])
        texts = texts.drop_null()
        return pc.replace_substring_regex(pc.replace_substring(texts, "−", "-"), "[\u00a0\u202f]", " ")

    @cached_property
    def _are_texts(self) -> bool:
        return any(map(len, self._pieces)) if self._pieces else all(isinstance(cell, str) for cell in self.given or [0])

    @property
    def _stripped(self) -> pa.Array:
        given = self._pieces or Pieces([lambda: pa.array(self.given, pa.large_string())])
        return pa.concat_arrays([stripped(piece) for piece in given])

    @cached_property
    def _fractions(self) -> bool:
        known = self.plain[np.isfinite(self.plain)] if self.plain is not None else np.empty(0)
        return bool((known != np.floor(known)).any())


def find_decimal(columns: Sequence[Cells], separator: str) -> Literal[".", ","]:
    """Return the decimal mark of most columns; of none, the one that goes with the separator."""
    points, commas = sum(cells.points for cells in columns), sum(cells.commas for cells in columns)
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
    texts = cells.texts(decimal)
    texts = texts.filter(pc.invert(pc.is_in(texts, pa.array(options.missing, pa.large_string()))))
    words = _words(texts, among_numbers=True)
    rest = texts.filter(pc.invert(pc.is_in(texts, pa.array(words, pa.large_string()))))
    if not len(rest) or like_dates(rest):
        return _nothing_or_dates(texts, rest, words, options, what)
    unit = _unit_of(rest, decimal, what)
    given, rest = rest, without_unit(rest, unit) if unit else rest
    bound = pc.replace_substring_regex(rest, INEQUALITY, "")
    chosen, fits = _best_form(bound, decimal)
    _check_finite(rest, fits, what)
    numbers, odd = rest.filter(fits), rest.filter(pc.invert(fits))
    if not len(numbers) or (_any(bound, CODE) and not _any(bound.filter(fits), r"[.,eE]")):
        return _text(texts, rest, bound)
    if len(odd):
        measured = pc.count_distinct(numbers).as_py() > MEASURED and len(numbers) >= _HALF * len(rest)
        if not measured:
            return _text(texts, rest, bound)
        words = [*words, *_frequent_words(odd, numbers, what)]
    column, values = _number(texts, numbers, words, (chosen, decimal))
    if unit is not None:
        _tell_unit(column, unit, given)
    _sentinels(values, column, options, keep=name in options.outcome)
    return column


def _unit_of(rest: pa.Array, decimal: str, what: str) -> str | None:
    """Return what follows the numbers of a column, if it is the same in all that have something; else None.

    Raises
    ------
    DataError
        If the numbers are of several units, each of many patients.
    """
    parts = pc.drop_null(pc.extract_regex(rest, _WITH_UNIT))
    if len(parts) < SMALLEST_CELL:
        return None
    numbers = pc.struct_field(parts, "number")
    bound = pc.utf8_trim_whitespace(pc.replace_substring_regex(numbers, INEQUALITY, ""))
    units = pd.Series(pc.struct_field(parts, "unit").to_pylist(), dtype="object")
    alone = pc.sum(_best_form(rest, decimal)[1]).as_py() or 0
    fits = pc.sum(_best_form(bound, decimal)[1]).as_py() or 0
    if fits < len(parts) or len(parts) + alone < _MOSTLY * len(rest):
        return None
    kinds = units.str.casefold().value_counts()
    measured = pc.count_distinct(bound).as_py() > MEASURED
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


def _tell_unit(column: DraftedColumn, unit: str, given: pa.Array) -> None:
    without = pc.sum(pc.equal(given, without_unit(given, unit))).as_py() or 0
    column.form["unit"] = unit
    column.told.append(f"numbers with the unit `{unit}`")
    if without:
        column.told.append(f"`{unit}` is absent in {without:,} cells")
        column.doubts.append(f"numbers without `{unit}` were taken to be of the same unit. Are they?")


def _check_finite(rest: pa.Array, fits: pa.Array, what: str) -> None:
    infinite = pc.sum(pc.match_substring_regex(rest, _INFINITE)).as_py() or 0
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
    for value in find_sentinels(numbers[~np.isin(numbers, declared)]):
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


def _words(texts: pa.Array, *, among_numbers: bool) -> list[str]:
    """Return the cells which say that nothing is known, as they are written."""
    return [text for text in pc.unique(texts).to_pylist() if is_missing_word(text, among_numbers=among_numbers)]


def _nothing_or_dates(
    texts: pa.Array, rest: pa.Array, words: list[str], options: ReadingOptions, what: str
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
    texts = stripped(others).drop_null()
    words = _words(texts, among_numbers=True)
    odd = texts.filter(pc.invert(pc.is_in(texts, pa.array(words, pa.large_string()))))
    if len(odd):
        raise DataError(
            what,
            rule="dates of a spreadsheet are alone in their column",
            received=f"{dates:,} dates among {len(odd):,} others (a spreadsheet makes a date of SEPT2, 1-2 or 1.5)",
            remedy="Restore what they were in the file, or leave the column out with --drop.",
        )
    entry, told = _missing(texts, words)
    return DraftedColumn("date", {"date": "ISO8601"} | entry, ["dates", *told])


def _best_form(bound: pa.Array, decimal: str) -> tuple[Form, pa.Array]:
    """Return the form in which most cells are numbers; of equal ones that which is nearest to the file's."""
    other = "," if decimal == "." else "."
    forms: list[Form] = [(decimal, None), (decimal, other), (other, None), (other, decimal)]
    forms += [(mark, group) for mark in (decimal, other) for group in (" ", "'")]
    if _any(bound, _POINT) and _any(bound, _COMMA):
        forms.append(("either", None))
    fits = [(form, fits_numbers(bound, *form)) for form in forms]
    return max(fits, key=lambda one: pc.sum(one[1]).as_py() or 0)


def _number(
    texts: pa.Array, numbers: pa.Array, words: list[str], forms: tuple[Form, str]
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
    beyond = pc.match_substring_regex(numbers, INEQUALITY)
    count = pc.sum(beyond).as_py() or 0
    if count:
        column.form["inequalities"] = "bound"
        column.told.append(f"{shown_cells(numbers.filter(beyond))}, were read as the bound itself")
        column.doubts.append("cells beyond a bound, such as `>200`, were read as the bound. Is `missing` better?")
    bound = pc.replace_substring_regex(numbers.filter(pc.invert(beyond)), INEQUALITY, "")
    plain = plain_numbers(bound, *chosen).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return column, plain


def _tell_form(column: DraftedColumn, numbers: pa.Array, chosen: Form) -> None:
    names = {".": "point", ",": "comma", " ": "space", "'": "apostrophe"}
    if chosen[0] == "either":
        column.told.append("numbers with a decimal point and with a decimal comma")
        column.doubts.append(
            "its numbers have both decimal points and commas, and each was read as decimal. Is it right?"
        )
        return
    group = f", {names[chosen[1]]} between thousands" if chosen[1] else ""
    column.told.append(f"numbers with a decimal {names[chosen[0]]}{group}")
    if chosen[1] in (".", ",") and not _any(numbers, _POINT if chosen[0] == "." else _COMMA):
        shown = f"1{chosen[1]}234"
        column.doubts.append(f"numbers such as `{shown}` were read as 1234. Is it right, or is it 1.234?")


def _frequent_words(odd: pa.Array, numbers: pa.Array, what: str) -> list[str]:
    """Return words so frequent that no single patient's is among them; refuse any other."""
    counts = pd.Series(odd.to_pylist(), dtype="object").value_counts()
    if len(counts) <= _FEW_WORDS and counts.min() >= SMALLEST_CELL and not _any(odd, r"\d"):
        return [str(word) for word in counts.index]
    raise DataError(
        what,
        rule="a column of numbers holds numbers, and words for what is not known",
        received=f"{shown_cells(odd)}, among {len(numbers):,} numbers",
        remedy="Say which cells mean missing with --missing, that the column holds codes with --text, or leave it"
        " out with --drop.",
    )


def _text(texts: pa.Array, rest: pa.Array, bound: pa.Array) -> DraftedColumn:
    """Return a column of texts, in which fewer words surely mean `not known`."""
    words = _words(texts, among_numbers=False)
    distinct = set(pc.unique(texts).to_pylist())
    if "-" in distinct and "+" not in distinct:
        words.append("-")
    entry, told = _missing(texts, words)
    column = DraftedColumn("text", entry, told)
    codes = {text.lower() for text in distinct} - {word.lower() for word in words}
    if (
        any(word.lower() == "na" for word in words)
        and codes
        and all(len(code) == 2 and code.isalpha() for code in codes)
    ):
        column.doubts.append("`NA` was taken for missing among codes of two letters. Is it one of them?")
    if "-" in words:
        column.doubts.append("`-` was taken for missing. Is it, or does it mean negative?")
    if len(rest) and pc.all(pc.match_substring_regex(rest, _FRACTION)).as_py():
        _tell_pairs(column, rest)
    elif len(rest) and _any(bound, CODE) and pc.all(pc.match_substring_regex(rest, r"^\d+$")).as_py():
        column.told.append("codes with zeros in front or many digits, read as text")
    elif len(rest) and len(distinct) > MEASURED and _share(rest, _NUMBER_AND_MORE) >= _MOSTLY:
        column.told.append(f"{shown_cells(rest)}, were read as categories")
        column.doubts.append("cells of a number and more were read as categories. Are they numbers?")
    return column


def _tell_pairs(column: DraftedColumn, rest: pa.Array) -> None:
    """Ask about cells of two numbers: a date, a fraction, or two measurements such as of blood pressure."""
    if _any(rest, r"\d{3}"):
        column.told.append("cells of two numbers, such as `120/80`, were read as categories")
        column.doubts.append("cells of two numbers were read as categories. Is each better a column of its own?")
    else:
        column.told.append("cells such as `1/2` were read as categories")
        column.doubts.append("cells such as `1/2` were read as categories. Are they dates or fractions?")


def _missing(texts: pa.Array, words: list[str]) -> tuple[dict[str, Any], list[str]]:
    if not words:
        return {}, []
    counts = {word: pc.sum(pc.equal(texts, word)).as_py() for word in sorted(words)}
    told = ", ".join(f"`{word}` in {count:,} cells" for word, count in counts.items())
    return {"missing": sorted(words)}, [f"{told}, taken for missing"]


def _all_missing(words: list[str]) -> bool:
    return all(is_missing_word(word, among_numbers=False) for word in words)


def _quoted(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _share(texts: pa.Array, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())
