"""An honest causal forest: EconML's, of which only the numbers of its nodes are kept."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.learning.causal_forest import CausalForestModel
from theragate.learning.families.effect_training import CROSS_FITS, RIDGE, arms_and_values, quiet_numerical_errors
from theragate.learning.family import Family, Params, Training
from theragate.learning.models import Response

__all__ = ["CausalForest"]

_TREES = 100


class CausalForest(Family):
    """An honest causal forest on cross-fitted residuals (Athey, Tibshirani, Wager, Ann Stat 2019;47:1148)."""

    design: ClassVar = "linear"
    fixed: ClassVar[Params] = {"leaf": 40, "depth": 4}
    stored: ClassVar = "causal_forest"

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the fewest patients of a leaf, and the depth."""
        return {
            "leaf": trial.suggest_int(f"{prefix}leaf", 15, 100, log=True),
            "depth": trial.suggest_int(f"{prefix}depth", 1, 6),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> CausalForestModel:
        """Grow a hundred trees on one thread, and keep their numbers."""
        from econml.grf import CausalForest as Forest

        from theragate.learning.families.effect_components import residuals

        matrix = training.matrix
        arms, values = arms_and_values(training)
        with quiet_numerical_errors():
            outcome, treatment = residuals(
                matrix, values, arms.treated, propensity=arms.propensity, penalty=RIDGE, folds=CROSS_FITS, seed=seed
            )
            forest = Forest(
                n_estimators=_TREES,
                min_samples_leaf=int(params["leaf"]),
                max_depth=int(params["depth"]),
                max_samples=0.45,
                fit_intercept=False,
                inference=False,
                n_jobs=1,
                random_state=seed,
            ).fit(matrix, treatment, outcome)
        return _side_by_side([tree.tree_ for tree in forest.estimators_])


def _side_by_side(trees: list[Any]) -> CausalForestModel:
    """Put the trees side by side; the nodes of a tree follow those of the trees before."""
    starts = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])

    def children(side: str) -> NDArray[np.intp]:
        parts = [getattr(tree, side) for tree in trees]
        return np.concatenate(
            [np.where(part >= 0, part + start, -1) for part, start in zip(parts, starts, strict=True)]
        ).astype(np.intp)

    weight = np.concatenate([tree.jac[:, 0] for tree in trees]).astype(np.float64)
    effect = np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float64)
    return CausalForestModel(
        left=children("children_left"),
        right=children("children_right"),
        feature=np.maximum(np.concatenate([tree.feature for tree in trees]), 0).astype(np.intp),
        threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        moment=weight * effect,
        weight=weight,
        response=Response("effect"),
    )
