"""The optimum of a penalised Cox regression, also where the steps of a library go astray.

With a ridge the objective is strictly convex, so that exactly one optimum exists, whatever the data. Newton's method
still oscillates where a feature is nearly constant (an indicator of one patient in 400 has 20 standard deviations for
this one), unless each step is shortened until the objective falls. What is found is judged by the step that would
follow, not by the objective, which is flat around the optimum.
"""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored

__all__ = ["PartialLikelihood", "distance", "find_optimum"]

Floats = NDArray[np.float64]

_STEPS = 200
_HALVINGS = 40
_STILL = 1e-10  # a step after which no further one is worthwhile, in the largest change of a score
_FAR = 600.0  # beyond 700, an exponential is 0
_ARMIJO = 1e-4
_NOISE = 1e-15  # of the objective: what its last digit is worth


class PartialLikelihood:
    """Breslow's negative partial log-likelihood per patient, with a ridge of weight `ridge` per patient.

    Its value at ``w`` is ``-loglik(w) / n + ridge / 2 * sum(w**2)``.

    Parameters
    ----------
    matrix
        Shape (n, columns).
    outcome
        The patients' times and events.
    ridge
        Above 0.
    """

    def __init__(self, matrix: Floats, outcome: Censored, *, ridge: float) -> None:
        order = np.argsort(-outcome.time, kind="stable")
        time, event = outcome.time[order], outcome.event[order]
        self._matrix, self._ridge = matrix[order], ridge
        # Whoever has the same time is at risk together: the last of them ends the risk set of all.
        last = np.searchsorted(-time, -time, side="right") - 1
        self._ends, deaths = np.unique(last[event], return_counts=True)
        self._deaths = deaths.astype(np.float64)
        self._died = self._matrix[event].sum(axis=0)
        self._first_end = np.searchsorted(self._ends, np.arange(len(time)))

    def value(self, coefficients: Floats) -> float:
        """Return the objective; infinite where scores are so far apart that no exponential can express it."""
        score = self._matrix @ coefficients
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
        score = self._matrix @ coefficients
        if not np.ptp(score) < _FAR:
            raise FloatingPointError("scores too far apart")
        weight = np.exp(score - score.max())
        at_risk = np.cumsum(weight)[self._ends]
        means = np.cumsum(weight[:, None] * self._matrix, axis=0)[self._ends] / at_risk[:, None]
        # Each patient counts in the risk set of every death up to the own time.
        shares = np.append(np.cumsum((self._deaths / at_risk)[::-1])[::-1], 0.0)[self._first_end]
        hessian = (self._matrix * (weight * shares)[:, None]).T @ self._matrix
        hessian -= (means * self._deaths[:, None]).T @ means
        gradient = self._deaths @ means - self._died
        hessian /= len(score)
        hessian[np.diag_indices_from(hessian)] += self._ridge
        return gradient / len(score) + self._ridge * coefficients, hessian

    def change(self, step: Floats) -> float:
        """Return the largest change of a patient's score, but for what is common to all."""
        return float(np.ptp(self._matrix @ step)) if len(step) else 0.0


def distance(likelihood: PartialLikelihood, coefficients: Floats) -> float:
    """Return how far the optimum is, as the largest change of a patient's score in the next whole Newton step."""
    return likelihood.change(_step(*likelihood.derivatives(coefficients)))


def find_optimum(likelihood: PartialLikelihood, start: Floats) -> Floats:
    """Return the coefficients that minimise the objective; whether it has arrived, `distance` tells.

    A damped Newton method (Boyd, Vandenberghe, Convex Optimization, 2004, section 9.5).

    Raises
    ------
    FloatingPointError, numpy.linalg.LinAlgError
        If numbers of this precision cannot express a step.
    """
    here, left = start, np.inf
    for _ in range(_STEPS):
        gradient, hessian = likelihood.derivatives(here)
        step = _step(gradient, hessian)
        change = likelihood.change(step)
        if not np.isfinite(change) or change < _STILL:
            break
        share = _share(likelihood, here, step, slope=float(gradient @ step))
        if not share:
            # The objective is as low as numbers can show; the gradient, which vanishes, shows more.
            if change >= left / 2:
                break
            share, left = 1.0, change
        here = here + share * step
    return here


def _share(likelihood: PartialLikelihood, here: Floats, step: Floats, *, slope: float) -> float:
    """Return the share of the step after which the objective has fallen by enough; 0 if there is none."""
    value = likelihood.value(here)
    if -slope < _NOISE * max(abs(value), 1.0):
        return 0.0
    for halving in range(_HALVINGS):
        share = 0.5**halving
        if likelihood.value(here + share * step) < value + _ARMIJO * share * slope:
            return share
    return 0.0


def _step(gradient: Floats, hessian: Floats) -> Floats:
    """Return the step to the minimum of the objective's second-order model."""
    from scipy.linalg import cho_factor, cho_solve

    return np.asarray(-cho_solve(cho_factor(hessian), gradient))
