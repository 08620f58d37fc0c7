"""Logistic regression with a ridge penalty, on straight lines or on splines."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary
from theragate.learning.family import Family, Params, Training, numerical_errors
from theragate.learning.models import LinearModel, Response
from theragate.learning.wide import is_wide, narrowed

__all__ = ["Logistic", "SplineLogistic"]


class Logistic(Family):
    """Logistic regression on standardised features; ``penalty`` is half the weight of the squared coefficients."""

    design: ClassVar = "linear"
    light: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 1.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty."""
        return {"penalty": trial.suggest_float(f"{prefix}penalty", 0.01, 100.0, log=True)}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, which is exact enough to agree across processors."""
        return _fit(training, training.matrix, params, curvature=1.0)


class SplineLogistic(Family):
    """Logistic regression on straight lines and cubic splines; ``curvature`` near 0 leaves the lines only."""

    design: ClassVar = "splines"
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


def _fit(training: Training, matrix: NDArray[np.float64], params: Params, *, curvature: float) -> LinearModel:
    from sklearn.linear_model import LogisticRegression

    outcome = training.outcome
    if not isinstance(outcome, Binary):
        raise TypeError("logistic regression needs a binary outcome")
    basis = None
    if is_wide(matrix):
        matrix, basis = narrowed(matrix)
    with numerical_errors():
        fitted = LogisticRegression(C=1 / params["penalty"], solver="newton-cholesky", tol=1e-8, max_iter=100)
        fitted.fit(matrix, outcome.event)
    found = fitted.coef_[0] if basis is None else basis @ fitted.coef_[0]
    coefficients = training.unbent(found, curvature)
    intercept = float(fitted.intercept_[0])
    return LinearModel(coefficients, intercept, Response("probability"))
