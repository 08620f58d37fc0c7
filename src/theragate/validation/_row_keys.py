"""Keys of rows, by which equal and nearly equal rows are found by sorting, with no row compared to every other.

Hashes are added up by blocks of columns, so that a key of "all but two blocks" is a subtraction: two rows that differ
in at most two columns share one of those keys, wherever they differ. Memory: some vectors of n, whatever the columns.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Keys", "cell_hashes", "pairs_that_share", "read_keys"]

BLOCKS = 6  # of columns; a key leaves two of them out
LARGEST = 20  # rows with one key; more are a pattern such as "nothing was measured", and no patient entered twice
MOST_PAIRS = 1_000_000  # of one key; with more, rows agree by chance so often that agreement says nothing

Hashes = NDArray[np.uint64]


class Keys:
    """The sums of the cells' hashes, by block of columns: shape (n,) each."""

    def __init__(self, rows: int) -> None:
        self.blocks = [np.zeros(rows, dtype=np.uint64) for _ in range(BLOCKS)]

    @property
    def all(self) -> Hashes:
        """The key of the whole row."""
        every = self.blocks[0].copy()
        for block in self.blocks[1:]:
            every += block
        return every

    def without_two(self) -> Iterator[Hashes]:
        """Yield the key of all blocks but two, for every two."""
        every = self.all
        for first, second in combinations(self.blocks, 2):
            yield every - first - second


def read_keys(columns: Iterable[pd.Series], rows: int) -> Keys:
    """Return the keys of a table's rows, column by column."""
    keys = Keys(rows)
    for place, column in enumerate(columns):
        keys.blocks[place % BLOCKS] += cell_hashes(column, place)
    return keys


def cell_hashes(column: pd.Series, place: int) -> Hashes:
    """Return a hash of each cell, shape (n,), another in each place of a column.

    Missing cells share one, and so do texts that differ in case and blanks alone.
    """
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0 is 0
        hashed = pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers))
    else:
        codes, values = pd.factorize(column)
        texts = np.array([*(str(value).strip().casefold() for value in values), ""], dtype=object)
        hashed = pd.util.hash_array(texts, categorize=False)[codes]
    salt = (2 * place + 1) * 0x9E3779B97F4A7C15 % 2**64
    mixed: Hashes = (hashed ^ np.uint64(salt)) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)


def pairs_that_share(keys: Iterable[Hashes]) -> NDArray[np.intp]:
    """Return the pairs of rows that share one of the keys, shape (pairs, 2), each pair once, the earlier row first.

    Keys that more than `LARGEST` rows share are passed over; so is a whole key with more than `MOST_PAIRS` pairs.
    """
    found = [np.empty(0, dtype=np.int64)]
    rows = 0
    for key in keys:
        rows = len(key)
        order = _sharing(key)
        edges = np.flatnonzero(np.diff(key[order], prepend=~key[order[:1]], append=~key[order[-1:]]))
        sizes = np.diff(edges)
        kept = sizes <= LARGEST
        if not kept.any() or (sizes[kept] * (sizes[kept] - 1) // 2).sum() > MOST_PAIRS:
            continue
        starts, sizes = edges[:-1][kept], sizes[kept]
        for first, second in combinations(range(int(sizes.max())), 2):
            groups = starts[sizes > second]
            found.append(order[groups + first].astype(np.int64) * rows + order[groups + second])
    packed = np.unique(np.concatenate(found))
    return np.column_stack(np.divmod(packed, max(rows, 1))).astype(np.intp)


def _sharing(key: Hashes) -> NDArray[np.intp]:
    """Return the rows that have the key of another, by key, then by row: of many rows, mostly few."""
    ordered = np.sort(key)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(shared):
        return np.empty(0, dtype=np.intp)
    place = np.searchsorted(shared, key)
    place[place == len(shared)] = 0
    rows = np.flatnonzero(shared[place] == key)
    by_key: NDArray[np.intp] = rows[np.argsort(key[rows], kind="stable")]
    return by_key
