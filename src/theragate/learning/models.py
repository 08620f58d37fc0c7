"""Fitted models in the smallest form that predicts: numbers for a linear one, a booster for trees."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # imported where it is used: a linear model predicts without it
    import xgboost

__all__ = ["BoostedModel", "LinearModel", "Model", "Response"]


@dataclass(frozen=True)
class Response:
    """How a score becomes a prediction.

    ``probability``: the inverse logit. ``quantity`` and ``effect``: the score itself. ``risk``: the absolute risk by
    the horizon, ``1 - exp(-hazard * exp(score))``, where ``hazard`` is the cumulative baseline hazard at the horizon. A
    model keeps this one number and not the whole baseline, whose steps are the times of single patients.
    """

    kind: Literal["probability", "quantity", "risk", "effect"]
    hazard: float = 0.0

    def of(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for each score, shape (n,)."""
        if self.kind == "probability":
            # Beyond 700 the exponential overflows; long before that the probability is 0.
            return np.asarray(1 / (1 + np.exp(-np.maximum(score, -700.0))), dtype=np.float64)
        if self.kind in ("quantity", "effect"):
            return score
        return np.asarray(-np.expm1(-self.hazard * np.exp(np.minimum(score, 700.0))), dtype=np.float64)


class Model(Protocol):
    """What a family's ``fit`` returns."""

    @property
    def response(self) -> Response:
        """How scores become predictions."""

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one score per row of `matrix`, shape (n,)."""


@dataclass(frozen=True)
class LinearModel:
    """``coefficients``: shape (columns of the design,)."""

    coefficients: NDArray[np.float64]
    intercept: float
    response: Response

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear predictor, shape (n,), which is the same bits for equal rows."""
        # A product of matrices by BLAS takes the last rows of a block in another order of sums than the others.
        products = np.einsum("ij,j->i", np.ascontiguousarray(matrix), self.coefficients)
        return np.asarray(products + self.intercept, dtype=np.float64)

    def contributions(self, matrix: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each column adds to the score of an average patient, shape (n, columns).

        These are the Shapley values of a linear model whose columns are taken as independent, with the columns' means
        as `reference` (Štrumbelj, Kononenko, Knowl Inf Syst 2014;41:647).
        """
        return np.asarray((matrix - reference) * self.coefficients, dtype=np.float64)


@dataclass(frozen=True)
class BoostedModel:
    """Gradient-boosted trees; ``scale`` turns their sum into the score: below 0 where they predict a time."""

    booster: "xgboost.Booster"
    response: Response
    scale: float = 1.0

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of the trees, before any link, times the scale, shape (n,)."""
        import xgboost

        margin = self.booster.predict(xgboost.DMatrix(matrix, nthread=1), output_margin=True)
        return np.asarray(margin, dtype=np.float64) * self.scale

    def contributions(self, matrix: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ARG002 - the trees know their own average
        """Return the Shapley values of the trees, shape (n, columns) (Lundberg, Nat Mach Intell 2020;2:56)."""
        import xgboost

        parts = self.booster.predict(xgboost.DMatrix(matrix, nthread=1), pred_contribs=True)
        return np.asarray(parts[:, :-1], dtype=np.float64) * self.scale
