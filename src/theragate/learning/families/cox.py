"""Cox regression with a penalty, and with the absolute risk by the horizon as its prediction."""

import warnings
from contextlib import suppress
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored, Outcome
from theragate.learning.cox_optimum import PartialLikelihood
from theragate.learning.family import (
    Family,
    FitError,
    Params,
    Training,
    TrainingInPieces,
    numerical_errors,
    response_of,
)
from theragate.learning.models import LinearModel
from theragate.learning.newton import distance, find_optimum
from theragate.learning.wide import is_wide, narrowed

__all__ = ["Coxnet", "RidgeCox", "SplineCox", "StrongRidgeCox"]

Floats: TypeAlias = NDArray[np.float64]

# scikit-survival takes a step of Python per patient and step of Newton's method.
_MANY = 20_000
_ARRIVED = 1e-6  # how much a patient's score may still differ from that at the optimum


class RidgeCox(Family):
    """Cox regression on standardised features with a ridge so light that it only keeps twins of a column apart."""

    design: ClassVar = "linear"
    light: ClassVar = True
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 1.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty."""
        return {"penalty": trial.suggest_float(f"{prefix}penalty", 0.1, 1000.0, log=True)}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, in the patients' dimension where there are more columns than patients."""
        if is_wide(training.matrix):
            matrix, basis = training.narrow
            return _model(training, basis @ _ridge(training, matrix, params["penalty"]))
        return _model(training, _ridge(training, training.matrix, params["penalty"]))

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, whose sums are made piece by piece, from the longest time to the shortest."""
        return _fit_in_pieces(training, params, ridge=params["penalty"] / len(training.outcome))


class StrongRidgeCox(RidgeCox):
    """The same with a ridge for many features and few events, so that none needs to be left out.

    Without tuning, its penalty is that of a prior in which two of three features have a hazard ratio between 0.9 and
    1.1 per standard deviation: 1/0.1².
    """

    light: ClassVar = False
    fixed: ClassVar[Params] = {"penalty": 100.0}


class Coxnet(Family):
    """Elastic-net Cox regression; ``penalty`` is per patient, ``lasso`` the share of L1."""

    design: ClassVar = "linear"
    fixed: ClassVar[Params] = {"penalty": 0.02, "lasso": 0.5}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty and its mixture."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.001, 0.3, log=True),
            "lasso": trial.suggest_float(f"{prefix}lasso", 0.01, 1.0),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by coordinate descent in a fixed order."""
        return _model(training, _coxnet(training, training.matrix, penalty=params["penalty"], lasso=params["lasso"]))


class SplineCox(Family):
    """Ridge Cox regression on straight lines and cubic splines; ``curvature`` near 0 leaves the lines only."""

    design: ClassVar = "splines"
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"penalty": 0.02, "curvature": 0.5}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty, and how far the curves may leave the lines."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.003, 0.3, log=True),
            "curvature": trial.suggest_float(f"{prefix}curvature", 0.02, 2.0, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, in the patients' dimension where there are more columns than patients."""
        curvature = params["curvature"]
        matrix, basis = training.bent(curvature), None
        if is_wide(matrix):
            matrix, basis = narrowed(matrix)
        likelihood = PartialLikelihood(matrix, _censored(training.outcome), ridge=params["penalty"])
        coefficients = _optimum(likelihood, np.zeros(matrix.shape[1]))
        coefficients = coefficients if basis is None else basis @ coefficients
        return _model(training, training.unbent(coefficients, curvature))

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - draws nothing
        """Fit by Newton's method, whose sums are made piece by piece, from the longest time to the shortest."""
        return _fit_in_pieces(training, params, ridge=params["penalty"])


def _fit_in_pieces(training: TrainingInPieces, params: Params, *, ridge: float) -> LinearModel:
    outcome = _censored(training.outcome)
    path = training.folder / "by_time"
    matrix = training.bent(params, training.matrix.in_order(PartialLikelihood.by_time(outcome), path))
    found = _optimum(PartialLikelihood(matrix, outcome, ridge=ridge), np.zeros(matrix.columns))
    path.unlink()
    coefficients = matrix.unbent(found)
    score = training.matrix.times(coefficients)
    intercept = -float(score.mean())
    return LinearModel(coefficients, intercept, response_of(outcome, score + intercept))


def _ridge(training: Training, matrix: Floats, penalty: float) -> Floats:
    """Return the optimum: the library's own coefficients where they are that, and else a search for it."""
    likelihood = PartialLikelihood(matrix, _censored(training.outcome), ridge=penalty / len(matrix))
    coefficients = np.zeros(matrix.shape[1])
    if len(matrix) <= _MANY and not is_wide(training.matrix):
        with suppress(FitError):
            coefficients = _newton(training, matrix, penalty)
    return _optimum(likelihood, coefficients)


def _newton(training: Training, matrix: Floats, penalty: float) -> Floats:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    # ValueError: how this library says that a Newton step was not finite.
    with numerical_errors(ValueError):
        fitted = CoxPHSurvivalAnalysis(alpha=penalty).fit(matrix, _structured(training))
    return np.array(fitted.coef_, dtype=np.float64)


def _optimum(likelihood: PartialLikelihood, start: Floats) -> Floats:
    if not np.isfinite(likelihood.value(start)):
        start = np.zeros_like(start)
    with numerical_errors():
        if distance(likelihood, start) <= _ARRIVED:
            return start
        found = find_optimum(likelihood, start)
        left = distance(likelihood, found)
    if not left <= _ARRIVED:
        raise FitError("no stable solution (steps that do not end)")
    return found


def _coxnet(training: Training, matrix: Floats, *, penalty: float, lasso: float) -> Floats:
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    # ValueError: how this library says that a penalty was too small for the data.
    with numerical_errors(ValueError):
        # A penalty that leaves no feature is a model too, if a poor one.
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        fitted = CoxnetSurvivalAnalysis(alphas=[penalty], l1_ratio=lasso, tol=1e-8)
        fitted.fit(matrix, _structured(training))
    return np.array(fitted.coef_[:, 0], dtype=np.float64)


def _model(training: Training, coefficients: Floats) -> LinearModel:
    # Centred, so that the baseline is that of an average patient and its hazard a number of ordinary size.
    intercept = -float(training.matrix.mean(axis=0) @ coefficients)
    score = training.matrix @ coefficients + intercept
    return LinearModel(coefficients, intercept, response_of(training.outcome, score))


def _structured(training: Training) -> NDArray[Any]:
    from sksurv.util import Surv

    outcome = _censored(training.outcome)
    structured: NDArray[Any] = Surv.from_arrays(outcome.event, outcome.time)
    return structured


def _censored(outcome: Outcome) -> Censored:
    if not isinstance(outcome, Censored):
        raise TypeError("Cox regression needs a censored outcome")
    return outcome
