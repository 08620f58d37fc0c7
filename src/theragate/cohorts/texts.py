"""Texts by the million: in Arrow's form and back, and where they stand among others."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["are_first", "as_texts", "in_place_of", "positions"]


def as_texts(column: pd.Series) -> pa.LargeStringArray:
    """Return texts in Arrow's form, null where one is missing."""
    array = pa.array(column, pa.large_string(), from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def in_place_of(column: pd.Series, texts: pa.LargeStringArray) -> pd.Series:
    """Return texts, as many as a column has values, with its name and index."""
    return pd.Series(texts.to_pandas().array, index=column.index, name=column.name, dtype="str")


def positions(asked: pa.LargeStringArray, among: pa.LargeStringArray) -> NDArray[np.intp]:
    """Return the first position of each text among others, -1 where it is missing or not among them.

    Those that end with the same byte are looked up together, so that the table of what is looked up is a small one:
    numbers of patients end with any digit.

    Parameters
    ----------
    asked
        Shape (n,).
    among
        Shape (m,), without missing ones.
    """
    found = np.full(len(asked), -1, dtype=np.intp)
    ends = _ends(asked)
    of_others = ends if asked is among else _ends(among)
    for end in np.unique(ends):
        rows, others = np.flatnonzero(ends == end), np.flatnonzero(of_others == end)
        few = asked.take(pa.array(rows))
        places = pc.index_in(few, few if asked is among else among.take(pa.array(others)))
        known = places.is_valid().to_numpy(zero_copy_only=False)
        found[rows[known]] = others[places.drop_null().to_numpy()]
    return found


def are_first(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Return which texts, shape (n,), occur at no earlier place; a missing one is none of them."""
    if not texts.null_count:
        return np.asarray(positions(texts, texts) == np.arange(len(texts)))
    first = np.zeros(len(texts), dtype=bool)
    first[texts.is_valid().to_numpy(zero_copy_only=False)] = are_first(texts.drop_null())
    return first


def _ends(texts: pa.LargeStringArray) -> NDArray[np.uint8]:
    """Return the last byte of each text, 0 of one without any, shape (n,)."""
    _, offsets, content = texts.buffers()
    ends = np.zeros(len(texts), dtype=np.uint8)
    if content is not None and content.size:
        at = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
        some = at[1:] > at[:-1]
        ends[some] = np.frombuffer(content, dtype=np.uint8)[at[1:][some] - 1]
    return ends
