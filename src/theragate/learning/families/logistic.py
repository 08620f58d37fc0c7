"""Logistic regression with a ridge penalty, on straight lines or on splines."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Outcome
from theragate.learning.family import Family, FitError, Params, Training, TrainingInPieces, numerical_errors
from theragate.learning.log_likelihood import LogLikelihood
from theragate.learning.models import LinearModel, Response
from theragate.learning.newton import distance, find_optimum
from theragate.learning.wide import is_wide, narrowed

__all__ = ["Logistic", "SplineLogistic"]

_ARRIVED = 1e-6  # how much a patient's score may still differ from that at the optimum


class Logistic(Family):
    """Logistic regression on standardised features; ``penalty`` is half the weight of the squared coefficients."""

    design: ClassVar = "linear"
    light: ClassVar = True
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 1.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty."""
        return {"penalty": trial.suggest_float(f"{prefix}penalty", 0.01, 100.0, log=True)}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, which is exact enough to agree across processors."""
        return _fit(training, training.matrix, params, curvature=1.0)

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, whose sums are made piece by piece."""
        return _fit_in_pieces(training, params)


class SplineLogistic(Family):
    """Logistic regression on straight lines and cubic splines; ``curvature`` near 0 leaves the lines only."""

    design: ClassVar = "splines"
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 3.0, "curvature": 0.5}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty, and how far the curves may leave the lines."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.03, 100.0, log=True),
            "curvature": trial.suggest_float(f"{prefix}curvature", 0.02, 2.0, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, which is exact enough to agree across processors."""
        curvature = params["curvature"]
        return _fit(training, training.bent(curvature), params, curvature=curvature)

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, whose sums are made piece by piece."""
        return _fit_in_pieces(training, params)


def _fit(training: Training, matrix: NDArray[np.float64], params: Params, *, curvature: float) -> LinearModel:
    from sklearn.linear_model import LogisticRegression

    outcome, basis = _binary(training.outcome), None
    if is_wide(matrix):
        matrix, basis = training.narrow if matrix is training.matrix else narrowed(matrix)
    with numerical_errors():
        fitted = LogisticRegression(C=1 / params["penalty"], solver="newton-cholesky", tol=1e-8, max_iter=100)
        fitted.fit(matrix, outcome.event)
    found = fitted.coef_[0] if basis is None else basis @ fitted.coef_[0]
    coefficients = training.unbent(found, curvature)
    intercept = float(fitted.intercept_[0])
    return LinearModel(coefficients, intercept, Response("probability"))


def _fit_in_pieces(training: TrainingInPieces, params: Params) -> LinearModel:
    matrix, event = training.bent(params), _binary(training.outcome).event
    objective = LogLikelihood(matrix, event, ridge=params["penalty"] / len(event))
    start = np.zeros(matrix.columns + 1)
    start[-1] = np.log(event.mean() / (1 - event.mean()))
    with numerical_errors():
        found = find_optimum(objective, start)
        left = distance(objective, found)
    if not left <= _ARRIVED:
        raise FitError("no stable solution (steps that do not end)")
    return LinearModel(matrix.unbent(found[:-1]), float(found[-1]), Response("probability"))


def _binary(outcome: Outcome) -> Binary:
    if not isinstance(outcome, Binary):
        raise TypeError("logistic regression needs a binary outcome")
    return outcome
