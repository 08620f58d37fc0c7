"""The patients whom nothing may give away: their ids, rows and values, in the forms in which these might leak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtrc

from theragate.evidence.published import SMALLEST_CELL

__all__ = ["Floats", "Patients", "decimals_of", "spelled"]

_ROW = 5  # numbers in a row without names: medians of fewer columns may equal a patient's by coincidence
_MOSTLY_UNIQUE = 0.5
_SHARE = 1 / 3  # of a list, which patients' values have to be
_CHANCE = 1e-9  # how unlikely so many of them are by coincidence
_DECIMALS = 7  # a column with more is continuous
_MOST_ZEROS = 6  # at the end of a round number
_SINGLE = 1e-6  # how near, relatively, single precision comes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Patients:
    """The patients whom nothing may give away.

    Parameters
    ----------
    cohort
        One row per patient, with the column ``patient``.
    outcome
        The columns of the outcome.
    predictions
        Numbers that stand for one patient each besides the cohort's columns, such as held-out predictions.
    declared
        Numbers of the study's own files, such as the limits of its suite. Whoever finds one of them in another file
        learns nothing new, whatever the patients' values are.
    """

    cohort: pd.DataFrame
    outcome: Sequence[str]
    predictions: Mapping[str, Floats] = field(default_factory=dict)
    declared: Sequence[float] = ()

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids that identify a patient; row numbers name nobody."""
        ids = self.cohort["patient"].astype(str)
        return frozenset() if ids.str.fullmatch(r"[0-9]{1,9}").all() else frozenset(ids)

    @cached_property
    def keys(self) -> pd.DataFrame:
        """The cohort's columns as texts in one spelling each."""
        columns = self.cohort.drop(columns="patient")
        return pd.DataFrame({str(name): spelled(columns[name]) for name in columns})

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the cohort's columns, but for the id."""
        return frozenset(self.keys.columns)

    @cached_property
    def rows(self) -> dict[int, pd.Index]:
        """Patients' numbers in the order of the columns, by how many they are: without the outcome, and with it."""
        numbers = self.cohort.drop(columns="patient").select_dtypes("number")
        features = numbers.drop(columns=[name for name in self.outcome if name in numbers])
        rows: dict[int, pd.Index] = {}
        for part in (features, numbers):
            if part.shape[1] >= _ROW:
                rows[part.shape[1]] = pd.Index(map(tuple, part.to_numpy(dtype=np.float32)))
        return rows

    @cached_property
    def values(self) -> dict[str, "PatientValues"]:
        """Values that stand for one patient or a few: near-unique columns, without the values that many share."""
        numbers = self.cohort.drop(columns="patient").select_dtypes("number")
        columns = {f"column `{name}`": numbers[name].to_numpy(dtype=np.float64) for name in numbers}
        identifying = {}
        for name, column in (columns | dict(self.predictions)).items():
            known = column[np.isfinite(column)]
            distinct, counts = np.unique(known, return_counts=True)
            if len(distinct) >= max(_MOSTLY_UNIQUE * len(known), SMALLEST_CELL):
                identifying[name] = PatientValues(distinct[counts < SMALLEST_CELL], distinct)
        return identifying


@dataclass(frozen=True)
class PatientValues:
    """Distinct values, ascending: those of which each belongs to few patients, and all of the column."""

    distinct: Floats
    column: Floats
    _by_digits: dict[int, tuple[Floats, NDArray[np.floating]]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def decimals(self) -> int:
        """The number of decimals with which the values are written."""
        return decimals_of(self.distinct)

    def matches(self, values: Floats, digits: int) -> tuple[int, bool]:
        """Return how many of distinct `values` are among these, and whether that is more than coincidence.

        Values written with fewer `digits` than these are compared with these rounded to as many, leaving out what many
        patients then share.
        """
        digits = min(digits, self.decimals)
        known, comparable = self._written(digits)
        same = len(np.intersect1d(self._comparable(values), comparable))
        if same < SMALLEST_CELL or same < _SHARE * len(values):
            return same, False
        # Of a binomial number, at least so many; where chances differ it is rather less (Hoeffding, 1956).
        return same, bool(bdtrc(same - 1, len(values), _chance(values, known, digits)) < _CHANCE)

    def is_scaled(self, values: Floats) -> bool:
        """Return whether distinct `values`, ascending, are the whole column moved, stretched or turned round."""
        if len(values) != len(self.column):
            return False
        own, other = _unit(self.column), _unit(values)
        if np.ptp(np.diff(own)) < _SINGLE:
            return False  # even steps say nothing of a patient
        return bool(min(np.abs(other - own).max(), np.abs(other - (1 - own[::-1])).max()) < _SINGLE)

    def _written(self, digits: int) -> tuple[Floats, NDArray[np.floating]]:
        """Return the values with so many digits, and these in the precision in which they are compared."""
        if digits not in self._by_digits:
            rounded, counts = np.unique(np.round(self.distinct, digits), return_counts=True)
            known = self.distinct if digits >= self.decimals else rounded[counts < SMALLEST_CELL]
            self._by_digits[digits] = known, self._comparable(known)
        return self._by_digits[digits]

    def _comparable(self, values: Floats) -> NDArray[np.floating]:
        """Return values in single precision, unless it does not tell the column's apart."""
        return values.astype(np.float32) if self._apart else values

    @cached_property
    def _apart(self) -> bool:
        return len(np.unique(self.distinct.astype(np.float32))) >= _MOSTLY_UNIQUE * len(self.distinct)


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
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=near):
            return decimals
    return _DECIMALS + 1


def _unit(ascending: Floats) -> Floats:
    """Move and stretch ascending values to 0 and 1."""
    return np.asarray((ascending - ascending[0]) / (ascending[-1] - ascending[0]), dtype=np.float64)


def spelled(column: pd.Series) -> pd.Series:
    """Write values in one spelling: a number as a number, whether it came as ``1``, ``1.0``, true or as text."""
    texts = column.astype(str).str.strip().replace({"True": "1", "False": "0"})
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts.where(numbers.isna(), numbers.astype(np.float32).map("{:.6g}".format)).where(column.notna(), "")
