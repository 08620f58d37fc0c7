"""Nuisance models: the expected outcome in each arm, and the propensity of treatment."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Quantity, Treated
from theragate.evidence.inputs.doubly_robust import Nuisances, doubly_robust_scores
from theragate.learning.design_matrix import Design, fit_design
from theragate.learning.families.linear import SplineRidge
from theragate.learning.families.logistic import SplineLogistic
from theragate.learning.family import FitError, Training
from theragate.learning.features import Feature
from theragate.learning.models import Model
from theragate.learning.overlap import check_overlap
from theragate.learning.uncensored_outcome import inverse_censoring_weights, uncensored_outcome

__all__ = ["NuisanceModels", "fit_nuisances", "scores"]

# An estimated propensity is kept away from 0 and 1: no patient stands for more than fifty.
BOUND = 0.02


@dataclass(frozen=True)
class NuisanceModels:
    """Fitted nuisance models; ``propensity`` is a model, or the known chance of treatment."""

    design: Design
    control: Model
    treated: Model
    propensity: Model | float

    def predict(self, frame: pd.DataFrame) -> Nuisances:
        """Return what is expected of the patients of `frame` (as `as_features` gives it)."""
        matrix = self.design.matrix(frame)
        if isinstance(self.propensity, float):
            chance = np.full(len(frame), self.propensity)
        else:
            model = self.propensity
            chance = np.clip(model.response.of(model.score(matrix)), BOUND, 1 - BOUND)
        return Nuisances(control=self.control.score(matrix), treated=self.treated.score(matrix), propensity=chance)


def fit_nuisances(frame: pd.DataFrame, outcome: Treated, schema: tuple[Feature, ...]) -> NuisanceModels:
    """Learn the nuisances from training rows: spline ridge regression in each arm, and a spline logistic propensity.

    Their parameters are fixed. A score stays unbiased where one of the two is wrong, so a search would buy little.

    Raises
    ------
    DataError
        If the arms do not overlap; see `check_overlap`.
    FitError
        If there is no stable solution.
    """
    design = fit_design("splines", frame, schema)
    matrix = design.matrix(frame)
    values = uncensored_outcome(outcome)
    control, treated = (_expected(matrix[arm], values[arm], design) for arm in (~outcome.treated, outcome.treated))
    if outcome.propensity is not None:
        return NuisanceModels(design, control, treated, outcome.propensity)
    training = Training(matrix, Binary(outcome.treated), design.curves)
    propensity = SplineLogistic().fit(training, SplineLogistic.fixed, seed=0)
    check_overlap(training, outcome, propensity)
    return NuisanceModels(design, control, treated, propensity)


def scores(
    frame: pd.DataFrame, outcome: Treated, *, development: Treated, models: NuisanceModels
) -> NDArray[np.float64]:
    """Return doubly robust scores of patients from whom `models` did not learn, (n,)."""
    weight = inverse_censoring_weights(outcome, development)
    return doubly_robust_scores(outcome.reached, outcome.treated, weight, models.predict(frame))


def _expected(matrix: NDArray[np.float64], values: NDArray[np.float64], design: Design) -> Model:
    if len(values) < 2:
        raise FitError("an arm of a single patient")
    return SplineRidge().fit(Training(matrix, Quantity(values), design.curves), SplineRidge.fixed, seed=0)
