"""Local regression of what happened on what was predicted, fast enough for thousands of resamples."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.sampling.pools import Cells

__all__ = ["FINE_SPAN", "SPAN", "LocalRegression", "sorted_by"]

SPAN = 0.75
FINE_SPAN = 0.3
_POINTS = 100
_DEGREE = 2
_RANK = 1e-8  # of a column's square: what is left of it beside the columns before, if it says anything new


class LocalRegression:
    """Loess of degree 2 with tricube weights over the nearest 75% of the patients.

    So are calibration curves drawn, and so is the calibration index defined (Cleveland, Devlin, JASA 1988;83:596;
    Austin, Steyerberg, Stat Med 2014;33:517 and 2019;38:4051). A second curve, over the nearest 30%, follows waves that
    the first one smooths away.

    Patients are first shared out between the two nearest of at most 100 points, which keeps their mean prediction
    (linear binning: Fan, Marron, J Comput Graph Stat 1994;3:35). The points are quantiles of the predictions. The
    widths of the windows stay those of the whole sample in every resample. What is smoothed is outcome minus
    prediction, so that binning costs nothing where predictions are right.

    Parameters
    ----------
    prediction, outcome
        Shape (n,), finite.
    ascending
        The predictions in ascending order.
    cells, weights
        The cells that are drawn, if not patients, and the known weights (n,) with which their outcomes count.
    """

    def __init__(
        self,
        prediction: Floats,
        outcome: Floats,
        *,
        ascending: Floats,
        cells: Cells | None = None,
        weights: Floats | None = None,
    ) -> None:
        self.points: Floats = _quantiles(ascending)
        size = len(self.points)
        left = np.clip(np.searchsorted(self.points, prediction, side="right") - 1, 0, max(size - 2, 0))
        right = np.minimum(left + 1, size - 1)
        width = self.points[right] - self.points[left]
        share = np.divide(prediction - self.points[left], width, out=np.zeros_like(prediction), where=width > 0)
        self._left, self._right, self._share = left, right, share
        self._excess: Floats = outcome - prediction
        self._weights = weights
        excess = self._excess if weights is None else self._excess * weights
        self._present = self._matrix(None, cells)
        seen = self._present if weights is None else self._matrix(weights, cells)
        self._seen = sparse.vstack([seen, self._matrix(excess, cells)], format="csr")
        self._moments = {span: self._windows(ascending, span) for span in (SPAN, FINE_SPAN)}

    def _matrix(self, values: Floats | None, cells: Cells | None) -> sparse.csr_array:
        """Return what each patient (or cell) gives to each point, shape (points, n)."""
        size, near, far = len(self.points), 1 - self._share, self._share
        if values is not None:
            near, far = near * values, far * values
        if cells is not None:
            near = cells.shared_out(self._left, near, places=size)
            return sparse.csr_array((near + cells.shared_out(self._right, far, places=size)).T)
        patients = np.tile(np.arange(len(near)), 2)
        places = np.concatenate([self._left, self._right])
        return sparse.csr_array((np.concatenate([near, far]), (places, patients)), shape=(size, len(self._share)))

    def _windows(self, ascending: Floats, span: float) -> tuple[Floats, ...]:
        """Return the windows' weights times powers of the distance, in units of their reach, shape (points, points)."""
        reach = _reach(ascending, self.points, nearest=max(1, int(np.ceil(span * len(ascending)))))[None, :]
        apart: Floats = self.points[:, None] - self.points[None, :]
        # Where a window reaches nowhere, because so many predictions are the same, it holds its own point alone.
        apart = np.divide(apart, reach, out=np.sign(apart), where=reach > 0)
        kernel: Floats = np.clip(1 - np.abs(apart) ** 3, 0, None) ** 3
        return tuple(kernel * apart**power for power in range(2 * _DEGREE + 1))

    def bin(self, draws: Floats) -> Floats:
        """Share draws, shape (b, units), out between the points, shape (b, points)."""
        binned: Floats = np.asarray(self._present @ draws.T).T
        return binned

    def sums(self, seen: Floats) -> Floats:
        """Return what `curve` needs, shape (b, 2 * points), of weights of shape (b, units)."""
        found: Floats = np.asarray(self._seen @ seen.T).T
        return found

    def curve(self, sums: Floats, *, span: float = SPAN) -> Floats:
        """Return the smoothed outcome at the points, shape (b, points); NaN where a window holds nobody.

        `span` is the share of the patients in a window: `SPAN` or `FINE_SPAN`.
        """
        counts, excess = sums[:, : len(self.points)], sums[:, len(self.points) :]
        moments = self._moments[span]
        s0, s1, s2, s3, s4 = (counts @ moment for moment in moments)
        t0, t1, t2 = (excess @ moment for moment in moments[: _DEGREE + 1])
        # Least squares by polynomials that are orthogonal in the window: 1, d - mean, d² - level - tilt (d - mean).
        # Where all of a window's patients sit at one point there is only a mean, at two points only a line.
        inside = s0 > 0
        mean, level = _ratio(s1, s0), _ratio(s2, s0)
        spread = s2 - mean * s1
        line = spread > _RANK * s2
        crossed = s3 - mean * s2
        tilt = _ratio(crossed, spread, where=line)
        left = s4 - level * s2 - tilt * crossed
        bend = line & (left > _RANK * s4)
        slope = t1 - mean * t0
        fitted: Floats = _ratio(t0, s0) - mean * _ratio(slope, spread, where=line)
        fitted += (tilt * mean - level) * _ratio(t2 - level * t0 - tilt * slope, left, where=bend)
        return np.where(inside, fitted + self.points, np.nan)

    def influence(self, present: Floats, sums: Floats) -> Floats:
        """Return what each patient gives to a linear function of binned draws and of sums, shape (n,).

        Parameters
        ----------
        present, sums
            The function's coefficients, shapes (points,) and (2 * points,).
        """
        counts, excess = sums[: len(self.points)], sums[len(self.points) :]
        seen = self._between(counts) + self._between(excess) * self._excess
        return self._between(present) + (seen if self._weights is None else seen * self._weights)

    def _between(self, values: Floats) -> Floats:
        low: Floats = values[self._left]
        return low + (values[self._right] - low) * self._share


def _ratio(numerator: Floats, denominator: Floats, *, where: NDArray[np.bool_] | None = None) -> Floats:
    """Divide `where` that is possible; 0 elsewhere."""
    result: Floats = np.zeros_like(numerator)
    np.divide(numerator, denominator, out=result, where=denominator > 0 if where is None else where)
    return result


def _quantiles(ascending: Floats) -> Floats:
    """Return the distinct ones of 100 even quantiles."""
    place = np.linspace(0, len(ascending) - 1, _POINTS)
    low = place.astype(np.intp)
    high = np.minimum(low + 1, len(ascending) - 1)
    between = ascending[low] + (ascending[high] - ascending[low]) * (place - low)
    # Interpolation may round beyond the neighbour it comes from.
    return np.unique(np.clip(between, ascending[low], ascending[high]))


def _reach(ascending: Floats, points: Floats, *, nearest: int) -> Floats:
    """Return how far the `nearest`-th patient is from each point, by bisection for where the window begins."""
    last = nearest - 1
    low = np.zeros(len(points), dtype=np.intp)
    high = np.full(len(points), len(ascending) - nearest)
    while (low < high).any():
        middle = (low + high) // 2
        # A window that reaches farther to the left than to the right begins later.
        later = (points - ascending[middle] > ascending[middle + last] - points) & (low < high)
        low, high = np.where(later, middle + 1, low), np.where(later, high, np.minimum(high, middle))
    reaches = [
        np.maximum(points - ascending[at], ascending[at + last] - points) for at in (np.maximum(low - 1, 0), low)
    ]
    nearest_reach: Floats = np.minimum(*reaches)
    return nearest_reach


def sorted_by(prediction: Floats) -> NDArray[np.intp]:
    """Return the order that sorts predictions, without sorting where they are sorted already."""
    if bool((prediction[1:] >= prediction[:-1]).all()):
        return np.arange(len(prediction))
    return np.argsort(prediction, kind="stable")
