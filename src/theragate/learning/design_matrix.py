"""From a patient's features to the numbers that an estimator takes; everything is learned from the training rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

from theragate.learning.features import Feature

__all__ = ["Design", "DesignKind", "fit_design", "knots_of"]

DesignKind = Literal["linear", "splines", "trees"]

# The usual positions of five knots, as quantiles (Harrell, Regression Modeling Strategies, 2nd edition, table 2.3).
_KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)


@dataclass(frozen=True)
class Design:
    """A fitted transformation. ``curves`` are the columns of its matrix that hold spline terms."""

    transformer: ColumnTransformer
    curves: slice

    def matrix(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the numbers for the patients of `frame` (as `as_features` gives it), shape (n, columns)."""
        return np.ascontiguousarray(self.transformer.transform(frame), dtype=np.float64)

    def sources(self, features: tuple[Feature, ...]) -> NDArray[np.intp]:
        """Return for each column of the matrix the position in `features` of the one that it comes from."""
        positions = {feature.name: position for position, feature in enumerate(features)}
        sources = np.zeros(len(self.transformer.get_feature_names_out()), dtype=np.intp)
        for name, step, columns in self.transformer.transformers_:
            here = self.transformer.output_indices_[name]
            of_step = np.array([positions[column] for column in columns], dtype=np.intp)
            sources[here] = _repeated(step, of_step, width=here.stop - here.start)
        return sources


def fit_design(
    kind: DesignKind,
    frame: pd.DataFrame,
    features: tuple[Feature, ...],
    *,
    knots: Mapping[str, NDArray[np.float64]] | None = None,
) -> Design:
    """Learn a transformation from training rows.

    Parameters
    ----------
    kind
        ``linear``: medians for missing numbers with an indicator, standard scores, one column per category.
        ``splines``: the same, and cubic B-splines of every number that has five distinct knots, continued as
        straight lines beyond the outer ones. ``trees``: numbers as they are (missing stays missing), one column per
        category.
    frame
        The training rows, as `as_features` gives them.
    features
        The features of `frame`.
    knots
        Of every number, where they are known already, from more rows than `frame` has; see `knots_of`.

    Returns
    -------
    Design, whose matrix has no missing values unless `kind` is ``trees``. A category that was not in the training
    rows has zeros in all columns of its feature.
    """
    numbers = [feature.name for feature in features if feature.type == "number"]
    texts = [feature.name for feature in features if feature.type == "text"]
    steps: list[tuple[str, Any, list[str]]] = []
    if kind == "trees":
        steps.append(("numbers", "passthrough", numbers))
    else:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        steps.append(("numbers", make_pipeline(imputer, StandardScaler()), numbers))
    if kind == "splines":
        knots = knots or {name: knots_of(frame[name].to_numpy()) for name in numbers}
        curved = [name for name in numbers if np.all(np.diff(knots[name]) > 0)]
        if curved:
            steps.append(("curves", _curves(np.column_stack([knots[name] for name in curved])), curved))
    steps.append(("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts))
    transformer = ColumnTransformer([step for step in steps if step[2]])
    transformer.fit(frame)
    return Design(transformer, transformer.output_indices_.get("curves", slice(0, 0)))


def _repeated(step: Any, positions: NDArray[np.intp], *, width: int) -> NDArray[np.intp]:
    """Return the position of the feature behind each of the `width` columns that a fitted step makes of `positions`."""
    if isinstance(step, OneHotEncoder):
        return np.repeat(positions, [len(categories) for categories in step.categories_])
    indicator = getattr(step[0], "indicator_", None) if isinstance(step, Pipeline) else None
    if indicator is not None:
        return np.concatenate([positions, positions[indicator.features_]])
    return np.repeat(positions, width // len(positions))


def knots_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the five knots of a number's spline, which are distinct where it has one; all 0 where it is unknown."""
    known = values[~np.isnan(values)]
    return np.quantile(known, _KNOTS) if len(known) else np.zeros(len(_KNOTS))


def _curves(knots: NDArray[np.float64]) -> Any:
    splines = SplineTransformer(degree=3, knots=knots, extrapolation="linear", include_bias=False)
    return make_pipeline(SimpleImputer(strategy="median"), splines)
