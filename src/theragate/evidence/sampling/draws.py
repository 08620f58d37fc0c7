"""Drawing with replacement: the patients of a small cohort, the cells of a large one."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_cells", "draws"]

# Counts held at once; a block then stays within a few dozen megabytes whatever the cohort's size.
_CELLS = 2**21


def draws(
    patients: int, *, resamples: int, seed: int, size: int | None = None, rows: int | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield how often each patient is drawn, in blocks of resamples.

    Patients are drawn with replacement, as many as there are (Efron, Ann Stat 1979;7:1). All metrics of all groups
    are computed from the same draws, so that what is measured on shared patients is correlated as it should be.

    Parameters
    ----------
    patients
        Number of patients, n >= 1.
    resamples
        Number of resamples in total.
    seed
        The same seed gives the same draws.
    size
        How many are drawn each time, if not as many as there are. Of n few clusters n - 1 are drawn: the variance of
        resamples of n is too small by (n - 1) / n (Rao, Wu, J Am Stat Assoc 1988;83:231).
    rows
        How many rows the patients, or clusters, have together, by which the blocks are made small enough.

    Yields
    ------
    NDArray of shape (block, n)
        Whole numbers as floats; every row adds up to `size`.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    size = patients if size is None else size
    block = max(1, min(resamples, _CELLS // max(patients, rows or 0)))
    for start in range(0, resamples, block):
        held = min(block, resamples - start)
        chosen = generator.integers(0, patients, size=(held, size))
        chosen += np.arange(held)[:, None] * patients
        counts = np.bincount(chosen.ravel(), minlength=held * patients)
        yield counts.reshape(held, patients).astype(np.float64)


def draw_cells(sizes: NDArray[np.float64], *, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how many patients of each cell are drawn, in blocks of resamples.

    Each cell's number is Poisson. Given their sum the numbers are multinomial, as those of a bootstrap are, and what
    is measured is a ratio of sums, so that a sum which varies changes its variance by a factor of 1 + 1/n only (the
    Poisson bootstrap: Hanley, MacGibbon, Comput Methods Programs Biomed 2006;83:57).

    Parameters
    ----------
    sizes
        Shape (cells,): the patients of each.

    Yields
    ------
    NDArray of shape (block, cells)
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    block = max(1, min(resamples, _CELLS // len(sizes)))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        # Laid out by cell, since whoever needs some of the cells copies them.
        yield generator.poisson(sizes[:, None], size=(len(sizes), rows)).astype(np.float64).T
