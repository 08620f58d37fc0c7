"""How much worse a model predicts when one feature is shuffled among the patients."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.predictor import Predictor
from theragate.learning.tuning_loss import Loss

__all__ = ["permutation_importance"]


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
    copies = []
    for feature in predictor.features:
        copy = frame.copy()
        copy[feature] = copy[feature].to_numpy()[generator.permutation(len(frame))]
        copies.append(copy)
    # One call for all copies: a prediction costs a patient little and a table much.
    permuted = predictor.predict(pd.concat(copies, ignore_index=True)).reshape(len(copies), len(frame))
    clean = loss.mean(predictor.predict(frame))
    return np.array([loss.mean(prediction) - clean for prediction in permuted])
