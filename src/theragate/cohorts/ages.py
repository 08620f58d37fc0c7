"""Ages: which columns hold them, in which unit, and where they are top-coded."""

from typing import Final

import numpy as np
import pandas as pd

from theragate.cohorts.column_names import spellings, words_of
from theragate.study import AgeUnit

__all__ = ["OLDEST", "TOP_AGE", "age_unit", "is_named_age", "per_year", "top_of"]

TOP_AGE = 90
OLDEST = 130  # nobody is older: a higher number is a code, or another unit
_PER_YEAR: Final[dict[AgeUnit, float]] = {"years": 1.0, "months": 12.0, "weeks": 365.25 / 7, "days": 365.25}
HIGH, FEWEST = 0.2, 3  # a share of ages above `OLDEST` that is no mistake; distinct ones, which codes have not
GAP = 1.1  # times the highest age up to `OLDEST`: where ages in another unit go on, and codes do not begin

_AGES = "age ages alter lebensalter patientenalter âge edad età leeftijd"
_JOINED = ("age", "alter", "edad", "leeftijd")  # as in agedays, age_yrs, AlterJahre
_UNITS: dict[AgeUnit, str] = {
    "years": "year years yr yrs y jahre jahren ans année années año años anos anni jaar",
    "months": "month months mo mos mth mths monate monaten mois mes meses mese mesi maand maanden",
    "weeks": "week weeks wk wks woche wochen semaine semaines semana semanas settimana settimane weken",
    "days": "day days d tag tage tagen jour jours día días dia dias giorno giorni dag dagen",
}
_NAMES = {form for word in _AGES.split() for form in spellings(word)}
_UNIT = {form: unit for unit, words in _UNITS.items() for word in words.split() for form in spellings(word)}


def is_named_age(name: str) -> bool:
    """Whether a column is called an age, in one of six languages."""
    words = words_of(name)
    return any(word in _NAMES for word in words) or any(_joined_unit(word) for word in words)


def age_unit(name: str, ages: pd.Series) -> AgeUnit | None:
    """Return the unit of a column that is called an age: by its name, else by how high its numbers are.

    None if the numbers are no ages in any unit, such as where a few of them are codes like 999.
    """
    known = ages.dropna().to_numpy(dtype=np.float64)
    if not len(known):
        return None
    named = next((_UNIT[word] for word in words_of(name) if word in _UNIT), None)
    named = named or next(filter(None, map(_joined_unit, words_of(name))), None)
    highest, beyond = float(known.max()), known[known > OLDEST]
    if named is not None and highest <= OLDEST * _PER_YEAR[named]:
        return named
    if highest <= OLDEST:
        return "years"
    follows = len(beyond) >= HIGH * len(known) or beyond.min() <= GAP * known[known <= OLDEST].max(initial=0)
    if not follows or len(np.unique(beyond)) < FEWEST:
        return None
    other: tuple[AgeUnit, ...] = ("months", "days")
    return next((unit for unit in other if highest <= OLDEST * _PER_YEAR[unit]), None)


def per_year(unit: AgeUnit) -> float:
    """Return how many of a unit a year has."""
    return _PER_YEAR[unit]


def top_of(unit: AgeUnit) -> float:
    """Return the number that stands for an age of 90 years and more."""
    return float(np.floor(TOP_AGE * _PER_YEAR[unit]))


def _joined_unit(word: str) -> AgeUnit | None:
    stem = next((stem for stem in _JOINED if word.startswith(stem)), word)
    return _UNIT.get(word.removeprefix(stem))
