"""Whether a patient is like those learned from: a regularised Mahalanobis distance, held against held-out ones.

Numbers are standardised, categories become columns, and the covariance is shrunk as Ledoit and Wolf do (J Multivar
Anal 2004;88:365), so that unusual combinations count and not only extremes. The patients learned from are measured
from the centre of *others*, by ten-fold cross-fitting: a centre and a covariance that know a patient lie too near. Of
new patients like them, about 1 in 100 is therefore called unlike (Bates et al., Ann Stat 2023;51:149). What is kept
are means, axes and a few quantiles; nobody's row.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.learning.features import MISSING_TEXT, Feature
from theragate.learning.wide import is_wide
from theragate.personal.rounding import nine_digits
from theragate.study import Spec

__all__ = ["SHARES", "UNLIKE", "Typicality", "fit_typicality"]

UNLIKE = 0.01
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_FOLDS = 10
_AXES = 64

Floats: TypeAlias = NDArray[np.float64]


class Column(Spec):
    """How one feature is measured: a number by median and standard deviation, a text by its categories."""

    name: str
    text: bool
    median: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


class Typicality(Spec):
    """Centre, axes (columns of an orthonormal basis), the variance along each and that of every other direction.

    ``distances`` are those that the shares `SHARES` of the patients learned from reach or exceed.
    """

    columns: tuple[Column, ...]
    centre: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]
    rest: float
    distances: tuple[float, ...]

    def share(self, frame: pd.DataFrame) -> Floats:
        """Return the share of the patients learned from who lie at least as far, shape (n,); 0 below 1%.

        ``frame`` is as `as_features` gives it.
        """
        encoded = _encode(frame, self.columns)
        distance = _distance(encoded, self._shape())
        farthest, nearest = self.distances[0], self.distances[-1]
        within = np.interp(distance, self.distances[::-1], SHARES[::-1])
        # Nearer than the nearest quantile: up to 1 at the centre itself.
        inside = 1 - (1 - SHARES[-1]) * distance / max(nearest, 1e-12)
        return np.where(distance > farthest, 0.0, np.where(distance < nearest, inside, within))

    def _shape(self) -> "_Shape":
        return _Shape(np.array(self.centre), np.array(self.axes), np.array(self.variances), self.rest)


@dataclass(frozen=True)
class _Shape:
    """Centre (p,), axes (k, p), variances (k,) and the variance of the other p - k directions."""

    centre: Floats
    axes: Floats
    variances: Floats
    rest: float


def fit_typicality(frame: pd.DataFrame, schema: tuple[Feature, ...], *, seed: int) -> Typicality:
    """Learn from the patients of `frame`, as `as_features` gives it."""
    columns = tuple(_column(frame[feature.name], feature) for feature in schema)
    encoded = _encode(frame, columns)
    shape = _shape(encoded)
    fold = np.random.default_rng(seed).permutation(len(frame)) % min(_FOLDS, len(frame))
    distance = np.empty(len(frame))
    for number in range(fold.max() + 1):
        distance[fold == number] = _distance(encoded[fold == number], _shape(encoded[fold != number]))
    # As in conformal prediction, the new patient counts among the others.
    levels = np.minimum((1 - np.array(SHARES)) * (len(frame) + 1) / len(frame), 1.0)
    return Typicality(
        columns=columns,
        centre=nine_digits(shape.centre),
        axes=tuple(nine_digits(axis) for axis in shape.axes),
        variances=nine_digits(shape.variances),
        rest=nine_digits([shape.rest])[0],
        distances=nine_digits(np.quantile(distance, levels)),
    )


def _column(values: pd.Series, feature: Feature) -> Column:
    if feature.type == "text":
        shares = values[values != MISSING_TEXT].value_counts(normalize=True).sort_index()
        categories = tuple(map(str, shares.index))
        return Column(name=feature.name, text=True, categories=categories, shares=nine_digits(shares.to_numpy()))
    known = values.dropna().to_numpy()
    if len(known) == 0:
        return Column(name=feature.name, text=False)
    median, deviation = nine_digits([float(np.median(known)), float(np.std(known))])
    return Column(name=feature.name, text=False, median=median, deviation=deviation or 1.0)


def _encode(frame: pd.DataFrame, columns: tuple[Column, ...]) -> Floats:
    """Return numbers in standard deviations from the median (0 if unknown), categories in theirs from their share."""
    parts = [np.zeros(len(frame))]  # should there be nothing to measure
    for column in columns:
        values = frame[column.name]
        if not column.text:
            parts.append(np.nan_to_num((values.to_numpy(dtype=np.float64) - column.median) / column.deviation))
            continue
        texts = values.to_numpy()
        for category, share in zip(column.categories, column.shares, strict=True):
            usual = max(np.sqrt(share * (1 - share)), 1e-6)
            # An unknown category adds no distance; that it is unknown is judged elsewhere.
            there = np.where(texts == MISSING_TEXT, share, texts == category)
            parts.append((there - share) / usual)
    return np.column_stack(parts)


def _shape(encoded: Floats) -> _Shape:
    centre = encoded.mean(axis=0)
    values, vectors, rest = _spread(encoded - centre)
    # A direction in which nobody differs gets a little of the others' variance, so that a difference is seen.
    columns = encoded.shape[1]
    mean = (float(values.sum()) + rest * (columns - len(values))) / columns
    values, rest = np.maximum(values, 1e-3 * max(mean, 1e-12)), max(rest, 1e-3 * max(mean, 1e-12))
    largest = np.argsort(values)[::-1][:_AXES]
    axes = vectors[:, largest].T
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    others = np.append(np.delete(values, largest), np.full(columns - len(values), rest))
    return _Shape(centre, axes * signs[:, None], values[largest], float(others.mean()) if len(others) else 0.0)


def _spread(centred: Floats) -> tuple[Floats, Floats, float]:
    """Return variances, their directions as columns, and the variance in all directions besides these."""
    from sklearn.covariance import ledoit_wolf

    if not is_wide(centred):
        covariance, _ = ledoit_wolf(centred, assume_centered=True)
        values, vectors = np.linalg.eigh(covariance)
        return values, vectors, 0.0
    patients, columns = centred.shape
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    plain = np.square(sizes) / patients
    mean = float(plain.sum()) / columns
    shrinkage = _shrinkage(centred, plain, mean)
    return (1 - shrinkage) * plain + shrinkage * mean, directions.T, shrinkage * mean


def _shrinkage(centred: Floats, plain: Floats, mean: float) -> float:
    """Return Ledoit and Wolf's share from the patients' distances alone, without a matrix of all pairs of columns."""
    patients, columns = centred.shape
    apart = float(np.square(plain).sum()) - columns * mean**2
    noise = float(np.square(np.square(centred).sum(axis=1)).sum()) / patients - float(np.square(plain).sum())
    return min(noise / patients / apart, 1.0) if apart > 0 else 1.0


def _distance(encoded: Floats, shape: _Shape) -> Floats:
    centred = encoded - shape.centre
    scores = centred @ shape.axes.T
    squared = np.square(scores) @ (1 / shape.variances)
    if shape.rest > 0:
        squared = squared + np.maximum(np.square(centred).sum(axis=1) - np.square(scores).sum(axis=1), 0) / shape.rest
    return np.asarray(np.sqrt(squared))
