"""The objective of a penalised Cox regression, for `theragate.learning.newton`.

Newton's method oscillates where a feature is nearly constant (an indicator of one patient in 400 has 20 standard
deviations for this one), unless each step is shortened until the objective falls.
"""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored
from theragate.learning.newton import Pieces, Whole

__all__ = ["PartialLikelihood"]

Floats = NDArray[np.float64]

_FAR = 600.0  # beyond 700, an exponential is 0


class PartialLikelihood:
    """Breslow's negative partial log-likelihood per patient, with a ridge of weight `ridge` per patient.

    Its value at ``w`` is ``-loglik(w) / n + ridge / 2 * sum(w**2)``.

    Parameters
    ----------
    matrix
        Shape (n, columns): an array, or pieces whose rows are in the order `by_time` of the outcome.
    outcome
        The patients' times and events, in the cohort's order.
    ridge
        Above 0.
    """

    def __init__(self, matrix: Floats | Pieces, outcome: Censored, *, ridge: float) -> None:
        order = self.by_time(outcome)
        time, event = outcome.time[order], outcome.event[order]
        self._matrix: Pieces = Whole(matrix[order]) if isinstance(matrix, np.ndarray) else matrix
        self._ridge = ridge
        # Whoever has the same time is at risk together: the last of them ends the risk set of all.
        last = np.searchsorted(-time, -time, side="right") - 1
        self._ends, deaths = np.unique(last[event], return_counts=True)
        self._deaths = deaths.astype(np.float64)
        self._died = np.zeros(self._matrix.columns)
        for part, piece in self._matrix.pieces():
            self._died += piece[event[part]].sum(axis=0, dtype=np.float64)
        self._first_end = np.searchsorted(self._ends, np.arange(len(time)))

    @staticmethod
    def by_time(outcome: Censored) -> NDArray[np.intp]:
        """Return the positions of the patients from the longest time to the shortest."""
        return np.argsort(-outcome.time, kind="stable")

    def value(self, coefficients: Floats) -> float:
        """Return the objective; infinite where scores are so far apart that no exponential can express it."""
        score = self._matrix.times(coefficients)
        if not np.ptp(score) < _FAR:
            return np.inf
        at_risk = np.logaddexp.accumulate(score)[self._ends]
        loss = float(self._deaths @ at_risk - self._died @ coefficients)
        return loss / len(score) + self._ridge / 2 * float(coefficients @ coefficients)

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, shape (columns,), and the Hessian, shape (columns, columns).

        Raises
        ------
        FloatingPointError
            Where the objective is infinite.
        """
        score = self._matrix.times(coefficients)
        if not np.ptp(score) < _FAR:
            raise FloatingPointError("scores too far apart")
        weight = np.exp(score - score.max())
        at_risk = np.cumsum(weight)[self._ends]
        # Each patient counts in the risk set of every death up to the own time.
        shares = np.append(np.cumsum((self._deaths / at_risk)[::-1])[::-1], 0.0)[self._first_end]
        gradient, hessian = -self._died, np.zeros((len(coefficients), len(coefficients)))
        sums, deaths_so_far = np.zeros(len(coefficients)), 0
        for part, single in self._matrix.pieces():
            piece = single.astype(np.float64, copy=False)
            weighted = np.cumsum(weight[part, None] * piece, axis=0)
            weighted += sums
            sums = weighted[-1].copy()
            until = int(np.searchsorted(self._ends, part.stop))
            here = slice(deaths_so_far, until)
            deaths_so_far = until
            means = weighted[self._ends[here] - part.start] / at_risk[here, None]
            hessian += (piece * (weight * shares)[part, None]).T @ piece
            hessian -= (means * self._deaths[here, None]).T @ means
            gradient = gradient + self._deaths[here] @ means
        hessian /= len(score)
        hessian[np.diag_indices_from(hessian)] += self._ridge
        return gradient / len(score) + self._ridge * coefficients, hessian

    def change(self, step: Floats) -> float:
        """Return the largest change of a patient's score, but for what is common to all."""
        return float(np.ptp(self._matrix.times(step))) if len(step) else 0.0
