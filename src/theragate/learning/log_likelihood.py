"""The objective of a logistic regression with a ridge, whose matrix is read piece by piece."""

import numpy as np
from numpy.typing import NDArray

from theragate.learning.newton import Pieces

__all__ = ["LogLikelihood"]

Floats = NDArray[np.float64]


class LogLikelihood:
    """The negative log-likelihood per patient, with a ridge of weight `ridge` per patient on all but the intercept.

    Its value at ``w``, whose last entry is the intercept, is ``-loglik(w) / n + ridge / 2 * sum(w[:-1]**2)``.

    Parameters
    ----------
    matrix
        Shape (n, columns).
    event
        Shape (n,), bool; both classes occur.
    ridge
        Above 0.
    """

    def __init__(self, matrix: Pieces, event: NDArray[np.bool_], *, ridge: float) -> None:
        self._matrix, self._event, self._ridge = matrix, event, ridge

    def value(self, coefficients: Floats) -> float:
        """Return the objective."""
        score = self._score(coefficients)
        loss = np.logaddexp(0.0, score).sum() - score[self._event].sum()
        return float(loss) / len(score) + self._ridge / 2 * float(coefficients[:-1] @ coefficients[:-1])

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, shape (columns + 1,), and the Hessian, shape (columns + 1, columns + 1)."""
        gradient, hessian = np.zeros(len(coefficients)), np.zeros((len(coefficients), len(coefficients)))
        for part, single in self._matrix.pieces():
            piece = np.column_stack([single.astype(np.float64, copy=False), np.ones(len(single))])
            chance = 1 / (1 + np.exp(-np.maximum(piece @ coefficients, -700.0)))
            gradient += (chance - self._event[part]) @ piece
            hessian += (piece * (chance * (1 - chance))[:, None]).T @ piece
        patients = len(self._event)
        penalty = np.append(np.full(len(coefficients) - 1, self._ridge), 0.0)
        hessian /= patients
        hessian[np.diag_indices_from(hessian)] += penalty
        return gradient / patients + penalty * coefficients, hessian

    def change(self, step: Floats) -> float:
        """Return the largest change of a patient's score."""
        return float(np.abs(self._score(step)).max())

    def _score(self, coefficients: Floats) -> Floats:
        return np.asarray(self._matrix.times(coefficients[:-1]) + coefficients[-1], dtype=np.float64)
