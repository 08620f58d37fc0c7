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
    """

    cohort: pd.DataFrame
    outcome: Sequence[str]
    predictions: Mapping[str, Floats] = field(default_factory=dict)

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
    _by_digits: dict[int, tuple[Floats, NDArray[np.float32]]] = field(default_factory=dict, repr=False, compare=False)

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
        known, single = self._written(digits)
        same = int(np.isin(values.astype(np.float32), single).sum())
        if same < SMALLEST_CELL or same < _SHARE * len(values):
            return same, False
        low, high = float(values.min()), float(values.max())
        inside = int(((known >= low) & (known <= high)).sum())
        steps = (high - low) * 10.0**digits + 1 if digits <= _DECIMALS else np.inf
        chance = min(inside / steps, 1.0)
        return same, bool(bdtrc(same - 1, len(values), chance) < _CHANCE)  # of a binomial number, at least so many

    def is_scaled(self, values: Floats) -> bool:
        """Return whether distinct `values`, ascending, are the whole column moved, stretched or turned round."""
        if len(values) != len(self.column):
            return False
        own, other = _unit(self.column), _unit(values)
        if np.ptp(np.diff(own)) < _SINGLE:
            return False  # even steps say nothing of a patient
        return bool(min(np.abs(other - own).max(), np.abs(other - (1 - own[::-1])).max()) < _SINGLE)

    def _written(self, digits: int) -> tuple[Floats, NDArray[np.float32]]:
        """Return the values with so many digits, and these in single precision."""
        if digits not in self._by_digits:
            rounded, counts = np.unique(np.round(self.distinct, digits), return_counts=True)
            known = self.distinct if digits >= self.decimals else rounded[counts < SMALLEST_CELL]
            self._by_digits[digits] = known, known.astype(np.float32)
        return self._by_digits[digits]


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
