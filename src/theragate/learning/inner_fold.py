"""One inner fold: its designs are made once and serve every trial of the search."""

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome, Treated
from theragate.learning.design_matrix import DesignKind, fit_design
from theragate.learning.families import Family, FitError, Params, Training, fitted
from theragate.learning.features import Feature, as_features
from theragate.learning.nuisances import fit_nuisances, scores
from theragate.learning.tuning_loss import Loss

__all__ = ["Fold", "InnerFold"]


class Fold(ABC):
    """A part to learn from and a part to score on, with the loss there."""

    _loss: Loss

    def score(self, family: Family, params: Params, *, seed: int) -> float:
        """Fit on the one part and return the mean loss on the other.

        Raises
        ------
        FitError
            If there is no stable solution, or a prediction is not finite.
        """
        training, held_out = self._design(family.design)
        model = fitted(family, training, params, seed=seed)
        prediction = model.response.of(model.score(held_out))
        if not np.isfinite(prediction).all():
            raise FitError("a prediction is not finite")
        return self._loss.mean(prediction)

    @abstractmethod
    def _design(self, kind: DesignKind) -> tuple[Training, NDArray[np.float64]]:
        """Return what is learned from, and the matrix of those who are scored."""


class InnerFold(Fold):
    """A fold whose designs are in memory.

    Parameters
    ----------
    frame, outcome
        The patients of the search.
    train, test
        Positions of the two parts.
    schema
        The features.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        outcome: Outcome,
        *,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
        schema: tuple[Feature, ...],
    ) -> None:
        features = as_features(frame, schema)
        self._learned, self._scored = features.iloc[train], features.iloc[test]
        self._outcome, self._schema = outcome.take(train), schema
        # Censoring is a nuisance, not part of the model, and learned from all patients of the search.
        if isinstance(outcome, Treated):
            models = fit_nuisances(self._learned, outcome.take(train), schema)
            self._loss = Loss.of_effects(scores(self._scored, outcome.take(test), development=outcome, models=models))
        else:
            self._loss = Loss.of(outcome.take(test), development=outcome)
        self._designs: dict[DesignKind, tuple[Training, NDArray[np.float64]]] = {}

    def _design(self, kind: DesignKind) -> tuple[Training, NDArray[np.float64]]:
        if kind not in self._designs:
            design = fit_design(kind, self._learned, self._schema)
            training = Training(design.matrix(self._learned), self._outcome, design.curves)
            self._designs[kind] = (training, design.matrix(self._scored))
        return self._designs[kind]
