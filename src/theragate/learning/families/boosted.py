"""Gradient-boosted trees, for every task."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity
from theragate.learning.family import (
    Family,
    Params,
    Training,
    TrainingInPieces,
    boosting_label,
    numerical_errors,
    response_of,
    time_bounds,
)
from theragate.learning.models import BoostedModel, Response
from theragate.learning.wide import bins

__all__ = ["Boosted", "BoostedTimes"]


class Boosted(Family):
    """XGBoost on the features as they are; a missing number goes the way that training found best for it."""

    design: ClassVar = "trees"
    stored: ClassVar = "booster"
    in_pieces: ClassVar = True
    fixed: ClassVar[Params] = {"rounds": 100, "depth": 2, "rows": 0.8, "columns": 0.8, "penalty": 3.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the number of trees, their depth, the shares of rows and columns they see, and the L2 penalty."""
        return {
            "rounds": trial.suggest_int(f"{prefix}rounds", 40, 300, log=True),
            "depth": trial.suggest_int(f"{prefix}depth", 1, 4),
            "rows": trial.suggest_float(f"{prefix}rows", 0.5, 1.0),
            "columns": trial.suggest_float(f"{prefix}columns", 0.3, 1.0),
            "penalty": trial.suggest_float(f"{prefix}penalty", 0.3, 30.0, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> BoostedModel:
        """Boost with one thread, so that sums are made in one order."""
        settings = {"objective": _objective(training.outcome), **bins(training.matrix)}
        booster = _boosted(params, training.quantiles, settings, seed=seed)
        return _model(booster, training.outcome, _scores(booster, training.outcome, [training.matrix]))

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> BoostedModel:
        """Boost on quantiles that are found piece by piece."""
        from theragate.learning.quantiles import quantiles

        settings = {"objective": _objective(training.outcome)}
        matrix = quantiles(training.matrix, {"label": boosting_label(training.outcome)})
        booster = _boosted(params, matrix, settings, seed=seed)
        return _model(booster, training.outcome, _scores(booster, training.outcome, _pieces(training)))


class BoostedTimes(Boosted):
    """XGBoost's accelerated failure times with Weibull errors, whose standard deviation on the log scale is `spread`.

    A Weibull model is one of proportional hazards too: minus the predicted log time over the spread is a log hazard,
    to which Breslow's baseline belongs (Barnwal, Cho, Hocking, J Comput Graph Stat 2022;31:1292).
    """

    fixed: ClassVar[Params] = {**Boosted.fixed, "spread": 1.0}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw what boosting needs, and the spread of the errors."""
        spread = trial.suggest_float(f"{prefix}spread", 0.5, 2.0, log=True)
        return {**super().suggest(trial, prefix), "spread": spread}

    def fit(self, training: Training, params: Params, *, seed: int) -> BoostedModel:
        """Boost with one thread, so that sums are made in one order."""
        booster = _boosted(params, training.intervals, _weibull(params) | bins(training.matrix), seed=seed)
        scale = -1 / params["spread"]
        score = _scores(booster, training.outcome, [training.matrix], scale)
        return _model(booster, training.outcome, score, scale)

    def fit_in_pieces(self, training: TrainingInPieces, params: Params, *, seed: int) -> BoostedModel:
        """Boost on quantiles that are found piece by piece."""
        from theragate.learning.quantiles import quantiles

        lower, upper = time_bounds(training.outcome)
        matrix = quantiles(training.matrix, {"label_lower_bound": lower, "label_upper_bound": upper})
        booster = _boosted(params, matrix, _weibull(params), seed=seed)
        scale = -1 / params["spread"]
        return _model(booster, training.outcome, _scores(booster, training.outcome, _pieces(training), scale), scale)


def _weibull(params: Params) -> dict[str, Any]:
    errors = {"aft_loss_distribution": "extreme", "aft_loss_distribution_scale": params["spread"]}
    return {"objective": "survival:aft", "base_score": 1.0, **errors}


def _boosted(params: Params, matrix: Any, settings: dict[str, Any], *, seed: int) -> Any:
    import xgboost

    everything = {
        **settings,
        "eta": 0.08,
        "max_depth": params["depth"],
        "subsample": params["rows"],
        "colsample_bynode": params["columns"],
        "reg_lambda": params["penalty"],
        "min_child_weight": 2.0,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    with numerical_errors(xgboost.core.XGBoostError):
        return xgboost.train(everything, matrix, num_boost_round=int(params["rounds"]))


def _model(booster: Any, outcome: Outcome, score: NDArray[np.float64], scale: float = 1.0) -> BoostedModel:
    with numerical_errors():
        return BoostedModel(booster, response_of(outcome, np.asarray(score)), scale)


def _pieces(training: TrainingInPieces) -> Iterator[NDArray[np.float64]]:
    return (piece.astype(np.float64) for _, piece in training.matrix.pieces())


def _scores(
    booster: Any, outcome: Outcome, pieces: Iterable[NDArray[np.float64]], scale: float = 1.0
) -> NDArray[np.float64]:
    """Return the score of each patient learned from, of which a baseline hazard is made; of other outcomes none."""
    if not isinstance(outcome, Censored):
        return np.empty(0)
    model = BoostedModel(booster, Response("quantity"), scale)
    return np.concatenate([model.score(piece) for piece in pieces])


def _objective(outcome: Outcome) -> str:
    if isinstance(outcome, Binary):
        return "binary:logistic"
    return "reg:squarederror" if isinstance(outcome, Quantity) else "survival:cox"
