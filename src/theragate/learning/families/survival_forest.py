"""Random survival forests, with the Kaplan–Meier risk by the horizon in each leaf as what a tree predicts."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored
from theragate.learning.family import Family, FitError, Params, Training, numerical_errors
from theragate.learning.models import Response
from theragate.learning.survival_forest import SurvivalForest, SurvivalForestModel

__all__ = ["RandomSurvivalForest"]

# Enough for a stable mean; more would cost a search its time. The curves of the leaves have at most so many steps, so
# that a large cohort fits into memory.
_TREES, _STEPS = 80, 50


class RandomSurvivalForest(Family):
    """Trees that split by the log-rank test (Ishwaran et al., Ann Appl Stat 2008;2:841).

    ``leaf`` is the least number of patients of a leaf, ``columns`` the share of the columns tried at each split.
    """

    design: ClassVar = "trees"
    stored: ClassVar = "forest"
    fixed: ClassVar[Params] = {"leaf": 15, "columns": 0.2}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the size of a leaf and the share of columns."""
        return {
            "leaf": trial.suggest_int(f"{prefix}leaf", 8, 40, log=True),
            "columns": trial.suggest_float(f"{prefix}columns", 0.05, 0.6, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> SurvivalForestModel:
        """Grow the trees one after the other, on bootstrap samples."""
        from sksurv.ensemble import RandomSurvivalForest as Grower
        from sksurv.util import Surv

        outcome = training.outcome
        if not isinstance(outcome, Censored):
            raise TypeError("a survival forest needs a censored outcome")
        grower = Grower(
            n_estimators=_TREES,
            min_samples_leaf=int(params["leaf"]),
            max_features=float(params["columns"]),
            random_state=seed,
            n_jobs=1,
        )
        # ValueError: how this library says that the data have no event, or no column of use.
        with numerical_errors(ValueError):
            grower.fit(training.matrix, Surv.from_arrays(outcome.event, _coarse(outcome)))
        before = int(np.searchsorted(grower.unique_times_, outcome.horizon, side="right"))
        if before == 0:
            raise FitError("nobody is followed up to the horizon")
        trees = [tree.tree_ for tree in grower.estimators_]
        return SurvivalForestModel(_forest(trees, before - 1), Response("risk", 1.0))


def _coarse(outcome: Censored) -> NDArray[np.float64]:
    """Round times up to one of a few quantiles, of which the horizon is one: nobody crosses it."""
    quantiles = np.quantile(outcome.time, np.linspace(0, 1, _STEPS + 1)[1:], method="higher")
    grid = np.unique(np.append(quantiles, outcome.horizon))
    return np.asarray(grid[np.searchsorted(grid, outcome.time)], dtype=np.float64)


def _forest(trees: list[Any], step: int) -> SurvivalForest:
    """Join the trees of scikit-survival, whose leaves hold (cumulative hazard, survival) at each step."""
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])]).astype(np.int32)

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    def child(name: str) -> NDArray[np.int32]:
        parts = [
            np.where(getattr(tree, name) < 0, -1, getattr(tree, name) + root)
            for tree, root in zip(trees, roots, strict=True)
        ]
        return np.concatenate(parts).astype(np.int32)

    survival = np.concatenate([tree.value[:, step, 1] for tree in trees])
    return SurvivalForest(
        roots=roots,
        left=child("children_left"),
        right=child("children_right"),
        feature=joined("feature").astype(np.int32),
        threshold=joined("threshold").astype(np.float64),
        missing_left=joined("missing_go_to_left").astype(np.bool_),
        risk=np.clip(1 - survival, 0.0, 1.0),
    )
