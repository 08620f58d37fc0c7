"""Net benefit: what acting on the model is worth, in true positives per patient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theragate.evidence.metrics.arrays import Floats, ratio
from theragate.evidence.sampling.pools import Cells

__all__ = ["NetBenefit", "ThresholdRange", "net_benefit"]

_ROUNDING = 1e-12  # of sums of patients' weights


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit of the model, of acting in everybody, and of the model over the better default.

    ``selected`` is the share of patients at or above the threshold.
    """

    model: Floats
    treat_all: Floats
    gain: Floats
    selected: Floats


def net_benefit(*, true_positives: Floats, selected: Floats, events: Floats, threshold: float | Floats) -> NetBenefit:
    """Return TP - FP · t / (1 - t), per patient (Vickers, Elkin, Med Decis Making 2006;26:565).

    The defaults are to act in everybody and in nobody (0); the gain is over the better one in the same resample.
    Where the model decides as that default does, the gain is exactly 0: what rounding leaves of it is taken off.

    Parameters
    ----------
    true_positives, selected, events
        Shares of all patients; `selected` are those at or above the threshold.
    threshold
        In (0, 1); or several, along the last axis.
    """
    odds = threshold / (1 - threshold)
    model = true_positives - (selected - true_positives) * odds
    treat_all = events - (1 - events) * odds
    gain = model - np.maximum(treat_all, 0)
    return NetBenefit(model, treat_all, np.where(np.abs(gain) < _ROUNDING, 0.0, gain), selected)


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
