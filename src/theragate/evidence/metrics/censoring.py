"""Inverse-probability-of-censoring weights, for the patients as they are and for every resample of them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["LEAST_OBSERVED", "RiskPatients", "binary_patients", "survival_patients"]

LEAST_OBSERVED = 0.05
"""The smallest probability of being observed by which anybody is weighted, where it depends on features."""

_ROUNDING = 1e-12  # of sums of hazards


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
    hazard
        Shape (n,): how much faster than others the patient would be lost, above 0; None where all are alike.
    """

    rows: NDArray[np.intp]
    event: NDArray[np.bool_]
    free: NDArray[np.bool_]
    time: Floats | None = None
    hazard: Floats | None = None

    @property
    def censored(self) -> bool:
        """Whether somebody was lost before the horizon."""
        return bool((~(self.event | self.free)).any())

    @property
    def fewer(self) -> int:
        """The number of events or of non-events, whichever is smaller."""
        return int(min(self.event.sum(), self.free.sum()))

    @property
    def followed(self) -> Floats:
        """Each patient's probability of not being lost before the horizon, shape (n,), in the order of `rows`."""
        everybody = np.ones((1, len(self.rows)))
        if not self.censored:
            return np.ones(len(self.rows))
        lost = np.flatnonzero(~(self.event | self.free))
        early = int(np.flatnonzero(~self.free)[-1]) + 1
        last = float(self._kept(everybody, lost, early=early)[0, -1])
        chance: Floats = np.exp(last * self.hazard) if self.hazard is not None else np.full(len(self.rows), last)
        return chance

    @property
    def pair_weights(self) -> Floats:
        """The weight of pairs in which each patient has the event first, shape (n,): 1 / G² by Kaplan and Meier.

        One number per patient is right only where G is the same for both of a pair. With a G of each patient's own, the
        weight would be one over the product of both at that time, and the square of the first one's alone is far off
        (Gerds et al., Stat Med 2013;32:2173), so that hazards are left aside here; docs/statistics.md says what that
        costs.
        """
        alike = replace(self, hazard=None).seen_weights(np.ones((1, len(self.rows))))[0]
        squares: Floats = (alike * self.event) ** 2
        return squares

    def seen_weights(self, draws: Floats) -> Floats:
        """Return the weight with which each patient's outcome counts, in each resample.

        Who was lost before the horizon counts 0, and the others count for those who were lost: times 1 / G, where G
        is the probability of not being lost before one's event (or the horizon), estimated anew in each resample.

        Without `hazard`, G is the Kaplan-Meier estimate, the same for all. Weighted event rates are then one minus the
        Kaplan-Meier estimate of survival (Graf et al., Stat Med 1999;18:2529; Satten, Datta, Am Stat 2001;55:207),
        which is right if being lost has nothing to do with the risk.

        With it, each patient has a G of one's own, by Kalbfleisch and Prentice's estimate of the baseline (Biometrika
        1973;60:267), which is Kaplan's and Meier's where all hazards are equal; that is right if being lost has
        nothing to do with the risk among patients whose features are the same (Gerds, Schumacher, Biom J
        2006;48:1029). G is at least `LEAST_OBSERVED`, so that nobody stands for more than 20 patients.

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
        events, early = np.flatnonzero(self.event), int(np.flatnonzero(~self.free)[-1]) + 1
        kept = self._kept(draws, lost, early=early)
        weights = np.zeros_like(draws)
        at_event, at_horizon = kept[:, np.searchsorted(lost, events)], kept[:, -1:]
        if self.hazard is not None:
            at_event, at_horizon = (
                np.maximum(np.exp(log * self.hazard[at]), LEAST_OBSERVED)
                for log, at in ((at_event, events), (at_horizon, slice(early, None)))
            )
        weights[:, events] = draws[:, events] / at_event
        weights[:, early:] = draws[:, early:] / at_horizon
        return weights

    def _kept(self, draws: Floats, lost: NDArray[np.intp], *, early: int) -> Floats:
        """Return G before and after each patient lost, shape (b, lost + 1); with hazards, the log of a baseline G."""
        drawn = draws if self.hazard is None else draws * self.hazard
        passed = np.cumsum(drawn[:, :early], axis=1)
        at_risk = drawn.sum(axis=1, keepdims=True) - passed[:, lost] + drawn[:, lost]
        # A patient who is alone at risk and lost leaves a G of 0, and nobody behind to be weighted by it.
        gone = np.divide(drawn[:, lost], at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        if self.hazard is None:
            kept = np.concatenate([np.ones((len(draws), 1)), np.cumprod(1 - gone, axis=1)], axis=1)
            kept[kept <= 0] = 1
            return kept
        steps = np.log1p(-np.minimum(gone, 1 - _ROUNDING)) / self.hazard[lost]
        return np.concatenate([np.zeros((len(draws), 1)), np.cumsum(steps, axis=1)], axis=1)


def binary_patients(event: NDArray[np.bool_], rows: NDArray[np.intp]) -> RiskPatients:
    """Take the patients at `rows` of an outcome without censoring."""
    return RiskPatients(rows, event[rows], ~event[rows])


def survival_patients(
    time: Floats, event: NDArray[np.bool_], *, horizon: float, rows: NDArray[np.intp], hazard: Floats | None = None
) -> RiskPatients:
    """Take the patients at `rows` and sort them by time; who is lost at an event's time is still at risk for it."""
    rows = rows[np.lexsort((~event[rows], time[rows]))]
    early = time[rows] <= horizon
    own = None if hazard is None else hazard[rows]
    return RiskPatients(rows, event[rows] & early, ~early, time=time[rows], hazard=own)
