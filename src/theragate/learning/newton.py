"""Newton's method for a strictly convex objective, whose matrix may be in memory or in a file.

With a ridge exactly one optimum exists, whatever the data. What is found is judged by the step that would follow, not
by the objective, which is flat around the optimum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Objective", "Pieces", "Whole", "distance", "find_optimum"]

Floats = NDArray[np.float64]

_STEPS = 200
_HALVINGS = 40
_STILL = 1e-10  # a step after which no further one is worthwhile, in the largest change of a score
_ARMIJO = 1e-4
_NOISE = 1e-15  # of the objective: what its last digit is worth


class Pieces(Protocol):
    """A matrix that is read piece by piece; `MatrixFile` is one, and `Whole`."""

    @property
    def columns(self) -> int:
        """How many columns it has."""

    def pieces(self) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Yield the rows in their order, each piece with the slice that it is."""

    def times(self, coefficients: Floats) -> Floats:
        """Return the product with `coefficients`, shape (rows,)."""


@dataclass(frozen=True)
class Whole:
    """A matrix in memory, as one piece."""

    matrix: Floats

    @property
    def columns(self) -> int:
        """How many columns it has."""
        return int(self.matrix.shape[1])

    def pieces(self) -> Iterator[tuple[slice, Floats]]:
        """Yield all rows at once."""
        yield slice(0, len(self.matrix)), self.matrix

    def times(self, coefficients: Floats) -> Floats:
        """Return the product with `coefficients`, shape (rows,)."""
        return np.asarray(self.matrix @ coefficients, dtype=np.float64)


class Objective(Protocol):
    """What Newton's method needs to know of a strictly convex function of coefficients."""

    def value(self, coefficients: Floats) -> float:
        """Return it; infinite where numbers cannot express it."""

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return its gradient, shape (columns,), and its Hessian, shape (columns, columns)."""

    def change(self, step: Floats) -> float:
        """Return the largest change of a patient's score by a step of the coefficients."""


def distance(objective: Objective, coefficients: Floats) -> float:
    """Return how far the optimum is, as the largest change of a patient's score in the next whole Newton step."""
    return objective.change(_step(*objective.derivatives(coefficients)))


def find_optimum(objective: Objective, start: Floats) -> Floats:
    """Return the coefficients that minimise the objective; whether it has arrived, `distance` tells.

    A damped Newton method (Boyd, Vandenberghe, Convex Optimization, 2004, section 9.5).

    Raises
    ------
    FloatingPointError, numpy.linalg.LinAlgError
        If numbers of this precision cannot express a step.
    """
    here, left = start, np.inf
    for _ in range(_STEPS):
        gradient, hessian = objective.derivatives(here)
        step = _step(gradient, hessian)
        change = objective.change(step)
        if not np.isfinite(change) or change < _STILL:
            break
        share = _share(objective, here, step, slope=float(gradient @ step))
        if not share:
            # The objective is as low as numbers can show; the gradient, which vanishes, shows more.
            if change >= left / 2:
                break
            share, left = 1.0, change
        here = here + share * step
    return here


def _share(objective: Objective, here: Floats, step: Floats, *, slope: float) -> float:
    """Return the share of the step after which the objective has fallen by enough; 0 if there is none."""
    value = objective.value(here)
    if -slope < _NOISE * max(abs(value), 1.0):
        return 0.0
    for halving in range(_HALVINGS):
        share = 0.5**halving
        if objective.value(here + share * step) < value + _ARMIJO * share * slope:
            return share
    return 0.0


def _step(gradient: Floats, hessian: Floats) -> Floats:
    """Return the step to the minimum of the objective's second-order model."""
    from scipy.linalg import cho_factor, cho_solve

    return np.asarray(-cho_solve(cho_factor(hessian), gradient))
