"""Learners of individual treatment effects: EconML's meta-learners, of which only coefficients are kept."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from theragate.cohorts.outcomes import Treated
from theragate.learning.families.effect_training import (
    CROSS_FITS,
    RIDGE,
    Floats,
    arms_and_values,
    quiet_numerical_errors,
)
from theragate.learning.family import Family, FitError, Params, Training
from theragate.learning.models import LinearModel, Response

__all__ = ["ConstantEffect", "DRLearner", "SLearner", "TLearner", "XLearner"]


class ConstantEffect(Family):
    """The same effect for everybody: the mean of doubly robust scores. It is what personalisation has to beat."""

    design: ClassVar = "linear"
    fixed: ClassVar[Params] = {}

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:  # noqa: ARG002 - there is nothing to draw
        """Draw nothing."""
        return {}

    def fit(self, training: Training, params: Params, *, seed: int) -> LinearModel:  # noqa: ARG002 - there are none
        """Average the scores of a cross-fitted DR-learner."""
        from sklearn.dummy import DummyRegressor

        matrix = training.matrix
        arms, values = arms_and_values(training)
        with quiet_numerical_errors():
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
        """Fit the learner, and read its coefficients off the effects of patients with one column set."""
        curvature = params["curvature"]
        matrix = training.bent(curvature)
        arms, values = arms_and_values(training)
        with quiet_numerical_errors():
            effect = self._effect(matrix, arms, values, params["penalty"], seed)
            single = np.vstack([np.zeros(matrix.shape[1]), np.eye(matrix.shape[1])])
            effects = np.ravel(effect(single))
        if not np.isfinite(effects).all():
            raise FitError("an effect is not finite")
        return LinearModel(training.unbent(effects[1:] - effects[0], curvature), float(effects[0]), Response("effect"))

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

        model = InteractedRidge(penalty=RIDGE, interaction_penalty=penalty)
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
        learner = Learner(models=_ridge(RIDGE), propensity_model=share, cate_models=_ridge(penalty))
        learner.fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


class DRLearner(_LinearEffect):
    """Cross-fitted doubly robust scores, regressed on the features (Kennedy, Electron J Stat 2023;17:3008)."""

    def _effect(
        self, matrix: Floats, arms: Treated, values: Floats, penalty: float, seed: int
    ) -> Callable[[Floats], Floats]:
        learner = _dr_learner(_ridge(penalty), arms, seed=seed).fit(values, arms.treated, X=matrix)
        return lambda patients: np.asarray(learner.effect(patients))


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
        model_regression=_ridge(RIDGE),
        model_final=final,
        min_propensity=0.02,
        cv=CROSS_FITS,
        random_state=seed,
    )


def _ridge(penalty: float) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(alpha=penalty, solver="cholesky")
