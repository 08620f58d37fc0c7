"""Values of which each belongs to few patients: whether a list is made of them, or is their column in another unit."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from theragate.evidence.published import SMALLEST_CELL

__all__ = ["Asked", "Floats", "PatientValues", "decimals_of"]

_MOSTLY_UNIQUE = 0.5
_SHARE = 1 / 3  # of a list, which patients' values have to be
_CHANCE = 1e-9  # how unlikely so many of them are by coincidence
_DECIMALS = 7  # a column with more is continuous
_MOST_ZEROS = 6  # at the end of a round number
_SINGLE = 1e-6  # how near, relatively, single precision comes
_FIRST = 4096  # values, of which one that is not written with so few digits is soon found

Floats = NDArray[np.float64]
_Float = TypeVar("_Float", np.float32, np.float64)


@dataclass(frozen=True)
class Asked:
    """The distinct values of a list, ascending, about which columns are asked one after the other."""

    values: Floats

    @cached_property
    def single(self) -> NDArray[np.float32]:
        """The distinct ones in single precision."""
        return np.unique(self.values.astype(np.float32))


@dataclass(frozen=True)
class PatientValues:
    """Distinct values, ascending: those of which each belongs to few patients, and all of the column."""

    distinct: Floats
    column: Floats
    _by_digits: dict[int, tuple[Floats, NDArray[np.float32] | Floats]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, values: Floats) -> "PatientValues | None":
        """Return those of a column, with NaN for what is unknown; None where most values are those of many patients."""
        ascending = np.sort(values[np.isfinite(values)])
        distinct, counts = _runs(ascending)
        if len(distinct) < max(_MOSTLY_UNIQUE * len(ascending), SMALLEST_CELL):
            return None
        few = counts < SMALLEST_CELL
        return cls(distinct if few.all() else distinct[few], distinct)

    @cached_property
    def decimals(self) -> int:
        """The number of decimals with which the values are written."""
        return decimals_of(self.distinct)

    def matches(self, values: Asked, digits: int) -> tuple[int, bool]:
        """Return how many of the values of a list are among these, and whether that is more than coincidence.

        Values written with fewer `digits` than these are compared with these rounded to as many, leaving out what many
        patients then share. Of many lists those of as many digits are best asked about one after the other.
        """
        digits = min(digits, self.decimals)
        known, comparable = self._written(digits)
        asked = values.single if self._apart else values.values
        if not len(comparable) or asked[0] > comparable[-1] or asked[-1] < comparable[0]:
            return 0, False
        places = np.minimum(np.searchsorted(comparable, asked), len(comparable) - 1)
        same, many = int((comparable[places] == asked).sum()), len(values.values)
        if same < SMALLEST_CELL or same < _SHARE * many:
            return same, False
        # Of a binomial number, at least so many; where chances differ it is rather less (Hoeffding, 1956).
        return same, bool(bdtrc(same - 1, many, _chance(values.values, known, digits)) < _CHANCE)

    def is_scaled(self, values: Floats) -> bool:
        """Return whether distinct `values`, ascending, are the whole column moved, stretched or turned round."""
        if len(values) != len(self.column):
            return False
        own, other = _unit(self.column), _unit(values)
        if np.ptp(np.diff(own)) < _SINGLE:
            return False  # even steps say nothing of a patient
        return bool(min(np.abs(other - own).max(), np.abs(other - (1 - own[::-1])).max()) < _SINGLE)

    def _written(self, digits: int) -> tuple[Floats, NDArray[np.float32] | Floats]:
        """Return the values with so many digits, ascending, and these in the precision in which they are compared."""
        if digits not in self._by_digits:
            known = self.distinct
            if digits < self.decimals:
                rounded, counts = _runs(np.round(self.distinct, digits))
                known = rounded[counts < SMALLEST_CELL]
            self._by_digits.clear()  # each is as large as the column
            self._by_digits[digits] = known, self._comparable(known)
        return self._by_digits[digits]

    def _comparable(self, values: Floats) -> NDArray[np.float32] | Floats:
        """Return values in single precision, unless it does not tell the column's apart."""
        return values.astype(np.float32) if self._apart else values

    @cached_property
    def _apart(self) -> bool:
        return len(_runs(self.distinct.astype(np.float32))[0]) >= _MOSTLY_UNIQUE * len(self.distinct)


def _runs(ascending: NDArray[_Float]) -> tuple[NDArray[_Float], NDArray[np.intp]]:
    """Return the distinct values of an ascending vector, and how often each is there."""
    first = np.flatnonzero(np.append(len(ascending) > 0, ascending[1:] != ascending[:-1])[: len(ascending)])
    return ascending[first], np.diff(np.append(first, len(ascending)))


def _chance(values: Floats, known: Floats, digits: int) -> float:
    """Return the mean chance that a number as round as each of `values` is a known one; 0 outside of their range.

    People write round numbers: of the hundreds up to 9,000 a column may hold nearly all, of the other numbers few. A
    list of limits is made of hundreds, and agrees with the column by coincidence.
    """
    if digits > _DECIMALS:
        return 0.0
    steps, own = np.round(values * 10.0**digits), np.round(known * 10.0**digits)
    low, high = max(float(steps.min()), float(own.min())), min(float(steps.max()), float(own.max()))
    inside = (steps >= low) & (steps <= high)
    zeros, known_zeros = _zeros(steps), _zeros(own[(own >= low) & (own <= high)])
    chances = np.zeros(len(steps))
    for number in np.unique(zeros[inside]):
        there_are = _multiples(low, high, number) - _multiples(low, high, number + 1)
        chances[inside & (zeros == number)] = min((known_zeros == number).sum() / max(there_are, 1.0), 1.0)
    return float(chances.mean())


def _zeros(steps: Floats) -> NDArray[np.intp]:
    """Return how many zeros whole numbers end in."""
    zeros = np.zeros(len(steps), dtype=np.intp)
    for number in range(1, _MOST_ZEROS + 1):
        zeros[np.mod(steps, 10.0**number) == 0] = number
    return zeros


def _multiples(low: float, high: float, zeros: int) -> float:
    """Return how many whole numbers between two limits end in at least so many zeros."""
    return float(np.floor(high / 10.0**zeros) - np.ceil(low / 10.0**zeros) + 1) if zeros <= _MOST_ZEROS else 0.0


def decimals_of(values: Floats) -> int:
    """Return with how many digits after the point values are written, also in single precision; 8 for more than 7."""
    single = 1e-7 * float(np.abs(values).max(initial=0.0))
    for decimals in range(_DECIMALS + 1):
        near = single if single < 0.1 * 10.0**-decimals else 1e-9
        if all(
            np.allclose(part, np.round(part, decimals), rtol=0, atol=near)
            for part in (values[:_FIRST], values[_FIRST:])
        ):
            return decimals
    return _DECIMALS + 1


def _unit(ascending: Floats) -> Floats:
    """Move and stretch ascending values to 0 and 1."""
    return np.asarray((ascending - ascending[0]) / (ascending[-1] - ascending[0]), dtype=np.float64)
