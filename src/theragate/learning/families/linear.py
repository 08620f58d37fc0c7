"""Least squares with a penalty: ridge on straight lines or splines, and the elastic net."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome, Quantity
from theragate.learning.family import Family, FitError, Params, Training, TrainingInPieces, numerical_errors
from theragate.learning.models import LinearModel, Response

__all__ = ["ElasticNetRegression", "Linear", "SplineRidge"]


class Linear(Family):
    """Least squares on standardised features, with a ridge so light that it only keeps twins of a column apart."""

    design: ClassVar = "linear"
    light: ClassVar = True
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 1.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty."""
        return {"penalty": trial.suggest_float(f"{prefix}penalty", 0.01, 1000.0, log=True)}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Solve the normal equations."""
        return _ridge(training, training.matrix, params, curvature=1.0)

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Solve the normal equations, whose sums are made piece by piece."""
        return _ridge_in_pieces(training, params)


class SplineRidge(Family):
    """Ridge regression on straight lines and cubic splines; ``curvature`` near 0 leaves the lines only."""

    design: ClassVar = "splines"
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 10.0, "curvature": 0.5}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty, and how far the curves may leave the lines."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.1, 1000.0, log=True),
            "curvature": trial.suggest_float(f"{prefix}curvature", 0.02, 2.0, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Solve the normal equations."""
        curvature = params["curvature"]
        return _ridge(training, training.bent(curvature), params, curvature=curvature)

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Solve the normal equations, whose sums are made piece by piece."""
        return _ridge_in_pieces(training, params)


class ElasticNetRegression(Family):
    """Elastic net; ``penalty`` is a share of the smallest one that leaves no feature, ``lasso`` the share of L1."""

    design: ClassVar = "linear"
    fixed: ClassVar[Params] = {"penalty": 0.02, "lasso": 0.5}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty and its mixture."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.0003, 0.5, log=True),
            "lasso": trial.suggest_float(f"{prefix}lasso", 0.1, 1.0),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by coordinate descent in a fixed order."""
        from sklearn.linear_model import ElasticNet

        value = _quantity(training.outcome).value
        correlation = np.abs(training.matrix.T @ (value - value.mean())).max() / len(value)
        if correlation == 0:
            raise FitError("no feature is related to the outcome")
        with numerical_errors():
            alpha = params["penalty"] * correlation / params["lasso"]
            fitted = ElasticNet(alpha=alpha, l1_ratio=params["lasso"], max_iter=10_000, tol=1e-8)
            fitted.fit(training.matrix, value)
        return LinearModel(np.array(fitted.coef_, dtype=np.float64), float(fitted.intercept_), Response("quantity"))


def _ridge(training: Training, matrix: NDArray[np.float64], params: Params, *, curvature: float) -> LinearModel:
    from sklearn.linear_model import Ridge

    with numerical_errors():
        fitted = Ridge(alpha=params["penalty"], solver="cholesky").fit(matrix, _quantity(training.outcome).value)
    coefficients = training.unbent(fitted.coef_, curvature)
    return LinearModel(coefficients, float(fitted.intercept_), Response("quantity"))


def _ridge_in_pieces(training: TrainingInPieces, params: Params) -> LinearModel:
    from scipy.linalg import solve

    matrix, value = training.bent(params), _quantity(training.outcome).value
    patients, mean = len(value), value.mean()
    sums, square, product = (
        np.zeros(matrix.columns),
        np.zeros((matrix.columns, matrix.columns)),
        np.zeros(matrix.columns),
    )
    for part, piece in matrix.pieces():
        sums += piece.sum(axis=0)
        square += piece.T @ piece
        product += (value[part] - mean) @ piece
    centre = sums / patients
    square -= patients * np.outer(centre, centre)
    square[np.diag_indices_from(square)] += params["penalty"]
    with numerical_errors():
        coefficients = np.asarray(solve(square, product, assume_a="pos"), dtype=np.float64)
    intercept = float(mean - centre @ coefficients)
    return LinearModel(matrix.unbent(coefficients), intercept, Response("quantity"))


def _quantity(outcome: Outcome) -> Quantity:
    if not isinstance(outcome, Quantity):
        raise TypeError("least squares needs a quantity as outcome")
    return outcome
