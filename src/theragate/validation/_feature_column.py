"""A feature as the leakage checks see it: numbers where it has any, and levels of enough patients."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["LEVELS", "FeatureColumn", "read_feature_column", "read_labels", "read_presence"]

SMALLEST = 10  # a level of fewer patients would tell the outcome by chance
LEVELS = 20


@dataclass(frozen=True)
class FeatureColumn:
    """One feature of n patients.

    ``present``: (n,) bool. ``number``: (n,) floats, NaN where missing, or None for text. ``label``:
    (n,) one integer per distinct value, missing included. ``level``: (n,) the same with rare values joined and
    numbers cut at quantiles, so that the outcome's mean in a level is more than chance.
    """

    name: str
    present: NDArray[np.bool_]
    number: NDArray[np.float64] | None
    label: NDArray[np.intp]
    level: NDArray[np.intp]

    @property
    def ranks(self) -> NDArray[np.intp] | None:
        """At most 256 ordered scores of the patients with a value, shape (present,)."""
        if self.number is None:
            return None
        number = self.number[self.present]
        ranks: NDArray[np.intp] = np.unique(number, return_inverse=True)[1]
        return ranks if ranks.max(initial=0) < 256 else _quantiles(number, 256)


def read_feature_column(column: pd.Series, name: str) -> FeatureColumn:
    """Read a feature of any type: numbers, truth values, dates and text that spells numbers count as numbers."""
    present = column.notna().to_numpy(dtype=bool)
    number = _numbers(column, present)
    label = np.zeros(len(column), dtype=np.intp)
    known = column[present].astype(str).to_numpy() if number is None else number[present]
    label[present] = np.unique(known, return_inverse=True)[1] + 1
    level = label.copy()
    if number is not None and label.max(initial=0) > LEVELS:
        level[present] = _quantiles(number[present], max(2, min(LEVELS, int(present.sum()) // SMALLEST))) + 1
    return FeatureColumn(name, present, number, label, _joined(level))


def read_labels(column: pd.Series, name: str) -> FeatureColumn:
    """Read a feature of few distinct values, of any number of patients: without numbers, its levels are its labels."""
    codes, values = pd.factorize(column)
    distinct = read_feature_column(pd.Series(values), name).label if len(values) else np.zeros(0, dtype=np.intp)
    label = np.append(distinct, np.intp(0))[codes]  # whoever lacks a value has the code -1
    return FeatureColumn(name, codes >= 0, None, label, label)


def read_presence(present: NDArray[np.bool_], name: str) -> FeatureColumn:
    """Return of a feature only who has a value, shape (n,), as its two levels."""
    level = present.astype(np.intp)
    return FeatureColumn(name, present, None, level, level)


def _numbers(column: pd.Series, present: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        ticks = column.astype("int64").to_numpy(dtype=np.float64)
        return np.where(present, ticks, np.float64("nan"))
    parsed = pd.to_numeric(column.astype(object), errors="coerce")
    number = np.asarray(parsed.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    return number if present.any() and not np.isnan(number[present]).any() else None


def _quantiles(number: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """Cut at quantiles of the ranks, so that infinite values and ties do no harm."""
    cut: NDArray[np.intp] = np.floor((rankdata(number) - 0.5) / len(number) * bins).astype(np.intp)
    return cut


def _joined(level: NDArray[np.intp]) -> NDArray[np.intp]:
    """Join the levels of too few patients into one, and number the levels from 0."""
    count = np.bincount(level)
    joined = np.where(count[level] < SMALLEST, level.max() + 1, level)
    renumbered: NDArray[np.intp] = np.unique(joined, return_inverse=True)[1]
    return renumbered
