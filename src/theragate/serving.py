"""How MLflow loads a released model: installed code, so that a model directory carries data and no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.persistence import load
from theragate.learning.predictor import Predictor

__all__ = ["ServedModel"]


class ServedModel:
    """A loaded model behind the interface of MLflow's ``pyfunc`` flavour."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None) -> NDArray[np.float64]:  # noqa: ARG002 - MLflow passes it
        """Predict for the patients of `frame`.

        Parameters
        ----------
        frame
            One row per patient with the columns of the model's signature; values may be missing. MLflow takes whole
            numbers for a numeric column only where they are stored as floats.
        params
            Ignored; the model has no settings at prediction time.

        Returns
        -------
        Array of shape (n,): the probability of the event, the quantity in the study's unit, or the absolute risk by
        the horizon.

        Raises
        ------
        DataError
            If a feature is absent or of another type than in training.
        """
        return self.predictor.predict(frame)


def _load_pyfunc(path: str) -> ServedModel:
    """Load the estimator's directory; the name of this function is MLflow's."""
    return ServedModel(load(Path(path)))
