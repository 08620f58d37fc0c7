"""What moved a prediction: how far each feature takes it from that of an average patient."""

from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.features import as_features
from theragate.learning.models import Model
from theragate.learning.predictor import Predictor
from theragate.numbers import change

__all__ = ["Explained", "drivers", "feature_effects"]

Floats: TypeAlias = NDArray[np.float64]

_NAMED = 3  # how many features are named at most
_SHARE = 0.05  # a feature with a smaller share of all that moved is not named


@runtime_checkable
class Explained(Protocol):
    """A model that knows the Shapley values of its scores; any other is explained by exchanging feature by feature."""

    def contributions(self, matrix: Floats, reference: Floats) -> Floats:
        """Return what each column adds to the score, shape (n, columns); ``reference`` are the columns' means."""


def feature_effects(predictor: Predictor, frame: pd.DataFrame, reference: Floats) -> Floats:
    """Return how far each feature moves the prediction of each patient, in the prediction's unit.

    Parameters
    ----------
    predictor
        The model.
    frame
        Patients, with the columns of the model.
    reference
        The means of the design's columns over the patients learned from: an average patient.

    Returns
    -------
    Array of shape (n, features). A row sums to the patient's prediction less that at the average score. Shapley values
    of the score are brought to the prediction's unit in proportion, which is what Aumann and Shapley's value gives for
    a sum under a link. Linear models and trees give theirs exactly; others by one order of the features and its
    reverse, which still adds up.
    """
    matrix = predictor.design.matrix(as_features(frame, predictor.schema))
    sources = predictor.design.sources(predictor.schema)
    features = len(predictor.schema)
    score = predictor.model.score(matrix)
    if isinstance(predictor.model, Explained):
        columns = predictor.model.contributions(matrix, reference)
        parts = np.stack([columns[:, sources == feature].sum(axis=1) for feature in range(features)], axis=1)
    else:
        parts = _exchanged(predictor.model, matrix, reference, sources=sources, features=features)
    moved = parts.sum(axis=1)
    response = predictor.model.response
    apart = response.of(score) - response.of(score - moved)
    # Where features cancel out, the ratio is the slope of the response there.
    still = np.abs(moved) < 1e-6
    slope = (response.of(score + 1e-6) - response.of(score - 1e-6)) / 2e-6
    ratio = np.where(still, slope, apart / np.where(still, 1.0, moved))
    return np.asarray(parts * ratio[:, None])


def _exchanged(model: Model, matrix: Floats, reference: Floats, *, sources: NDArray[np.intp], features: int) -> Floats:
    parts = np.zeros((len(matrix), features))
    for order in (range(features), range(features - 1, -1, -1)):
        patient = np.tile(reference, (len(matrix), 1))
        before = model.score(patient)
        for feature in order:
            patient[:, sources == feature] = matrix[:, sources == feature]
            after = model.score(patient)
            parts[:, feature] += (after - before) / 2
            before = after
    return parts


def drivers(moved: Floats, names: list[str], *, unit: str) -> list[str]:
    """Return for each patient, in one line, what moved the prediction most, the largest first.

    A risk moves in percentage points, anything else in its unit: ``age +12.3 points``, ``weight +4.1 mg/week``.
    """
    size = np.abs(moved)
    order = np.argsort(-size, axis=1, kind="stable")[:, :_NAMED]
    total = size.sum(axis=1)
    lines = []
    for row, largest in enumerate(order):
        named = [feature for feature in largest if size[row, feature] > _SHARE * total[row]]
        lines.append("; ".join(f"{names[feature]} {change(unit, float(moved[row, feature]))}" for feature in named))
    return lines
