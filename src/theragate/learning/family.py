"""What an estimator family is."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity, Treated
from theragate.learning.matrix_file import Bent, MatrixFile
from theragate.learning.models import Model, Response
from theragate.learning.wide import bins, narrowed
from theragate.study import TaskName

if TYPE_CHECKING:  # a study's families are checked by name in stages that have no use for these libraries
    import xgboost
    from optuna import Trial

__all__ = [
    "Family",
    "FitError",
    "Params",
    "Stored",
    "Training",
    "TrainingInPieces",
    "boosting_label",
    "numerical_errors",
    "response_of",
    "time_bounds",
]

Params = Mapping[str, float | int]
Stored = Literal["coefficients", "booster", "forest", "causal_forest"]

_STRONGEST = 1e6  # a penalty that leaves next to nothing of any feature


class FitError(ArithmeticError):
    """The optimiser found no finite or stable solution; the trial counts as failed and the search continues."""


@contextmanager
def numerical_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn the numerical failures of a library (those listed and a failure to converge) into `FitError`."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", RuntimeWarning)
        try:
            yield
        except (np.linalg.LinAlgError, ArithmeticError, ConvergenceWarning, RuntimeWarning, *kinds) as error:
            raise FitError(f"no stable solution ({type(error).__name__})") from error


@dataclass(frozen=True)
class Training:
    """What a family learns from: ``matrix`` has shape (n, columns), ``curves`` are its columns of spline terms."""

    matrix: NDArray[np.float64]
    outcome: Outcome
    curves: slice

    @cached_property
    def quantiles(self) -> "xgboost.QuantileDMatrix":
        """The matrix in the form that boosting takes, made once and reused by every trial."""
        import xgboost

        return xgboost.QuantileDMatrix(self.matrix, label=boosting_label(self.outcome), nthread=1, **bins(self.matrix))

    @cached_property
    def intervals(self) -> "xgboost.QuantileDMatrix":
        """The same, with each survival time, in horizons, as the interval in which it lies: endless where censored."""
        import xgboost

        time, until = time_bounds(self.outcome)
        return xgboost.QuantileDMatrix(
            self.matrix, label_lower_bound=time, label_upper_bound=until, nthread=1, **bins(self.matrix)
        )

    @cached_property
    def narrow(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The matrix in the patients' dimension, and the basis that leads back, made once for every trial."""
        return narrowed(self.matrix)

    def bent(self, curvature: float) -> NDArray[np.float64]:
        """Return the matrix with its spline terms times `curvature`, so that a ridge holds them to straight lines.

        A ridge shrinks a coefficient the more, the smaller its column is: near 0 only straight lines are left.
        """
        matrix = self.matrix.copy()
        matrix[:, self.curves] *= curvature
        return matrix

    def unbent(self, coefficients: NDArray[np.float64], curvature: float) -> NDArray[np.float64]:
        """Return coefficients of `bent` as coefficients of ``matrix``."""
        straight = np.array(coefficients, dtype=np.float64)
        straight[self.curves] *= curvature
        return straight


@dataclass(frozen=True)
class TrainingInPieces:
    """What a family learns from piece by piece; ``matrix`` has a row per patient of ``outcome``, in its order.

    ``curves`` are its columns of spline terms. What a fit keeps for a while goes into ``folder``.
    """

    matrix: MatrixFile
    outcome: Outcome
    curves: slice
    folder: Path

    def bent(self, params: Params, matrix: MatrixFile | None = None) -> Bent:
        """Return the matrix, or another with its columns, with the curvature of `params`; 1 where they have none."""
        return Bent(matrix or self.matrix, self.curves, params.get("curvature", 1.0))


def time_bounds(outcome: Outcome) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interval in which each survival time lies, in horizons: endless where it is censored, else a point."""
    if not isinstance(outcome, Censored):
        raise TypeError("only a censored time lies in an interval")
    # A time of 0 has no logarithm; half of the shortest one is as early as the data can tell.
    shortest = outcome.time[outcome.time > 0].min() / 2
    time = np.maximum(outcome.time, shortest) / outcome.horizon
    return time, np.where(outcome.event, time, np.inf)


def boosting_label(outcome: Outcome) -> NDArray[np.float64]:
    """Return what XGBoost learns of each patient, shape (n,)."""
    # XGBoost takes a censored time as a negative one.
    if isinstance(outcome, Binary):
        return outcome.event.astype(np.float64)
    if isinstance(outcome, Quantity):
        return outcome.value
    if isinstance(outcome, Treated):
        raise TypeError("boosting learns no effect of treatment")
    # A time of 0 has no sign, so it becomes the least positive one that XGBoost's 32-bit floats know.
    time = np.maximum(outcome.time, float(np.finfo(np.float32).tiny))
    return np.where(outcome.event, time, -time)


def response_of(outcome: Outcome, score: NDArray[np.float64]) -> Response:
    """Return how training scores become predictions; for survival with Breslow's baseline hazard at the horizon."""
    if isinstance(outcome, Binary):
        return Response("probability")
    if isinstance(outcome, Quantity):
        return Response("quantity")
    if isinstance(outcome, Treated):
        return Response("effect")
    return Response("risk", _hazard(outcome, score))


def _hazard(outcome: Censored, score: NDArray[np.float64]) -> float:
    from sksurv.linear_model.coxph import BreslowEstimator

    with np.errstate(all="ignore"):  # a hazard that is not finite is refused below
        step = BreslowEstimator().fit(score, outcome.event, outcome.time).cum_baseline_hazard_
    before = np.searchsorted(step.x, outcome.horizon, side="right")
    hazard = float(step.y[before - 1]) if before else 0.0
    if not np.isfinite(hazard):
        raise FitError("the baseline hazard is not finite")
    return hazard


class Family(ABC):
    """One kind of estimator, with its search space.

    A family holds no state: ``fit`` with the same arguments returns the same model, to the bit, on one thread. It
    leaves the global random state and the warnings filters as they were, and raises `FitError`, and nothing else,
    where the data allow no finite solution. Libraries are imported where they are used, so that the names of the
    families can be checked without them.
    """

    design: ClassVar[Literal["linear", "splines", "trees"]]
    stored: ClassVar[Stored] = "coefficients"
    """What a fitted model of this family is made of, and is stored as."""

    light: ClassVar[bool] = False
    """Whether the fixed penalty is so light that there have to be more patients than features."""

    in_pieces: ClassVar[bool] = False
    """Whether it can be fitted to more patients than memory holds, by `fit_in_pieces`."""

    tasks: ClassVar[tuple[TaskName, ...]] = ()
    """For which tasks a family of an extension is; ours stand in `TASKS`."""

    fixed: ClassVar[Params]
    """Parameters that are sensible without tuning: those of a reference model, and where a search begins."""

    def with_stronger_penalty(self, params: Params) -> Params | None:
        """Return the parameters with a penalty ten times as strong; None where there is none that could be."""
        penalty = params.get("penalty")
        return None if penalty is None or penalty >= _STRONGEST else {**params, "penalty": 10 * penalty}

    @abstractmethod
    def suggest(self, trial: "Trial", prefix: str) -> dict[str, Any]:
        """Draw one set of parameters; the trial knows each as `prefix` + its name."""

    @abstractmethod
    def fit(self, training: Training, params: Params, *, seed: int) -> Model:
        """Fit one model.

        Raises
        ------
        FitError
            If there is no finite or stable solution.
        """

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> Model:
        """Fit the model that `fit` would, to a matrix that is read piece by piece.

        Raises
        ------
        FitError
            If there is no finite or stable solution.
        """
        raise NotImplementedError
