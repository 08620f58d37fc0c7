"""How much worse a model predicts when one feature is shuffled among the patients."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.predictor import Predictor
from theragate.learning.tuning_loss import Loss

__all__ = ["permutation_importance"]

_CELLS = 2**24  # numbers in memory at once


def permutation_importance(predictor: Predictor, frame: pd.DataFrame, *, loss: Loss, seed: int) -> NDArray[np.float64]:
    """Return the rise of the mean loss, per feature, when its values are permuted once.

    Parameters
    ----------
    predictor
        A model that did not learn from the patients of `frame`.
    frame
        Their features, as `as_features` gives them.
    loss
        Their loss (a proper score, lower is better).
    seed
        Of the permutations.

    Returns
    -------
    Array of shape (features,), in the loss's unit; near 0, or below by chance, for a feature that does not matter
    (Fisher, Rudin, Dominici, J Mach Learn Res 2019;20:177).
    """
    generator = np.random.default_rng(seed)
    matrix, sources = predictor.design.matrix(frame), predictor.design.sources(predictor.schema)
    orders = [generator.permutation(len(frame)) for _ in predictor.schema]
    # Many copies of the patients in one call: a prediction costs a patient little and a table much.
    many = min(max(_CELLS // max(matrix.size, 1), 1), len(orders))
    copies = np.tile(matrix, (many, 1, 1))
    losses: list[float] = []
    for first in range(0, len(orders), many):
        part = list(zip(copies, orders[first : first + many], range(first, len(orders)), strict=False))
        for copy, order, feature in part:
            copy[:, sources == feature] = matrix[np.ix_(order, sources == feature)]
        predictions = predictor.predict_design(copies[: len(part)].reshape(-1, matrix.shape[1]))
        losses += [loss.mean(prediction) for prediction in predictions.reshape(len(part), len(frame))]
        for copy, _, feature in part:
            copy[:, sources == feature] = matrix[:, sources == feature]
    clean = loss.mean(predictor.predict_design(matrix))
    return np.array(losses) - clean
