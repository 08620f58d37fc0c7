"""Average precision, in every resample."""

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.metrics.arrays import Floats, ratio

__all__ = ["AveragePrecision"]


class AveragePrecision:
    """The precision at each distinct risk, weighted by the sensitivity that it adds; ties count together.

    Parameters
    ----------
    risk, event
        Shape (n,).
    """

    def __init__(self, risk: Floats, event: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-risk, kind="stable")
        ordered = risk[self._order]
        self._event = event[self._order].astype(np.float64)
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))

    def values(self, draws: Floats) -> Floats:
        """Return the average precision for weights of shape (b, n); NaN where no event was drawn."""
        drawn = draws[:, self._order]
        found = np.cumsum(drawn * self._event, axis=1)[:, self._ends]
        precision = ratio(found, np.cumsum(drawn, axis=1)[:, self._ends])
        gained = np.diff(found, axis=1, prepend=0)
        # Until somebody is drawn there is no precision, and nothing gained either.
        return ratio((gained * np.nan_to_num(precision)).sum(axis=1), found[:, -1])
