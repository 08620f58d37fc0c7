"""How many pairs of different patients agree by chance, from the columns' own distributions and how they go together.

The number is meant to be too high rather than too low: whoever accuses two rows of being one patient has to be sure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

__all__ = ["Agreement", "Part", "agreement", "parts_of"]

Numbers = NDArray[np.float64]

MOST_PARTS = 300  # columns that the chance rests on; to leave others out makes it larger
COARSE = 50  # values, up to which a column is one of codes
FACTOR = 3.0  # columns' worth of variance in the first principal component, from which on many columns say the same
BIN = 20  # rows that are alike in their first principal component
GROUP = 50  # rows that are alike; in a smaller group, the rows in question may be a large part


@dataclass(frozen=True)
class Agreement:
    """Of some rows: how many other rows are alike in what is counted jointly, and the odds of the rest.

    ``alike``: (s,) rows. ``log_chance``: (s,) logarithm of the chance that one of those agrees in all other columns.
    ``odds``, ``odds_squared``: (s,) sums, over columns, of the odds to differ and of their squares.
    """

    alike: Numbers
    log_chance: Numbers
    odds: Numbers
    odds_squared: Numbers

    def partners(self, differences: int) -> Numbers:
        """Return for each row, (s,), how many of other patients agree with it in all but so many columns (0 to 2)."""
        terms = 1.0 + (self.odds if differences > 0 else 0.0)
        terms = terms + ((self.odds**2 - self.odds_squared) / 2 if differences > 1 else 0.0)
        partners: Numbers = self.alike * np.minimum(np.exp(self.log_chance) * terms, 1.0)
        return partners


@dataclass(frozen=True)
class Part:
    """A column, or whether it is filled in: its codes if it is coarse, and of the rows sampled chance and value."""

    collision: float  # the chance of two patients to have the same
    chance: Numbers  # that another patient has the same; 1 where the cell is empty
    value: Numbers
    codes: NDArray[np.int8] | None


def parts_of(columns: Iterable[pd.Series], positions: NDArray[np.intp]) -> list[Part]:
    """Return what the chance of agreement rests on: of the columns, of n rows each, the `MOST_PARTS` that tell most.

    Parameters
    ----------
    columns
        Those that are compared.
    positions
        The rows that the chance is asked for.
    """
    kept: list[Part] = []
    for column in columns:
        kept += _parts(column, positions)
        if len(kept) > 2 * MOST_PARTS:
            kept = _telling(kept)
    return _telling(kept)


def agreement(parts: Sequence[Part], rows: int, positions: NDArray[np.intp], *, sampled: int) -> Agreement:
    """Return how often rows agree by chance in all `parts`.

    What few values divide (codes, and whether a cell is filled) is counted jointly, from the coarsest on, as long as at
    least `GROUP` rows are alike: however such columns go together, the count has it. Of the others, each value's share
    is the chance of another patient to have it too, divided by the part of the column's spread that the columns before
    it leave open: under a normal copula the density of agreement grows by that factor, so that a body mass index adds
    nothing to weight and height. Of codes it is at least their share among patients who are alike in the first
    principal component, so that the many whose answers are all the lowest are no surprise.

    Parameters
    ----------
    parts
        Of the columns that are compared.
    rows
        How many the table has.
    positions
        The rows that `parts` were read for; how columns go together is learned from the first `sampled` of them.
    """
    parts = _telling(parts)
    scores = np.column_stack([_scored(part.value) for part in parts])
    spread, severity = _left_open(scores[:sampled]), _bins(scores, sampled)
    jointly, counted = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
    alike = np.full(rows, rows)
    size = len(positions)
    log_chance, odds, odds_squared = np.zeros(size), np.zeros(size), np.zeros(size)
    for part, left in zip(parts, spread, strict=True):
        chance = np.clip(part.chance / max(float(left), 1e-6), 1e-12, 1.0)
        if part.codes is not None:
            chance = np.maximum(chance, _share_in_bin(part.codes[positions], severity, sampled))
        differs = 1 / chance - 1
        odds += differs
        odds_squared += differs**2
        if part.codes is not None and counted.any():
            finer = pd.factorize(jointly * (int(part.codes.max()) + 2) + part.codes)[0]
            sizes = np.bincount(finer)[finer]
            counted &= sizes >= GROUP
            jointly = finer
            alike = np.where(counted, sizes, alike)
            log_chance += np.where(counted[positions], 0.0, np.log(chance))
        else:
            log_chance += np.log(chance)
    return Agreement(alike[positions] - 1.0, log_chance, odds, odds_squared)


def _telling(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that tell most, the coarsest first."""
    return sorted(parts, key=lambda part: -part.collision)[-MOST_PARTS:]


def _parts(column: pd.Series, positions: NDArray[np.intp]) -> list[Part]:
    codes, values = pd.factorize(column)
    known = codes >= 0
    filled = float(known.mean())
    parts = []
    if filled < 1:
        chance = np.where(known, filled, 1 - filled)[positions]
        parts.append(
            Part(filled**2 + (1 - filled) ** 2, chance, known[positions].astype(np.float64), known.astype(np.int8))
        )
    if not filled:
        return parts
    shares = np.bincount(codes[known]) / known.sum()
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    some, here = codes[positions], known[positions]
    value = column.iloc[positions].to_numpy(dtype=np.float64, na_value=np.nan) if number else some + 0.0
    parts.append(
        Part(
            collision=float((shares**2).sum() * filled**2 + (1 - filled) ** 2),
            chance=np.where(here, shares[some], 1.0),
            value=np.where(here, value, np.nan),
            codes=codes.astype(np.int8) if len(values) <= COARSE else None,
        )
    )
    return parts


def _scored(values: Numbers) -> Numbers:
    """Return normal scores with mean 0 and standard deviation 1, 0 where nothing is known."""
    known = ~np.isnan(values)
    scores = np.zeros(len(values))
    if known.sum() > 1:
        scores[known] = ndtri((rankdata(values[known]) - 0.5) / known.sum())
        scores[known] -= scores[known].mean()
    spread = float(scores.std())
    return scores / spread if spread > 0 else scores


def _bins(scores: Numbers, sampled: int) -> NDArray[np.intp]:
    """Return for each row the bin of its first principal component, of at least `BIN` rows of the sample.

    All rows are in one bin where that component is not one of many columns.
    """
    weights, directions = np.linalg.eigh(scores[:sampled].T @ scores[:sampled] / max(sampled, 1))
    if weights[-1] < FACTOR:
        return np.zeros(len(scores), dtype=np.intp)
    component = np.round(scores @ directions[:, -1], 6)
    cuts = np.quantile(component[:sampled], np.linspace(0, 1, max(sampled // BIN, 1) + 1)[1:-1])
    bins: NDArray[np.intp] = np.searchsorted(cuts, component)
    return bins


def _share_in_bin(codes: NDArray[np.int8], bins: NDArray[np.intp], sampled: int) -> Numbers:
    """Return the share of the rows of the sample, in each row's bin, that have its code."""
    cells = bins * (int(codes.max(initial=0)) + 2) + codes + 1
    here = np.bincount(cells[:sampled], minlength=int(cells.max()) + 1)
    share: Numbers = here[cells] / np.maximum(np.bincount(bins[:sampled], minlength=int(bins.max()) + 1)[bins], 1)
    return share


def _left_open(scores: Numbers) -> Numbers:
    """Return the share of each column's standard deviation that no linear combination of those before it explains."""
    size = max(len(scores), 1)
    triangle = np.linalg.qr(scores / np.sqrt(size), mode="r")
    left = np.ones(scores.shape[1])
    diagonal = np.abs(np.diag(triangle))
    left[: len(diagonal)] = diagonal
    left[len(diagonal) :] = 0.0  # more columns than rows: nothing is known of what they add
    constant = ~scores.any(axis=0)
    left[constant] = 1.0
    return left
