"""The error of a mean over a table of which rows and columns are both samples, such as refits and patients."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.types import Z95, Estimate, Scale, from_scale, to_scale

__all__ = ["Crossed", "crossed"]

_ROUNDING = 1e-12  # what arithmetic leaves of equal numbers


class Crossed(NamedTuple):
    """A mean, its standard error, and how many standard errors its 95% limits lie away; no error: there is no spread.

    The mean of several means over the same rows and columns is found by giving the mean of their tables.
    """

    value: float
    error: float | None
    reach: float

    def estimate(self, *, scale: Scale, method: str) -> Estimate:
        """Return it with limits that are drawn on `scale`, as Student's t knows them."""
        try:
            centre = to_scale(self.value, scale)
        except ValueError:
            centre = None
        if self.error is None or centre is None:
            return Estimate(value=self.value, method="none", why="no spread from which an error could be estimated")
        slope = {"identity": 1.0, "log": self.value, "logit": self.value * (1 - self.value)}[scale]
        half = self.reach * self.error / slope
        return Estimate(
            value=self.value,
            lower=from_scale(centre - half, scale),
            upper=from_scale(centre + half, scale),
            se=half / Z95,
            scale=scale,
            method=method,
        )


def crossed(table: Floats) -> Crossed:
    """Estimate the mean of `table`, shape (rows, columns), both at least 2, and its error.

    The variance of the grand mean is (rows' mean square + columns' - interaction's) / (rows * columns), the unbiased
    estimate in the two-way random model (Searle, Casella, McCulloch, Variance Components, 1992, ch. 4; for crossed
    samples of unknown structure see Owen, Ann Appl Stat 2007;1:386), and never under either part alone. Its degrees of
    freedom are Satterthwaite's (Biometrics Bull 1946;2:110).
    """
    rows, columns = table.shape
    value = float(table.mean())
    by_row, by_column = table.mean(axis=1), table.mean(axis=0)
    of_rows = float(by_row.var(ddof=1)) / rows
    of_columns = float(by_column.var(ddof=1)) / columns
    rest = table - by_row[:, None] - by_column + value
    interaction = float((rest**2).sum()) / ((rows - 1) * (columns - 1) * rows * columns)
    variance = max(of_rows + of_columns - interaction, of_rows, of_columns)
    if variance <= (_ROUNDING * value) ** 2:
        return Crossed(value, None, 0.0)
    freedom = variance**2 / (of_rows**2 / (rows - 1) + of_columns**2 / (columns - 1))
    return Crossed(value, float(np.sqrt(variance)), float(student.ppf(0.975, freedom)))
