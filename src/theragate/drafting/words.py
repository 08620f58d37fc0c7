"""Names of columns as words, and numbers as a person would write them."""

import math
import re

__all__ = ["SMALL_EFFECT", "outward", "rounded", "words_of"]

SMALL_EFFECT = 0.2  # in standard deviations of a quantity, in Cohen's sense


def words_of(name: str) -> set[str]:
    """Return the words of a column's name in small letters: ``ageAtEntry`` has age, at, entry."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return {word for word in re.split(r"[^a-z]+", split.lower()) if word}


def rounded(value: float, digits: int = 2) -> float:
    """Return `value` with so many significant digits."""
    return float(f"{value:.{digits}g}")


def outward(low: float, high: float) -> tuple[float, float]:
    """Return round bounds that lie outside `low` and `high` by about the distance between them.

    They are of the form of the many and hold no single patient's value.
    """
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    return rounded(math.floor((low - span) / step) * step, 6), rounded(math.ceil((high + span) / step) * step, 6)
