"""Learners of individual treatment effects: EconML's, from which only numbers are kept."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Treated
from theragate.learning.causal_forest import CausalForestModel
from theragate.learning.families.base import Family, FitError, Params, Training, numerical_errors
from theragate.learning.models import LinearModel, Response

__all__ = ["CausalForest", "ConstantEffect", "DRLearner", "SLearner", "TLearner", "XLearner"]

Floats = NDArray[np.float64]

# Of the outcome models inside a learner, on standardised features and per patient: they need not be tuned, since the
# errors of outcome models and propensity enter an effect as a product only.
_RIDGE = 10.0
_CROSS_FITS = 3
_TREES = 100


class ConstantEffect(Family):
    """The same effect for everybody: the mean of doubly robust scores. It is what personalising has to beat."""

    design: ClassVar = "linear"
    fixed: ClassVar[Params] = {}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:  # noqa: ARG002 - there is nothing to draw
        """Draw nothing."""
        return {}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - there are none
        """Average the scores of a cross-fitted DR-learner."""
        from sklearn.dummy import DummyRegressor

        matrix, arms, values = _learned_from(training, training.matrix)
        with _quietly():
            learner = _dr_learner(DummyRegressor(), arms, seed=seed).fit(values, arms.treated, X=matrix)
            effect = float(np.ravel(learner.effect(matrix[:1]))[0])
        return LinearModel(np.zeros(matrix.shape[1]), effect, Response("effect"))


class _LinearEffect(Family):
    """Learners whose effect is a sum over the columns of a spline design; ``curvature`` near 0 leaves the lines."""

    design: ClassVar = "splines"
    fixed: ClassVar[Params] = {"penalty": 300.0, "curvature": 0.2}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty on differences between patients, and how far curves may leave the lines."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 10.0, 10_000.0, log=True),
            "curvature": trial.suggest_float(f"{prefix}curvature", 0.02, 1.0, log=True),
        }

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:
        """Fit the learner, and read its coefficients off the effects of patients who have one column only."""
        curvature = params["curvature"]
        matrix, arms, values = _learned_from(training, training.bent(curvature))
        with _quietly():
            effect = self._effect(matrix, arms, values, params["penalty"], seed)
            single = np.vstack([np.zeros(matrix.shape[1]), np.eye(matrix.shape[1])])
            found = np.ravel(effect(single))
        if not np.isfinite(found).all():
            raise FitError("an effect is not finite")
        return LinearModel(training.unbent(found[1:] - found[0], curvature), float(found[0]), Response("effect"))

    @abstractmethod
    def _effect(
        self, matrix: Floats, arms: Treated, values: Floats, penalty: float, seed: int
    ) -> Callable[[Floats], Floats]:
        """Fit, and return the function from patients to effects."""


class TLearner(_LinearEffect):
    """A ridge regression in each arm; the effect is their difference (Künzel et al., PNAS 2019;116:4156).

    Its penalty is on the outcome in each arm, and so on what confounds: where treatment was chosen in practice, a large
    one leaves confounding in the effect.
    """

    fixed: ClassVar[Params] = {"penalty": 30.0, "curvature": 0.2}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        """Draw the penalty in both arms, and how far curves may leave the lines."""
        return {
            "penalty": trial.suggest_float(f"{prefix}penalty", 3.0, 1000.0, log=True),
            "curvature": trial.suggest_float(f"{prefix}curvature", 0.02, 1.0, log=True),
        }

    def _effect(
        self,
        matrix: Floats,
        arms: Treated,
        values: Floats,
        penalty: float,
        seed: int,  # noqa: ARG002 - draws nothing
    ) -> Callable[[Floats], Floats]:
        from econml.metalearners import TLearner as Learner

        learner = Learner(models=_ridge(penalty)).fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


class SLearner(_LinearEffect):
    """One ridge regression with an interaction of treatment and each column; the penalty is on the interactions."""

    def _effect(
        self,
        matrix: Floats,
        arms: Treated,
        values: Floats,
        penalty: float,
        seed: int,  # noqa: ARG002 - draws nothing
    ) -> Callable[[Floats], Floats]:
        from econml.metalearners import SLearner as Learner

        from theragate.learning.families.effect_components import InteractedRidge

        model = InteractedRidge(penalty=_RIDGE, interaction_penalty=penalty)
        learner = Learner(overall_model=model).fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


class XLearner(_LinearEffect):
    """Effects imputed with the other arm's regression, and regressed in turn (Künzel et al., PNAS 2019;116:4156)."""

    def _effect(
        self,
        matrix: Floats,
        arms: Treated,
        values: Floats,
        penalty: float,
        seed: int,  # noqa: ARG002 - draws nothing
    ) -> Callable[[Floats], Floats]:
        from econml.metalearners import XLearner as Learner

        from theragate.learning.families.effect_components import KnownPropensity

        # The propensity only weighs the two regressions, for which any weight is right; one for all keeps it linear.
        share = KnownPropensity(chance=float(arms.treated.mean()))
        learner = Learner(models=_ridge(_RIDGE), propensity_model=share, cate_models=_ridge(penalty))
        learner.fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


class DRLearner(_LinearEffect):
    """Cross-fitted doubly robust scores, regressed on the features (Kennedy, Electron J Stat 2023;17:3008)."""

    def _effect(
        self, matrix: Floats, arms: Treated, values: Floats, penalty: float, seed: int
    ) -> Callable[[Floats], Floats]:
        learner = _dr_learner(_ridge(penalty), arms, seed=seed).fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


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

        matrix, arms, values = _learned_from(training, training.matrix)
        with _quietly():
            outcome, treatment = residuals(
                matrix, values, arms.treated, propensity=arms.propensity, penalty=_RIDGE, folds=_CROSS_FITS, seed=seed
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
        return _plain([tree.tree_ for tree in forest.estimators_])


def _plain(trees: list[Any]) -> CausalForestModel:
    """Put the trees side by side; a node of one tree keeps its place behind those of the trees before."""
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


def _dr_learner(final: Any, arms: Treated, *, seed: int) -> Any:
    from econml.dr import DRLearner as Learner
    from sklearn.linear_model import LogisticRegression

    from theragate.learning.families.effect_components import KnownPropensity

    propensity = (
        LogisticRegression(C=1 / 3, solver="newton-cholesky", tol=1e-8)
        if arms.propensity is None
        else KnownPropensity(chance=arms.propensity)
    )
    return Learner(
        model_propensity=propensity,
        model_regression=_ridge(_RIDGE),
        model_final=final,
        min_propensity=0.02,
        cv=_CROSS_FITS,
        random_state=seed,
    )


def _ridge(penalty: float) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=penalty, solver="cholesky")


def _learned_from(training: Training, matrix: Floats) -> tuple[Floats, Treated, Floats]:
    from theragate.learning.uncensored_outcome import learned_values

    outcome = training.outcome
    if not isinstance(outcome, Treated):
        raise TypeError("an effect is learned from treated patients and controls")
    return matrix, outcome, learned_values(outcome)


@contextmanager
def _quietly() -> Iterator[None]:
    """Turn numerical failures into `FitError`; what a library says about its own future is nothing to act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # AttributeError and the like are defects and stay what they are; ValueError: an arm too small to be divided.
        with numerical_errors(ValueError):
            yield
