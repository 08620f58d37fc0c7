"""Numbers that stand for `not known`: 999 among ages, -9 among blood pressures. They are found by value."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_sentinels"]

_NEGATIVE = {-1.0, -5.0, -6.0, -7.0, -8.0, -9.0, -66.0, -77.0, -88.0, -99.0, -666.0, -777.0, -888.0, -999.0}
_NEGATIVE |= {-9999.0, -99999.0, -8888.0, -7777.0, -99.9, -999.9}
_POSITIVE = {9.0, 77.0, 88.0, 99.0, 777.0, 888.0, 999.0, 7777.0, 8888.0, 9999.0, 99999.0, 999999.0, 99.9, 999.9, 9999.9}
_SURE = {-7.0, -8.0, -9.0}  # of single digits, those that are no grade of better or worse
_MEASURED = 10  # with more distinct numbers a column is a measurement, with fewer it may be codes
_MORE = 5  # times as often as the other numbers
_HIGHEST_CODE = 8


def find_sentinels(numbers: NDArray[np.float64]) -> list[float]:
    """Return the numbers of a column, shape (n,), that seem to stand for `not known`, ascending.

    Such a number looks like a code, lies outside all others, and is either of another sign than they are, or farther
    out than they are spread, or far more frequent.
    """
    known = numbers[np.isfinite(numbers)]
    if not len(known) or (float(known.min()) not in _NEGATIVE and float(known.max()) not in _POSITIVE):
        return []  # and none has to be sorted to see it
    distinct, counts = np.unique(known, return_counts=True)
    found: list[float] = []
    while len(distinct) > 2 and _below(distinct):
        found.append(float(distinct[0]))
        distinct, counts = distinct[1:], counts[1:]
    above: list[float] = []
    while len(distinct) > 2 and _above(distinct, counts):
        above.append(float(distinct[-1]))
        distinct, counts = distinct[:-1], counts[:-1]
    return found + above[::-1]


def _below(distinct: NDArray[np.float64]) -> bool:
    lowest, others = float(distinct[0]), distinct[1:]
    if lowest not in _NEGATIVE:
        return False
    further = others[others >= 0]
    if len(further) < 2 or not set(others[others < 0].tolist()) <= _NEGATIVE:
        return False  # numbers below 0 are usual here
    return len(others) > _MEASURED or lowest in _SURE or lowest < -9


def _above(distinct: NDArray[np.float64], counts: NDArray[np.intp]) -> bool:
    highest, others = float(distinct[-1]), distinct[:-1]
    if highest not in _POSITIVE:
        return False
    top, middle = float(others[-1]), float(np.repeat(others, counts[:-1])[counts[:-1].sum() // 2])
    if len(others) <= _MEASURED:  # codes 1, 2, 3 and 9; a count of 0 to 9 is none
        whole = bool((others == np.floor(others)).all())
        return whole and top < _HIGHEST_CODE and highest - top >= max(2.0, top - float(others[0]))
    if highest == 9:
        return False
    far = highest - top > max(top - middle, 0.0) and highest - top > 0
    often = counts[-1] >= _MORE * max(1.0, float(np.median(counts[:-1]))) and counts[-1] >= 3
    return bool(far or often)
