"""Gradient-boosted trees, for every task."""

from typing import Any, ClassVar

import numpy as np

from theragate.cohorts.outcomes import Binary, Outcome, Quantity
from theragate.learning.family import Family, Params, Training, numerical_errors, response_of
from theragate.learning.models import BoostedModel, Response

__all__ = ["Boosted", "BoostedTimes"]


class Boosted(Family):
    """XGBoost on the features as they are; a missing number goes the way that training found best for it."""

    design: ClassVar = "trees"
    stored: ClassVar = "booster"
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
        return _boosted(training, params, training.quantiles, {"objective": _objective(training.outcome)}, seed=seed)


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
        errors = {"aft_loss_distribution": "extreme", "aft_loss_distribution_scale": params["spread"]}
        settings = {"objective": "survival:aft", "base_score": 1.0, **errors}
        return _boosted(training, params, training.intervals, settings, seed=seed, scale=-1 / params["spread"])


def _boosted(
    training: Training, params: Params, matrix: Any, settings: dict[str, Any], *, seed: int, scale: float = 1.0
) -> BoostedModel:
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
        booster = xgboost.train(everything, matrix, num_boost_round=int(params["rounds"]))
        score = BoostedModel(booster, Response("quantity"), scale).score(training.matrix)
        return BoostedModel(booster, response_of(training.outcome, np.asarray(score)), scale)


def _objective(outcome: Outcome) -> str:
    if isinstance(outcome, Binary):
        return "binary:logistic"
    return "reg:squarederror" if isinstance(outcome, Quantity) else "survival:cox"
