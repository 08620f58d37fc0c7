"""A patient's inputs as the model may see them, and why some of them get no answer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.errors import DataError
from theragate.learning.features import MISSING_TEXT, Feature, as_features
from theragate.personal.input_rules import Flags, Reasons, apply_rule
from theragate.study import AcceptedInputs

__all__ = ["PatientInputs", "missing_inputs", "read_inputs"]


class PatientInputs:
    """``features``: as `as_features` gives them; ``refused``: why there is no number; ``doubts``: why to doubt it."""

    def __init__(self, features: pd.DataFrame, *, refused: Reasons, doubts: Reasons) -> None:
        self.features, self.refused, self.doubts = features, refused, doubts


def read_inputs(
    frame: pd.DataFrame,
    schema: tuple[Feature, ...],
    *,
    accepted: AcceptedInputs,
    categories: Mapping[str, tuple[str, ...]],
) -> PatientInputs:
    """Bring the inputs into the model's form and hold them against what the study accepts.

    Parameters
    ----------
    frame
        One row per patient, with at least the columns of `schema`.
    schema
        The model's features.
    accepted
        The rules of the study's suite, and the ages that are top-coded as in the cohort.
    categories
        Those that the model has learned, by feature of text.

    Raises
    ------
    DataError
        If a feature is absent, there twice, or of a type that is neither number nor text.
    """
    refused, doubts = Reasons(len(frame)), Reasons(len(frame))
    columns = {}
    for feature in schema:
        given = _given(frame, feature.name)
        if feature.type == "number":
            numbers = _numbers(given, feature.name, refused)
            columns[feature.name] = np.minimum(numbers, accepted.top_coded.get(feature.name, np.inf))
        else:
            columns[feature.name] = as_codes(given).to_numpy()
    features = as_features(pd.DataFrame(columns, index=frame.index), schema)
    for rule in accepted.rules:
        if set(rule.columns) <= set(columns):
            apply_rule(rule, features, refused if rule.decisive else doubts)
    for name, known in categories.items():
        unknown = ~features[name].isin([*known, MISSING_TEXT]).to_numpy() & ~refused.any
        refused.add(unknown, f"{name}: a category that the model has not learned")
    return PatientInputs(features, refused=refused, doubts=doubts)


def missing_inputs(features: pd.DataFrame) -> Flags:
    """Return which features are missing, shape (n, features)."""
    return np.asarray((features.isna() | (features == MISSING_TEXT)).to_numpy(), dtype=bool)


def _given(frame: pd.DataFrame, name: str) -> pd.Series:
    columns = int((frame.columns == name).sum())
    if columns != 1:
        raise DataError(
            f"feature `{name}`",
            rule="every feature of the model is a column of the data, once",
            received=f"{columns} columns of that name",
            remedy="Correct the column where the data come from.",
        )
    return frame[name]


def _numbers(column: pd.Series, name: str, refused: Reasons) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype == object or pd.api.types.is_string_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        refused.add(np.isnan(numbers) & column.notna().to_numpy(), f"{name}: not a number")
    else:
        raise DataError(
            f"feature `{name}`",
            rule="the column holds numbers",
            received=f"{column.dtype} values",
            remedy="Correct the column where the data come from.",
        )
    infinite = np.isinf(numbers)
    refused.add(infinite, f"{name}: not a finite number")
    return np.where(infinite, np.nan, numbers)
