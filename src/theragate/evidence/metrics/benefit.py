"""Net benefit: what acting on the model is worth, in true positives per patient."""

from dataclasses import dataclass

import numpy as np

from theragate.evidence.metrics.arrays import Floats, ratio

__all__ = ["NetBenefit", "ThresholdRange", "net_benefit"]

_ROUNDING = 1e-12  # of sums of patients' weights


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit of the model, of acting in everybody, and of the model over the better default; each (b,)."""

    model: Floats
    treat_all: Floats
    gain: Floats


def net_benefit(*, true_positives: Floats, selected: Floats, events: Floats, threshold: float) -> NetBenefit:
    """Return TP - FP · t / (1 - t), per patient (Vickers, Elkin, Med Decis Making 2006;26:565).

    The defaults are to act in everybody and in nobody (0); the gain is over the better one in the same resample.
    Where the model decides as that default does, the gain is exactly 0: what rounding leaves of it is taken off.

    Parameters
    ----------
    true_positives, selected, events
        Shape (b,): shares of all patients; `selected` are those at or above the threshold.
    threshold
        In (0, 1).
    """
    odds = threshold / (1 - threshold)
    model = true_positives - (selected - true_positives) * odds
    treat_all = events - (1 - events) * odds
    gain = model - np.maximum(treat_all, 0)
    return NetBenefit(model, treat_all, np.where(np.abs(gain) < _ROUNDING, 0.0, gain))


class ThresholdRange:
    """Net benefit over a range of thresholds.

    Parameters
    ----------
    risk, event
        Shape (n,).
    thresholds
        In (0, 1).
    """

    def __init__(self, risk: Floats, event: Floats, *, thresholds: tuple[float, ...]) -> None:
        self.thresholds = thresholds
        selected = (risk[:, None] >= np.array(thresholds)[None, :]).astype(np.float64)
        self._columns: Floats = np.column_stack([np.ones_like(event), event, selected, selected * event[:, None]])

    def values(self, seen: Floats) -> list[NetBenefit]:
        """Return the net benefit at each threshold from the weights of the patients, shape (b, n)."""
        sums = seen @ self._columns
        shares = ratio(sums[:, 1:], sums[:, :1])
        size = len(self.thresholds)
        return [
            net_benefit(
                true_positives=shares[:, 1 + size + index],
                selected=shares[:, 1 + index],
                events=shares[:, 0],
                threshold=threshold,
            )
            for index, threshold in enumerate(self.thresholds)
        ]
