"""A patient's inputs as the model may see them, and why some of them get no answer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.errors import DataError, nearest
from theragate.learning.features import MISSING_TEXT, Feature, as_features
from theragate.personal.applicability import ApplicabilityDomain
from theragate.personal.input_names import InputNames
from theragate.personal.input_rules import Reasons, apply_rule
from theragate.study import AcceptedInputs

__all__ = ["PatientInputs", "read_inputs"]

_NEAR = 0.75  # how alike a name has to be that may have been meant


class PatientInputs:
    """``features``: as `as_features` gives them; ``refused``: why there is no number; ``doubts``: why to doubt it."""

    def __init__(self, features: pd.DataFrame, *, refused: Reasons, doubts: Reasons) -> None:
        self.features, self.refused, self.doubts = features, refused, doubts


def read_inputs(
    frame: pd.DataFrame,
    schema: tuple[Feature, ...],
    *,
    accepted: AcceptedInputs,
    domain: ApplicabilityDomain,
    categories: Mapping[str, tuple[str, ...]],
    names: InputNames,
) -> PatientInputs:
    """Bring the inputs into the model's form and hold them against what is accepted and was tested.

    Parameters
    ----------
    frame
        One row per patient, with at least the columns of `schema`. A number may be stored as a whole number or as text,
        and a category as a number: what reads a file may have taken the codes ``01`` and ``02`` for numbers.
    schema
        The model's features.
    accepted
        The rules of the study's suite, and the ages that are top-coded as in the cohort.
    domain
        What may be missing, and how far numbers may reach.
    categories
        Those that the model has learned, by feature of text.
    names
        How reasons call the inputs.

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
            numbers = _numbers(given, feature.name, names.of(feature.name), refused)
            columns[feature.name] = np.minimum(numbers, accepted.top_coded.get(feature.name, np.inf))
        else:
            columns[feature.name] = _texts(given, categories.get(feature.name, ()))
    unread = refused.any  # what cannot be read is not missing
    features = as_features(pd.DataFrame(columns, index=frame.index), schema)
    for rule in accepted.rules:
        if set(rule.columns) <= set(columns):
            apply_rule(rule, features, refused if rule.decisive else doubts, names)
    for name, known in categories.items():
        unknown = ~features[name].isin([*known, MISSING_TEXT]).to_numpy() & ~refused.any
        refused.add(unknown, f"{names.of(name)}: a category that the model has not learned")
    domain.judge(features, unread=unread, refused=refused, doubts=doubts, names=names)
    return PatientInputs(features, refused=refused, doubts=doubts)


def _given(frame: pd.DataFrame, name: str) -> pd.Series:
    columns = int((frame.columns == name).sum())
    if columns != 1:
        raise DataError(
            f"feature `{name}`",
            rule="every feature of the model is a column of the data, once",
            received=f"{columns or 'no'} columns of that name",
            remedy=_remedy(frame, name) if not columns else "Keep one of them.",
        )
    return frame[name]


def _remedy(frame: pd.DataFrame, name: str) -> str:
    """Name the column that was meant, if one is near; names only, since there may be no header and these be values."""
    near = nearest(name, frame.columns, cutoff=_NEAR)
    if near is None:
        return "Correct the column where the data come from."
    return f"Did you mean `{near}`? Rename it to `{name}`."


def _texts(given: pd.Series, known: Sequence[str]) -> NDArray[np.object_]:
    """Return categories as the model knows them; a number is the one category that, as a number, equals it."""
    texts = as_codes(given if "" in known else _without_blanks(given)).to_numpy(dtype=object)
    foreign = ~pd.isna(texts) & ~np.isin(texts.astype(str), known)
    if foreign.any():
        by_number = _by_number(known)
        numbers = pd.to_numeric(pd.Series(texts[foreign], dtype=object), errors="coerce")
        spaced = [str(text).strip() for text in texts[foreign]]
        meant = [plain if plain in known else text for plain, text in zip(spaced, texts[foreign], strict=True)]
        texts[foreign] = [by_number.get(number, text) for number, text in zip(numbers, meant, strict=True)]
    return texts


def _without_blanks(column: pd.Series) -> pd.Series:
    """Return the column with nothing where there are only blanks."""
    if column.dtype != object and not pd.api.types.is_string_dtype(column):
        return column
    plain = column.astype(object)
    blank = [isinstance(value, str) and not value.strip() for value in plain]
    return plain.mask(np.array(blank, dtype=bool), None)


def _by_number(known: Sequence[str]) -> dict[float, str]:
    numbers = pd.to_numeric(pd.Series(known, dtype=object), errors="coerce")
    alone = numbers.notna() & ~numbers.duplicated(keep=False)
    return dict(zip(numbers[alone], np.asarray(known, dtype=object)[alone], strict=True))


def _numbers(column: pd.Series, name: str, called: str, refused: Reasons) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif column.dtype == object or pd.api.types.is_string_dtype(column):
        given = _without_blanks(column)
        numbers = pd.to_numeric(given.map(_plain_number), errors="coerce").to_numpy(dtype=np.float64)
        refused.add(np.isnan(numbers) & given.notna().to_numpy(), f"{called}: not a number")
    else:
        raise DataError(
            f"feature `{name}`",
            rule="the column holds numbers",
            received=f"{column.dtype} values",
            remedy="Correct the column where the data come from.",
        )
    infinite = np.isinf(numbers)
    refused.add(infinite, f"{called}: not a finite number")
    return np.where(infinite, np.nan, numbers)


def _plain_number(value: object) -> float | str:
    """Return text as it is and numbers of any kind as floats, so that no library has to complain about the rest."""
    if isinstance(value, str):
        return value
    try:
        return float(value) if isinstance(value, Real | Decimal) else np.nan
    except OverflowError:
        return np.inf
