"""In which form dates are written."""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from theragate.drafting.forms.counted import Counted
from theragate.drafting.forms.options import DateOrder

__all__ = ["DateForm", "find_date_form", "like_dates"]

ISO = "ISO8601"
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_TIME = {"": "", r" \d{1,2}:\d{2}": " %H:%M", r" \d{1,2}:\d{2}:\d{2}": " %H:%M:%S"}
_ORDERS: dict[DateOrder, str] = {"dmy": "%d{0}%m{0}%{1}", "mdy": "%m{0}%d{0}%{1}", "ymd": "%{1}{0}%m{0}%d"}
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_YEAR, _MONTH = r"(?:19|20)\d{2}", r"(?:0?[1-9]|1[0-2])"
_NAMED = {
    rf"^\d{{1,2}}-{_MONTHS}-\d{{4}}$": "%d-%b-%Y",
    rf"^\d{{1,2}} {_MONTHS} \d{{4}}$": "%d %b %Y",
    rf"^\d{{1,2}}{_MONTHS}\d{{4}}$": "%d%b%Y",
    rf"^\d{{1,2}}-{_MONTHS}-\d{{2}}$": "%d-%b-%y",
    rf"^{_MONTHS} \d{{1,2}}, \d{{4}}$": "%b %d, %Y",
    # Months of a year are finer than it, too.
    rf"^{_MONTHS} \d{{4}}$": "%b %Y",
    rf"^{_MONTHS}-\d{{4}}$": "%b-%Y",
    rf"^{_MONTHS}-\d{{2}}$": "%b-%y",
    r"^(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{4}$": "%B %Y",
    rf"^{_YEAR}-{_MONTH}$": "%Y-%m",
    rf"^{_YEAR}/{_MONTH}$": "%Y/%m",
    rf"^{_MONTH}/{_YEAR}$": "%m/%Y",
    rf"^{_MONTH}\.{_YEAR}$": "%m.%Y",
    rf"^{_MONTH}-{_YEAR}$": "%m-%Y",
}
_ANY = r"^(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4})(?:[ T]\d.*)?$"
_COMPACT = r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"
_MOSTLY = 0.9


@dataclass(frozen=True)
class DateForm:
    """A form as `source.columns` declares it, and why a person has to look at it, if so."""

    date: str
    doubt: str | None = None


def like_dates(texts: Counted) -> bool:
    """Whether nearly all of some texts look like dates, if only by their marks."""
    named = "|".join(pattern.strip("^$") for pattern in _NAMED)
    if texts.all(_COMPACT):
        return True
    return len(texts) > 0 and texts.number_like(f"{_ANY}|(?i:^(?:{named})$)") >= _MOSTLY * len(texts)


def find_date_form(texts: Counted, order: DateOrder | None) -> DateForm | None:
    """Return the form in which all of some texts are dates, or None.

    Parameters
    ----------
    texts
        At least one, none of them missing.
    order
        Which of day, month and year comes first where several orders fit; None takes the day first, with a doubt.
    """
    if texts.all(_ISO):
        return DateForm(ISO) if _parsed(texts, ISO) else None
    if texts.all(_COMPACT):
        return DateForm("%Y%m%d") if _parsed(texts, "%Y%m%d") else None
    for pattern, named in _NAMED.items():
        if texts.all(f"(?i){pattern}"):
            return DateForm(named, _two_digits(named)) if _parsed(texts, named) else None
    for mark, (time, clock), digits in product("./-", _TIME.items(), (4, 2)):
        form = _ordered(texts, mark, (time, clock), digits=digits, order=order)
        if form is not None:
            return form
    return None


def _ordered(
    texts: Counted, mark: str, clock: tuple[str, str], *, digits: int, order: DateOrder | None
) -> DateForm | None:
    year = "Y" if digits == 4 else "y"
    point = re.escape(mark)
    shapes: dict[DateOrder, str] = {
        "dmy": rf"^\d{{1,2}}{point}\d{{1,2}}{point}\d{{{digits}}}{clock[0]}$",
        "mdy": rf"^\d{{1,2}}{point}\d{{1,2}}{point}\d{{{digits}}}{clock[0]}$",
        "ymd": rf"^\d{{{digits}}}{point}\d{{1,2}}{point}\d{{1,2}}{clock[0]}$",
    }
    fits = {
        name: _ORDERS[name].format(mark, year) + clock[1]
        for name, shape in shapes.items()
        if texts.all(shape) and _parsed(texts, _ORDERS[name].format(mark, year) + clock[1])
    }
    if not fits:
        return None
    if order in fits:
        return DateForm(fits[order], _two_digits(fits[order]))
    first = next(iter(fits))
    if len(fits) == 1:
        return DateForm(fits[first], _two_digits(fits[first]))
    which = {"dmy": "the day first", "mdy": "the month first", "ymd": "the year first"}
    doubt = f"dates were read with {which[first]}; no date tells whether it is {which[list(fits)[1]]}. Is it right?"
    return DateForm(fits[first], " ".join(filter(None, [doubt, _two_digits(fits[first])])))


def _two_digits(form: str) -> str | None:
    if "%y" not in form:
        return None
    return "years have two digits; 69 to 99 were read as 1969 to 1999, 00 to 68 as 2000 to 2068. Is it right?"


def _parsed(texts: Counted, form: str) -> bool:
    distinct: Any = pd.Series(pc.unique(texts.texts).to_pandas(), dtype="str")
    return bool(pd.to_datetime(distinct, format=form, errors="coerce", utc=form == ISO).notna().all())
