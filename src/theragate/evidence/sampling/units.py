"""Who is drawn, and added up, together: each patient, or each cluster of patients who resemble one another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.order import codes_of
from theragate.evidence.inputs.predictions import HeldOut

__all__ = ["FEWEST_CLUSTERS", "Units", "effective_number"]

FEWEST_CLUSTERS = 10  # with fewer, how much clusters differ cannot be known (docs/statistics.md)


@dataclass(frozen=True)
class Units:
    """The units of some rows.

    Parameters
    ----------
    of
        Shape (n,): the number of each row's unit, from 0 to `count` - 1.
    count
        How many units there are.
    clustered
        Whether they are clusters, of which there may be few: their sums then get the correction of a small sample, and
        limits the degrees of freedom of their effective number.
    """

    of: NDArray[np.intp]
    count: int
    clustered: bool = False

    @classmethod
    def of_rows(cls, held_out: HeldOut) -> "Units":
        """Return who is drawn, and added up, together: clusters, the rows of a patient, or each row by itself."""
        if held_out.clusters is not None:
            return cls(*codes_of(held_out.clusters), clustered=True)
        if held_out.patients is not None:
            return cls(*codes_of(held_out.patients))
        rows = held_out.null.shape[1]
        return cls(np.arange(rows), rows)

    def sums(self, influence: Floats, rows: NDArray[np.intp]) -> Floats:
        """Add up the influence values of the patients at `rows` by unit, shape (count,).

        Squares of the sums add up to the variance of what the values are of (Liang, Zeger, Biometrika 1986;73:13). Of
        G clusters, those of whom sums are centred at their estimated mean, the squares are too small by (G - 1) / G.
        """
        sums: Floats = np.bincount(self.of[rows], weights=influence, minlength=self.count).astype(np.float64)
        if self.clustered:
            present = len(np.unique(self.of[rows]))
            sums *= np.sqrt(present / max(present - 1, 1))
        return sums

    def effective(self, rows: NDArray[np.intp]) -> float | None:
        """Return the effective number of clusters of the patients at `rows`; None where there are no clusters."""
        return effective_number(np.bincount(self.of[rows])) if self.clustered else None


def effective_number(sizes: NDArray[np.integer]) -> float:
    """Return how many clusters of one size know as much as clusters of `sizes` do, if their patients are much alike.

    (sum of sizes)² / sum of squared sizes, which is the number of clusters where all are of one size, and near one
    where a single cluster holds nearly everybody (Carter, Schnepel, Steigerwald, Rev Econ Stat 2017;99:698).
    """
    counts = sizes.astype(np.float64)
    return float(counts.sum() ** 2 / (counts @ counts)) if counts.any() else 0.0
