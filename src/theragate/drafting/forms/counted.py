"""The texts of a column by how often each occurs: of a category there are few, however many patients there are."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Counted"]

_FEW = 2**16
_WORTHWHILE = 0.5  # of the cells: with more different ones, looking for equal ones in all of them saves nothing


@dataclass(frozen=True)
class Counted:
    """Cells of a column, none missing: ``texts`` with ``counts``, shape (n,), in the order in which they first occur.

    A text may stand there several times, where there are many and nearly all differ. No answer depends on the order of
    the cells.
    """

    texts: pa.Array
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, pieces: Iterable[pa.Array]) -> "Counted":
        """Count cells that come piece by piece; missing ones are no cells."""
        texts, counts = [pa.array([], pa.large_string())], [np.empty(0, np.int64)]
        for piece in pieces:
            found = pc.value_counts(piece.drop_null())
            texts.append(found.field("values"))
            counts.append(found.field("counts").to_numpy(zero_copy_only=False))
        counted = cls(pa.concat_arrays(texts), np.concatenate(counts))
        apart = len(counted.texts) > max(_WORTHWHILE * len(counted), _FEW)
        return counted if apart else counted.merged()

    def __len__(self) -> int:
        """Return the number of cells."""
        return int(self.counts.sum())

    def merged(self) -> "Counted":
        """Return the same with every text once."""
        encoded = self.texts.dictionary_encode()
        sums = np.bincount(encoded.indices.to_numpy(), weights=self.counts, minlength=len(encoded.dictionary))
        return Counted(encoded.dictionary, sums.astype(np.int64))

    def written(self, texts: pa.Array) -> "Counted":
        """Return the same cells with other texts, one for each of ``texts``."""
        return Counted(texts, self.counts)

    def where(self, chosen: pa.Array) -> "Counted":
        """Return the cells for which a mask over ``texts`` is true."""
        mask = chosen.to_numpy(zero_copy_only=False).astype(bool)
        return self if mask.all() else Counted(self.texts.filter(pa.array(mask)), self.counts[mask])

    def but(self, left_out: pa.Array) -> "Counted":
        """Return the cells for which a mask over ``texts`` is false."""
        return self.where(pc.invert(left_out))

    def without(self, words: Iterable[str]) -> "Counted":
        """Return the cells that are none of these words."""
        return self.but(pc.is_in(self.texts, pa.array(list(words), pa.large_string())))

    def number_of(self, chosen: pa.Array) -> int:
        """Return how many cells there are for which a mask over ``texts`` is true."""
        return int(self.counts[chosen.to_numpy(zero_copy_only=False).astype(bool)].sum())

    def number_like(self, pattern: str) -> int:
        """Return how many cells match a regular expression."""
        return self.number_of(pc.match_substring_regex(self.texts, pattern))

    def any(self, pattern: str) -> bool:
        """Whether some cell matches a regular expression."""
        return bool(pc.any(pc.match_substring_regex(self.texts, pattern)).as_py())

    def all(self, pattern: str) -> bool:
        """Whether every cell does; of no cells, none does."""
        return bool(pc.all(pc.match_substring_regex(self.texts, pattern)).as_py()) and len(self.texts) > 0

    def differ(self, more_than: int) -> bool:
        """Whether there are more than so many different texts; only as many are looked at as it takes."""
        found: set[str] = set()
        for first in range(0, len(self.texts), 2**14):
            found.update(pc.unique(self.texts.slice(first, 2**14)).to_pylist())
            if len(found) > more_than:
                return True
        return False

    def cells(self) -> pa.Array:
        """Return every cell, those that are equal beside each other."""
        return self.texts.take(pa.array(np.repeat(np.arange(len(self.texts)), self.counts)))

    def series(self, texts: pa.Array) -> pd.Series:
        """Return other texts, one for each of ``texts``, once for each cell, as objects."""
        return pd.Series(np.repeat(texts.to_numpy(zero_copy_only=False), self.counts), dtype="object")
