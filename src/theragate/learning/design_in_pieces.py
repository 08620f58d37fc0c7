"""A design learned from more rows than memory holds: column by column, with the result of learning it from the whole.

What a design learns of a column needs no other column: the median, mean and standard deviation of a number, whether it
is ever missing, the categories of a text. The transformer is made from a few rows that have all of these in them, and
then given the numbers of all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from theragate.cohorts.cohort_file import CohortFile
from theragate.learning.design_matrix import Design, DesignKind, fit_design, knots_of
from theragate.learning.features import Feature, as_features

__all__ = ["design_pieces", "fit_design_in_pieces"]

Floats = NDArray[np.float64]


def fit_design_in_pieces(
    kind: DesignKind, cohort: CohortFile, rows: NDArray[np.intp], features: tuple[Feature, ...]
) -> Design:
    """Learn what `fit_design` would learn from the features of some patients.

    Parameters
    ----------
    kind
        As for `fit_design`.
    cohort
        The file.
    rows
        Positions of the patients learned from, ascending.
    features
        What a model sees of them.
    """
    numbers = [feature for feature in features if feature.type == "number"]
    texts = tuple(feature for feature in features if feature.type == "text")
    known = {feature.name: _Number.of(_column(cohort, rows, feature)) for feature in numbers}
    categories = _categories(cohort, rows, texts)
    witnesses = max([2, *map(len, categories.values())])
    frame = pd.DataFrame(
        {
            feature.name: known[feature.name].witnesses(witnesses)
            if feature.type == "number"
            else np.resize(np.array(categories[feature.name], dtype=object), witnesses)
            for feature in features
        }
    )
    knots = {name: number.knots for name, number in known.items()}
    design = fit_design(kind, as_features(frame, features), features, knots=knots)
    if kind != "trees" and numbers:
        _correct(design.transformer, known, patients=len(rows))
    return design


def design_pieces(
    design: Design, cohort: CohortFile, rows: NDArray[np.intp], features: tuple[Feature, ...]
) -> Iterator[Floats]:
    """Yield the design's matrix of some patients, in the cohort's order, piece by piece."""
    for piece in cohort.pieces([feature.name for feature in features], rows):
        yield design.matrix(as_features(piece.frame, features))


@dataclass(frozen=True)
class _Number:
    """What a design learns of a number, where the median takes the place of a missing one."""

    median: float
    mean: float
    variance: float
    missing: float
    constant: bool
    knots: Floats

    @classmethod
    def of(cls, values: Floats) -> "_Number":
        """Learn it from all values, which are overwritten."""
        unknown, knots = np.isnan(values), knots_of(values)
        missing = float(unknown.mean())
        if missing == 1:
            return cls(0.0, 0.0, 0.0, missing, True, knots)
        median = float(np.median(values[~unknown] if missing else values))
        values[unknown] = median
        mean = float(values.mean())
        return cls(median, mean, float(np.square(values - mean).mean()), missing, bool(np.ptp(values) == 0), knots)

    def witnesses(self, many: int) -> Floats:
        """Return values with the median, of which one is missing where one of all is."""
        values = np.full(many, np.nan if self.missing == 1 else self.median)
        if self.missing:
            values[0] = np.nan
        return values


def _column(cohort: CohortFile, rows: NDArray[np.intp], feature: Feature) -> Floats:
    values = np.empty(len(rows))
    first = 0
    for piece in cohort.pieces([feature.name], rows):
        values[first : first + len(piece.rows)] = as_features(piece.frame, (feature,))[feature.name].to_numpy()
        first += len(piece.rows)
    return values


def _categories(cohort: CohortFile, rows: NDArray[np.intp], texts: tuple[Feature, ...]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {feature.name: set() for feature in texts}
    for piece in cohort.pieces([feature.name for feature in texts], rows) if texts else ():
        # Each value is spelled once, not once for each patient.
        for feature in texts:
            few = piece.frame[[feature.name]].drop_duplicates()
            found[feature.name] |= set(as_features(few, (feature,))[feature.name])
    return {name: sorted(values) for name, values in found.items()}


def _correct(transformer: ColumnTransformer, known: Mapping[str, _Number], *, patients: int) -> None:
    """Give the imputers and the scaler of numbers what all patients say."""
    for name, step, columns in transformer.transformers_:
        if name in ("numbers", "curves"):
            step.steps[0][1].statistics_ = np.array([known[column].median for column in columns])
    imputer, scaler = (step for _, step in transformer.named_transformers_["numbers"].steps)
    numbers = list(known.values())
    missing = np.array([number.missing for number in numbers])
    indicated = missing[imputer.indicator_.features_] if imputer.indicator_ is not None else np.empty(0)
    scaler.mean_ = np.concatenate([[number.mean for number in numbers], indicated])
    scaler.var_ = np.concatenate([[number.variance for number in numbers], indicated * (1 - indicated)])
    constant = np.concatenate([[number.constant for number in numbers], indicated == 1]).astype(bool)
    scaler.scale_ = np.where(constant, 1.0, np.sqrt(scaler.var_))
    scaler.n_samples_seen_ = np.float64(patients)
