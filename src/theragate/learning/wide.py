"""More columns than patients: a ridge needs but as many directions as there are patients, boosting fewer bins."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["bins", "is_wide", "narrowed"]

Floats = NDArray[np.float64]

_FEW_BINS = 64


def is_wide(matrix: Floats) -> bool:
    """Return whether there are more columns than rows."""
    return bool(matrix.shape[1] > matrix.shape[0])


def narrowed(matrix: Floats) -> tuple[Floats, Floats]:
    """Turn (n, p) into (n, n), with the basis (p, n) that leads back: coefficients of p columns are ``basis @ w``.

    For whatever has a ridge nothing changes: coefficients outside of the rows' span would only cost (Hastie,
    Tibshirani, Biostatistics 2004;5:329).
    """
    left, size, right = np.linalg.svd(matrix, full_matrices=False)
    return np.ascontiguousarray(left * size, dtype=np.float64), np.ascontiguousarray(right.T, dtype=np.float64)


def bins(matrix: Floats) -> dict[str, int]:
    """Return how many quantiles of each column boosting may split at, as XGBoost is told; its own number if nothing.

    Of a wide matrix it looks at each column a few hundred times for a few patients: places to split cost more than sums
    over patients, and so many places say no more than a few do.
    """
    return {"max_bin": _FEW_BINS} if is_wide(matrix) else {}
