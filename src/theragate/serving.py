"""How MLflow loads a released model: installed code, so that a model directory carries data and no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.personal.answer_table import COLUMNS
from theragate.personal.answers import PersonalModel, load_personal_model

__all__ = ["ServedModel"]


class ServedModel:
    """A loaded model behind the interface of MLflow's ``pyfunc`` flavour."""

    def __init__(self, personal: PersonalModel) -> None:
        self.personal = personal

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow passes it
        """Answer for the patients of `frame`.

        Parameters
        ----------
        frame
            One row per patient with the columns of the model's signature; values may be missing. MLflow takes whole
            numbers for a numeric column only where they are stored as floats.
        params
            Ignored; the model has no settings at prediction time.

        Returns
        -------
        The table of `theragate.personal.answers.PersonalModel.answer`, whose column ``prediction`` is the number alone.
        What is missing is None, since a server would write the word NaN, which is not JSON.

        Raises
        ------
        DataError
            If a feature is absent or not of the type that it had in training.
        """
        table = self.personal.answer(frame)
        for name in COLUMNS:
            if table[name].isna().any():
                table[name] = table[name].astype(object).where(table[name].notna(), None)
        return table


def _load_pyfunc(path: str) -> ServedModel:
    """Load the estimator's directory; the name of this function is MLflow's."""
    return ServedModel(load_personal_model(Path(path)))
