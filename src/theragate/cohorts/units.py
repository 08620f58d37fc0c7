"""Units by UCUM, as far as clinical measurements need them, and from one to another of the same dimension.

Factors are exact. What is not the same dimension is not converted: a molar mass is for the study to declare, and
international units, equivalents and osmoles are each a dimension of their own.

Reference: G. Schadow, C. J. McDonald, The Unified Code for Units of Measure, https://ucum.org/ucum.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

__all__ = ["Conversion", "conversion", "is_unit"]

_Dimensions: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Conversion:
    """From a number in one unit to the number in another: ``number * factor + offset``."""

    factor: float
    offset: float = 0.0

    def __call__(self, number: float) -> float:
        """Convert a number."""
        return number * self.factor + self.offset


@dataclass(frozen=True)
class _Size:
    """How much of its dimensions a unit is; ``zero`` is where its scale begins, in the base unit."""

    factor: Fraction
    dimensions: _Dimensions
    zero: Fraction = Fraction(0)

    def times(self, other: "_Size", power: int = 1) -> "_Size":
        if self.zero or other.zero:
            raise ValueError  # of a temperature on such a scale nothing is a multiple
        powers = dict(self.dimensions)
        for name, exponent in other.dimensions:
            powers[name] = powers.get(name, 0) + power * exponent
        left = tuple(sorted((name, exponent) for name, exponent in powers.items() if exponent))
        return _Size(self.factor * other.factor**power, left)


def _size(factor: str | int, /, zero: str = "0", **dimensions: int) -> _Size:
    return _Size(Fraction(factor), tuple(sorted(dimensions.items())), Fraction(zero))


_ONE = _size(1)
_PREFIXES = {
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
}
# Those that take a prefix, and those that do not. Lengths in metres, masses in grams, times in seconds.
_METRIC = {
    "m": _size(1, m=1),
    "g": _size(1, g=1),
    "s": _size(1, s=1),
    "mol": _size(1, mol=1),
    "K": _size(1, K=1),
    "Cel": _size(1, "273.15", K=1),
    "L": _size("1/1000", m=3),
    "l": _size("1/1000", m=3),
    "Pa": _size(1000, g=1, m=-1, s=-2),
    "bar": _size(100_000_000, g=1, m=-1, s=-2),
    "m[Hg]": _size("133322000", g=1, m=-1, s=-2),
    "m[H2O]": _size("9806650", g=1, m=-1, s=-2),
    "J": _size(1000, g=1, m=2, s=-2),
    "cal": _size(4184, g=1, m=2, s=-2),
    "W": _size(1000, g=1, m=2, s=-3),
    "N": _size(1000, g=1, m=1, s=-2),
    "Hz": _size(1, s=-1),
    "Bq": _size(1, s=-1),
    "kat": _size(1, mol=1, s=-1),
    "U": _size("1/60000000", mol=1, s=-1),
    "eq": _size(1, eq=1),
    "osm": _size(1, osm=1),
    "[IU]": _size(1, iu=1),
    "[iU]": _size(1, iu=1),
    "t": _size(1_000_000, g=1),
}
_PLAIN = {
    "min": _size(60, s=1),
    "h": _size(3600, s=1),
    "d": _size(86_400, s=1),
    "wk": _size(604_800, s=1),
    "mo": _size(2_629_800, s=1),
    "a": _size(31_557_600, s=1),
    "%": _size("1/100"),
    "[ppth]": _size("1/1000"),
    "[ppm]": _size("1/1000000"),
    "[degF]": _size("5/9", "45967/180", K=1),
    "[lb_av]": _size("453.59237", g=1),
    "[oz_av]": _size("28.349523125", g=1),
    "[in_i]": _size("0.0254", m=1),
    "[ft_i]": _size("0.3048", m=1),
    "10*": _size(10),
    "10^": _size(10),
}
_COMPONENT = re.compile(r"(?P<atom>10[*^]|(?:[A-Za-z%]|\[[^\]\s]*\])+|\d+)(?P<power>[+-]?\d+)?")
_ANNOTATION = re.compile(r"\{[^{}]*\}")


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is known here."""
    return _sized(text) is not None


def conversion(received: str, wanted: str) -> Conversion | None:
    """Return how numbers in one unit become numbers in another; None where nobody knows.

    A unit that is not known here is itself and no other.
    """
    if received == wanted:
        return Conversion(1.0)
    ours, theirs = _sized(wanted), _sized(received)
    if ours is None or theirs is None or ours.dimensions != theirs.dimensions:
        return None
    return Conversion(float(theirs.factor / ours.factor), float((theirs.zero - ours.zero) / ours.factor))


@lru_cache(maxsize=1024)
def _sized(text: str) -> _Size | None:
    plain = _ANNOTATION.sub("", text.strip().replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u"))
    try:
        return _term(plain) if plain else (_ONE if text.strip() else None)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _term(text: str) -> _Size:
    """Return the size of factors between points and strokes, from left to right; raises ValueError for what is none."""
    size, power, at = _ONE, 1, 0
    if text.startswith("/"):
        power, at = -1, 1
    while True:
        factor, at = _factor(text, at)
        size = factor if at == len(text) and size is _ONE and power == 1 else size.times(factor, power)
        if at == len(text):
            return size
        power, at = {".": 1, "/": -1}.get(text[at], 0), at + 1
        if power == 0:
            raise ValueError


def _factor(text: str, at: int) -> tuple[_Size, int]:
    if at < len(text) and text[at] in "./":  # an annotation stood here, as in `{beats}/min`
        return _ONE, at
    if at == len(text):
        return _ONE, at
    if text[at] == "(":
        end = _closing(text, at)
        return _term(text[at + 1 : end]), end + 1
    found = _COMPONENT.match(text, at)
    if found is None:
        raise ValueError
    size, power = _atom(found["atom"]), int(found["power"] or 1)
    if abs(power) > 30:
        raise ValueError
    return (size if power == 1 else _ONE.times(size, power)), found.end()


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError


def _atom(text: str) -> _Size:
    known = _PLAIN.get(text) or _METRIC.get(text)
    if known is not None:
        return known
    if text.isdigit():
        return _Size(Fraction(int(text)), ())
    for prefix, power in _PREFIXES.items():
        if text.startswith(prefix) and text[len(prefix) :] in _METRIC:
            metric = _METRIC[text[len(prefix) :]]
            return _Size(metric.factor * Fraction(10) ** power, metric.dimensions, metric.zero)
    raise ValueError
