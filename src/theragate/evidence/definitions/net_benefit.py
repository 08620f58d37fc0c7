"""Net benefit: what acting on the model is worth, in true positives per patient."""

from dataclasses import dataclass

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["NetBenefit", "net_benefit"]

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
