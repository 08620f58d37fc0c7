"""Recipes that are fitted in every split of a cross-validation with eight repeats, and compared on the same splits.

The search of the real training chooses among trials, which takes too long to be repeated thousands of times. Here each
recipe is one family with fixed parameters, fitted by the product's own code: trees as they are by default, trees that
learn their patients by heart, a forest, the simple reference, and the reference without the features that say nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from simulations.truth import Floats
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import outer_splits
from theragate.learning.families import family_of
from theragate.learning.features import read_features
from theragate.learning.null_model import null_prediction
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.study import Study, TaskName

__all__ = ["RECIPES", "REPEATS", "Recipe", "fitted_once", "held_out"]

REPEATS = 8
_BY_HEART: Mapping[str, float] = {"rounds": 200, "depth": 4, "rows": 1.0, "columns": 1.0, "penalty": 0.3}


@dataclass(frozen=True)
class Recipe:
    """A family, what differs from its fixed parameters, and of how many features it is told."""

    family: str
    changes: Mapping[str, float] = field(default_factory=dict)
    features: int | None = None


def _linear_and_trees(linear: str, trees: str) -> dict[str, Recipe]:
    return {
        "reference": Recipe(linear),
        "sparing": Recipe(linear, features=3),
        "trees": Recipe(trees),
        "deep trees": Recipe(trees, _BY_HEART),
    }


RECIPES: Mapping[TaskName, Mapping[str, Recipe]] = {
    "binary": _linear_and_trees("logistic", "xgboost"),
    "regression": _linear_and_trees("linear", "xgboost"),
    "survival": {**_linear_and_trees("ridge_cox", "xgboost_cox"), "forest": Recipe("random_survival_forest")},
}


def held_out(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> tuple[dict[str, Floats], Floats]:
    """Return each recipe's held-out predictions and those of a model without features, all (repeats, n)."""
    splits = outer_splits(cohort, outcome, study, seed=seed)
    shape = (max(split.repeat for split in splits) + 1, len(cohort))
    names = RECIPES[study.task]
    found, null = {name: np.full(shape, np.nan) for name in names}, np.full(shape, np.nan)
    for split in splits:
        train, learned = cohort.iloc[split.train], outcome.take(split.train)
        null[split.repeat, split.test] = null_prediction(learned)
        for name in names:
            predictor = _fit(train, learned, study, name, seed=seed)
            found[name][split.repeat, split.test] = predictor.predict(cohort.iloc[split.test])
    return found, null


def fitted_once(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> dict[str, Predictor]:
    """Return each recipe's model of all patients, which is the one that is released."""
    return {name: _fit(cohort, outcome, study, name, seed=seed) for name in RECIPES[study.task]}


def _fit(cohort: pd.DataFrame, outcome: Outcome, study: Study, recipe: str, *, seed: int) -> Predictor:
    given = RECIPES[study.task][recipe]
    params: dict[str, Any] = {**family_of(study.task, given.family).fixed, **given.changes}
    schema = read_features(cohort, study)[: given.features]
    return fit_predictor(cohort, outcome, task=study.task, family=given.family, params=params, schema=schema, seed=seed)
