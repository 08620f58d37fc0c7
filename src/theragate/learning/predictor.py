"""A model as its users see it: a table of patients in, one prediction per patient out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored, Outcome, Treated
from theragate.errors import EvidenceError
from theragate.learning.design_matrix import Design, fit_design
from theragate.learning.families import Params, Training, family_of, fitted
from theragate.learning.families.added import OfOthers, of_others
from theragate.learning.features import Feature, as_features
from theragate.learning.models import Model
from theragate.study import TaskName

__all__ = ["Predictor", "fit_predictor"]


@dataclass(frozen=True)
class Predictor:
    """A fitted model with all of its preprocessing.

    ``task`` and ``family`` are name a task and one of its families; ``horizon`` is the time, in the study's unit,
    by which a survival model predicts the risk, and None otherwise. ``schema`` are the features with their types.
    ``of_others`` is there where the family is an extension's.
    """

    task: TaskName
    family: str
    schema: tuple[Feature, ...]
    horizon: float | None
    design: Design
    model: Model
    of_others: OfOthers | None = None

    @property
    def features(self) -> list[str]:
        """The columns that `predict` needs, in the order in which the model learned them."""
        return [feature.name for feature in self.schema]

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Predict for the patients of `frame`.

        Parameters
        ----------
        frame
            One row per patient, with at least the columns of `features`, in any order. Values may be missing.

        Returns
        -------
        Array of shape (n,): the probability of the event (binary), the quantity in the study's unit (regression), the
        absolute risk by the horizon (survival), or the benefit of treatment in the effect's unit (treatment effect).

        Raises
        ------
        DataError
            If a feature is absent or not of the type that it had in training.
        EvidenceError
            If a prediction is not finite.
        """
        if len(frame) == 0:
            return np.empty(0)
        return self.predict_design(self.design.matrix(as_features(frame, self.schema)))

    def predict_design(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict as `predict` does, for rows of the design's matrix."""
        prediction = self.model.response.of(self.model.score(matrix))
        wrong = int((~np.isfinite(prediction)).sum())
        if wrong:
            raise EvidenceError(
                f"model `{self.family}`",
                rule="every prediction is finite",
                received=f"{wrong} of {len(prediction)} predictions that are not",
                remedy="Look for values far outside those that the model learned from.",
            )
        return prediction


def fit_predictor(
    frame: pd.DataFrame,
    outcome: Outcome,
    *,
    task: TaskName,
    family: str,
    params: Params,
    schema: tuple[Feature, ...],
    seed: int,
) -> Predictor:
    """Fit one family with given parameters to all rows of `frame`.

    Raises
    ------
    FitError
        If there is no finite or stable solution.
    """
    kind = family_of(task, family)
    features = as_features(frame, schema)
    design = fit_design(kind.design, features, schema)
    model = fitted(kind, Training(design.matrix(features), outcome, design.curves), params, seed=seed)
    measured = outcome.measured if isinstance(outcome, Treated) else outcome
    horizon = measured.horizon if isinstance(measured, Censored) else None
    return Predictor(task, family, schema, horizon, design, model, of_others(family, kind))
