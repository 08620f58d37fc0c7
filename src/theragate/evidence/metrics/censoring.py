"""Inverse-probability-of-censoring weights, for the patients as they are and for every resample of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["RiskPatients", "binary_patients", "survival_patients"]


@dataclass(frozen=True)
class RiskPatients:
    """Patients whose risk of an event (by a horizon) is judged.

    Parameters
    ----------
    rows
        Shape (n,): their positions in the cohort. For survival they ascend by time, events before censored.
    event
        Shape (n,): whether the event was seen (by the horizon).
    free
        Shape (n,): whether the patient is known to be free of it (at the horizon).
    time
        Shape (n,): when the event or the loss happened; None without censoring.
    """

    rows: NDArray[np.intp]
    event: NDArray[np.bool_]
    free: NDArray[np.bool_]
    time: Floats | None = None

    @property
    def censored(self) -> bool:
        """Whether somebody was lost before the horizon."""
        return bool((~(self.event | self.free)).any())

    @property
    def fewer(self) -> int:
        """The number of events or of non-events, whichever is smaller."""
        return int(min(self.event.sum(), self.free.sum()))

    def seen_weights(self, draws: Floats) -> Floats:
        """Return the weight with which each patient's outcome counts, in each resample.

        Who was lost before the horizon counts 0, and the others count for those who were lost: times 1 / G, where G
        is the Kaplan-Meier probability of not being lost before one's event (or the horizon), estimated anew in each
        resample. Weighted event rates are then the Kaplan-Meier estimate (Graf et al., Stat Med 1999;18:2529;
        Satten, Datta, Am Stat 2001;55:207).

        Parameters
        ----------
        draws
            Shape (b, n): how often each patient is in each resample, in the order of `rows`.

        Returns
        -------
        Shape (b, n); without censoring these are the draws themselves.
        """
        if not self.censored:
            return draws
        lost = np.flatnonzero(~(self.event | self.free))
        early = int(np.flatnonzero(~self.free)[-1]) + 1
        passed = np.cumsum(draws[:, :early], axis=1)
        at_risk = draws.sum(axis=1, keepdims=True) - passed[:, lost] + draws[:, lost]
        # A patient who is alone at risk and lost leaves a G of 0, and nobody behind to be weighted by it.
        staying = 1 - np.divide(draws[:, lost], at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        kept = np.concatenate([np.ones((len(draws), 1)), np.cumprod(staying, axis=1)], axis=1)
        kept[kept <= 0] = 1
        events = np.flatnonzero(self.event)
        weights = np.zeros_like(draws)
        weights[:, events] = draws[:, events] / kept[:, np.searchsorted(lost, events)]
        weights[:, early:] = draws[:, early:] / kept[:, -1:]
        return weights


def binary_patients(event: NDArray[np.bool_], rows: NDArray[np.intp]) -> RiskPatients:
    """Take the patients at `rows` of an outcome without censoring."""
    return RiskPatients(rows, event[rows], ~event[rows])


def survival_patients(
    time: Floats, event: NDArray[np.bool_], *, horizon: float, rows: NDArray[np.intp]
) -> RiskPatients:
    """Take the patients at `rows` and sort them by time; who is lost at an event's time is still at risk for it."""
    rows = rows[np.lexsort((~event[rows], time[rows]))]
    early = time[rows] <= horizon
    return RiskPatients(rows, event[rows] & early, ~early, time=time[rows])
