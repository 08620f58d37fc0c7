"""Which columns a model may see, and the one form in which it sees them: numbers as floats, all else as text."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.study import Study

__all__ = ["MISSING_TEXT", "Feature", "as_features", "read_features"]

MISSING_TEXT = "(missing)"


@dataclass(frozen=True)
class Feature:
    """A column that a model sees; ``type`` is how it was recorded in the cohort that the model learned from."""

    name: str
    type: Literal["number", "text"]


def read_features(cohort: pd.DataFrame, study: Study) -> tuple[Feature, ...]:
    """Return the features of a study: all columns but ids, clusters, the outcome's and the dropped ones.

    Raises
    ------
    ConfigurationError
        If a dropped column is absent (its name may be mistyped, and the real one would be learned from), or no feature
        is left.
    DataError
        If a numeric feature holds an infinite value.
    """
    absent = sorted(set(study.features.dropped) - set(map(str, cohort.columns)))
    if absent:
        raise ConfigurationError(
            f"params.yaml, key `studies.{study.name}.features.dropped`",
            rule="a dropped column is a column of the cohort",
            received=f"`{absent[0]}`, which is not",
            remedy="Correct the name, or remove the entry.",
        )
    features = tuple(
        Feature(name, "number" if pd.api.types.is_numeric_dtype(cohort[name]) else "text")
        for name in map(str, cohort.columns)
        if name not in study.hidden
    )
    if not features:
        raise ConfigurationError(
            f"study `{study.name}`",
            rule="at least one column is left to learn from",
            received="none",
            remedy="Drop fewer columns under `features.dropped`.",
        )
    as_features(cohort, features)
    return features


def as_features(frame: pd.DataFrame, features: tuple[Feature, ...]) -> pd.DataFrame:
    """Return the features of `frame` in their order: numbers as float64 with NaN, text with ``(missing)``.

    Raises
    ------
    DataError
        If a feature's column is absent, holds text where numbers were learned from, or an infinite value.
    """
    absent = [feature.name for feature in features if feature.name not in frame.columns]
    if absent:
        raise _unfit_feature(
            absent[0],
            rule="every feature of the model is a column of the data",
            received=f"no such column (of {len(features)} features, {len(absent)} are absent)",
            near=did_you_mean(absent[0], frame.columns),
        )
    columns = {feature.name: _as_feature(frame[feature.name], feature) for feature in features}
    return pd.DataFrame(columns, index=frame.index, copy=False)


def _as_feature(column: pd.Series, feature: Feature) -> pd.Series:
    if feature.type == "text":
        return _as_text(column)
    try:
        numbers = column.astype(np.float64)
    except (TypeError, ValueError):
        # Without its cause, which quotes the value.
        raise _unfit_feature(feature.name, rule="the column holds numbers", received=f"{column.dtype} values") from None
    infinite = int(np.isinf(numbers.to_numpy()).sum())
    if infinite:
        raise _unfit_feature(feature.name, rule="a number is finite or missing", received=f"{infinite} infinite values")
    return numbers


def _as_text(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.StringDtype):
        # Each text once in memory, and not once for each patient.
        codes, texts = pd.factorize(column)
        known = np.append(texts.to_numpy(dtype=object), MISSING_TEXT)
        return pd.Series(known[codes], index=column.index, name=column.name, dtype=object)
    return column.astype(object).where(column.notna(), MISSING_TEXT).astype(str).astype(object)


def _unfit_feature(column: str, *, rule: str, received: str, near: str = "") -> DataError:
    remedy = f"{near}Correct the column where the data come from."
    return DataError(f"feature `{column}`", rule=rule, received=received, remedy=remedy)
