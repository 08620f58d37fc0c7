"""Net benefit: what acting on the model is worth, in true positives per patient."""

from collections.abc import Sequence

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.net_benefit import NetBenefit, net_benefit
from theragate.evidence.sampling.pools import Cells

__all__ = ["ThresholdRange"]


class ThresholdRange:
    """Net benefit over a range of thresholds, from weights.

    Parameters
    ----------
    risk, event
        Shape (n,).
    thresholds
        In (0, 1).
    cells, weights
        The cells that are drawn, if not patients, and the known weights (n,) with which their outcomes count.
    """

    def __init__(
        self, risk: Floats, event: Floats, *, thresholds: Sequence[float], cells: Cells | None, weights: Floats
    ) -> None:
        self.thresholds = thresholds
        everybody = np.ones_like(event)
        selected = [(risk >= threshold).astype(np.float64) for threshold in thresholds]
        columns = [everybody, event, *selected, *(chosen * event for chosen in selected)]
        self._columns: Floats = (
            np.column_stack(columns) if cells is None else cells.average(column * weights for column in columns)
        )

    def values(self, seen: Floats) -> NetBenefit:
        """Return the net benefit at each threshold, shape (b, thresholds), from weights of shape (b, units)."""
        sums = seen @ self._columns
        shares = ratio(sums[:, 1:], sums[:, :1])
        size = len(self.thresholds)
        return net_benefit(
            true_positives=shares[:, 1 + size :],
            selected=shares[:, 1 : 1 + size],
            events=shares[:, :1],
            threshold=np.asarray(self.thresholds),
        )
