"""The same patient under two ids: rows that are equal, or nearly, more often than different patients are by chance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import poisson

from theragate.cohorts.cohort_frame import Cohort, each_column
from theragate.errors import DataError
from theragate.numbers import percent
from theragate.study import Study
from theragate.validation._coincidence import agreement, parts_of
from theragate.validation._row_keys import cell_hashes, pairs_that_share, read_keys
from theragate.validation.types import Duplicates

__all__ = ["described", "find_duplicates", "twice"]

NAMED = 20  # pairs that are named to whoever may see the data
SAMPLE = 5_000  # rows, over which the chance is averaged
MOST_DIFFERENCES = 2  # columns, apart from the outcome, in which two rows of one patient may differ
SAFETY = 10.0  # times more coincidences than expected are still held for chance
CHANCE = 1e-4  # that so many coincidences come about
SEVERAL = 3  # rows that are accused where only rows without such partners are looked at
RARE = (np.inf, 1e-2, 1e-4, 1e-6)  # partners by chance: rows with more are left out, since they may hide the others
ROUNDED_TO = (1000.0, 30.0, 3.0)  # steps of a decimal that a column's standard deviation is at least

Pairs = NDArray[np.intp]
Numbers = NDArray[np.float64]


def find_duplicates(cohort: Cohort, study: Study) -> Duplicates | None:
    """Look for patients who occur more than once, under ids of their own.

    Two rows are equal in all columns; or in all but the outcome, and in up to two more, whose value was corrected or
    coded otherwise; or in all when numbers are rounded. The number of each kind is held against the number of pairs of
    different patients that agree so by chance (`_coincidence.agreement`), of all rows and of those alone in which
    agreement would be rare; ten times that number is still called chance. So rows of a few codes are never accused,
    and a value that was measured to several digits tells much.

    The order of the rows and the ids make no difference. It takes the sorting of 15 keys of n; nothing of n² is made.
    Columns are read one by one, so that memory is that of the keys, 56 bytes a row, and of one column.

    Returns
    -------
    The rows that repeat another's patient, or None if chance explains all.
    """
    declared = study.equal_patients.at_most if study.equal_patients else 0
    present, predicted = [str(name) for name in cohort.columns], study.outcome_columns
    others = _Columns(cohort, [name for name in present if name not in {"patient", *predicted}])
    outcome = _Columns(cohort, [name for name in predicted if name in present])
    if len(cohort) < 2 or not len(others):
        return None
    kinds = (*_nearly_equal(others, outcome), *_equal_when_rounded(others))
    accused = [each for kind in kinds for each in kind.accused()]
    if not accused:
        return None
    pairs = np.unique(np.concatenate([each for each, _ in accused]), axis=0)
    differ = _differences(others, pairs, first=0) + _differences(outcome, pairs, first=len(others))
    rows = _repeated(pairs)
    named, place = np.unique(pairs, return_inverse=True)
    ids = cohort.frame(["patient"], named)["patient"].astype("str").to_numpy()[place.reshape(pairs.shape)]
    return Duplicates(
        rows=rows,
        equal=_repeated(pairs[differ == 0]),
        share=round(rows / len(cohort), 6),
        by_chance=float(f"{max(expected for _, expected in accused):.2g}"),
        declared=declared,
        pairs=tuple(sorted((min(pair), max(pair)) for pair in ids)[:NAMED]),
    )


def described(found: Duplicates, patients: int) -> str:
    """Say how many rows repeat a patient, as a part of a sentence."""
    return (
        f"{found.rows:,} of {patients:,} rows ({percent(found.share, 1)}) that repeat another under another id, "
        f"{found.equal:,} of them in every column; by chance about {found.by_chance:g} would"
    )


def twice(study: str, found: Duplicates, patients: int) -> DataError:
    """Return the error that stops a study in whose cohort patients occur twice."""
    declared = f", and {found.declared:,} declared" if found.declared else ""
    return DataError(
        f"study `{study}`, patients",
        rule="no patient occurs twice, to be learned from under one id and tested on under another",
        received=described(found, patients) + declared,
        remedy=f"Leave them out at the source: reports/{study}/validation.html names them. Or, if they are different "
        f"patients, say so under the study in params.yaml: `equal_patients: {{at_most: {found.rows}, reason: …}}`.",
    )


@dataclass(frozen=True)
class _Columns:
    """Columns of a cohort, a few at a time in memory, as often as they are asked for."""

    cohort: Cohort
    names: Sequence[str]
    change: Callable[[pd.Series], pd.Series] = field(default=lambda column: column)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[pd.Series]:
        return map(self.change, each_column(self.cohort, self.names))


@dataclass(frozen=True)
class _Kind:
    """The pairs that agree in one way, and of rows how many partners they have by chance."""

    rows: int
    pairs: Pairs
    of_pairs: Numbers  # the larger number of the two rows, (pairs,)
    of_sample: Numbers

    def accused(self) -> Iterator[tuple[Pairs, float]]:
        """Yield pairs that are too many for chance, with the number by chance."""
        for rare in RARE:
            pairs = self.pairs[self.of_pairs <= rare]
            expected = float(np.where(self.of_sample <= rare, self.of_sample, 0.0).mean()) * self.rows / 2
            observed = _repeated(pairs)
            fewest = 1 if rare == np.inf else SEVERAL
            if observed >= fewest and float(poisson.sf(observed - 1, SAFETY * expected)) < CHANCE:
                yield pairs, expected


def _nearly_equal(others: _Columns, outcome: _Columns) -> Iterator[_Kind]:
    """Yield what agrees in all columns, or in all but the outcome, with more and more differences."""
    rows = len(others.cohort)
    keys = read_keys(others, rows)
    whole = keys.all
    pairs = pairs_that_share(chain([whole], keys.without_two()))
    del keys
    differ = _differences(others, pairs, first=0)
    pairs, differ = pairs[differ <= MOST_DIFFERENCES], differ[differ <= MOST_DIFFERENCES]
    if not len(pairs):
        return
    in_all = differ + _differences(outcome, pairs, first=len(others))
    positions, sampled, place = _asked(whole, pairs)
    parts = parts_of(others, positions)
    every = [*parts, *parts_of(outcome, positions)]
    for chosen, differences in ((every, in_all), (parts, differ)):
        agreed = agreement(chosen, rows, positions, sampled=sampled)
        for most in range(MOST_DIFFERENCES + 1):
            partners, kept = agreed.partners(most), differences <= most
            yield _Kind(rows, pairs[kept], partners[place[kept]].max(axis=1, initial=0.0), partners[:sampled])


def _equal_when_rounded(others: _Columns) -> Iterator[_Kind]:
    rows = len(others.cohort)
    keys = [np.zeros(rows, dtype=np.uint64) for _ in ROUNDED_TO]
    changed = dict.fromkeys(ROUNDED_TO, False)
    for number, column in enumerate(others):
        hashes = cell_hashes(column, number)
        for key, steps in zip(keys, ROUNDED_TO, strict=True):
            rounded = _rounded(column, steps)
            changed[steps] |= rounded is not column
            key += hashes if rounded is column else cell_hashes(rounded, number)
    for key, steps in zip(keys, ROUNDED_TO, strict=True):
        pairs = pairs_that_share([key] if changed[steps] else [])
        if len(pairs):
            positions, sampled, place = _asked(key, pairs)
            parts = parts_of(replace(others, change=partial(_rounded, steps=steps)), positions)
            partners = agreement(parts, rows, positions, sampled=sampled).partners(0)
            yield _Kind(rows, pairs, partners[place].max(axis=1), partners[:sampled])


def _asked(key: NDArray[np.uint64], pairs: Pairs) -> tuple[NDArray[np.intp], int, Pairs]:
    """Return the rows to ask for, how many of them are the sample, and where among them those of each pair are.

    The sample has the least keys: it is random, and does not depend on the order of the rows.
    """
    sample = np.argsort(key, kind="stable")[:SAMPLE]
    in_pairs, place = np.unique(pairs, return_inverse=True)
    return np.concatenate([sample, in_pairs]), len(sample), place.reshape(pairs.shape) + len(sample)


def _rounded(column: pd.Series, steps: float) -> pd.Series:
    """Return a measured column to the decimal of which its standard deviation is at least `steps`; others as is."""
    if not pd.api.types.is_float_dtype(column):
        return column
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    spread = float(finite.std()) if len(finite) else 0.0
    if spread == 0 or not np.isfinite(spread):
        return column
    decimals = -int(np.floor(np.log10(spread / steps)))
    rounded = np.round(numbers, decimals)
    return column if np.array_equal(rounded, numbers, equal_nan=True) else pd.Series(rounded, name=column.name)


def _differences(columns: _Columns, pairs: Pairs, *, first: int) -> NDArray[np.intp]:
    """Count, for each pair, the columns in which its rows differ."""
    count = np.zeros(len(pairs), dtype=np.intp)
    if not len(pairs):
        return count
    rows, place = np.unique(pairs, return_inverse=True)
    place = place.reshape(pairs.shape)
    for number, column in enumerate(columns):
        hashes = cell_hashes(column.iloc[rows], first + number)
        count += hashes[place[:, 0]] != hashes[place[:, 1]]
    return count


def _repeated(pairs: Pairs) -> int:
    """Return how many rows are one too many, where the rows of a pair, and of pairs that meet, are one patient."""
    rows, place = np.unique(pairs, return_inverse=True)
    ends = place.reshape(pairs.shape)
    graph = coo_array((np.ones(len(pairs), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(len(rows), len(rows)))
    return len(rows) - int(connected_components(graph, directed=False, return_labels=False)) if len(rows) else 0
