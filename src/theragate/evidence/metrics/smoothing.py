"""Local regression of what happened on what was predicted, fast enough for thousands of resamples."""

import numpy as np
from scipy import sparse

from theragate.evidence.metrics.arrays import Floats

__all__ = ["SPAN", "LocalRegression"]

SPAN = 0.75
_POINTS = 64


class LocalRegression:
    """Loess of degree 1 with tricube weights over the nearest 75% of the patients (Cleveland, JASA 1979;74:829).

    Patients are first shared out between the two nearest of at most 64 points, which keeps their mean prediction
    (linear binning: Fan, Marron, J Comput Graph Stat 1994;3:35). The points are quantiles of the predictions. The
    widths of the windows stay those of the whole sample in every resample.

    Parameters
    ----------
    prediction
        Shape (n,), finite.
    """

    def __init__(self, prediction: Floats) -> None:
        self._prediction = prediction
        self.points: Floats = np.unique(np.quantile(prediction, np.linspace(0, 1, _POINTS)))
        size = len(self.points)
        left = np.clip(np.searchsorted(self.points, prediction, side="right") - 1, 0, max(size - 2, 0))
        right = np.minimum(left + 1, size - 1)
        width = self.points[right] - self.points[left]
        share = np.divide(prediction - self.points[left], width, out=np.zeros_like(prediction), where=width > 0)
        patients = np.arange(len(prediction))
        self._binning = sparse.csr_array(
            (np.concatenate([1 - share, share]), (np.concatenate([left, right]), np.tile(patients, 2))),
            shape=(size, len(prediction)),
        )
        self._distance: Floats = self.points[:, None] - self.points[None, :]
        self._kernel = self._windows(prediction)

    def _windows(self, prediction: Floats) -> Floats:
        nearest = max(1, int(np.ceil(SPAN * len(prediction)))) - 1
        reach = np.array([np.partition(np.abs(prediction - point), nearest)[nearest] for point in self.points])
        apart = np.abs(self._distance)
        near = np.divide(apart, reach[None, :], out=np.where(apart > 0, 1.0, 0.0), where=reach[None, :] > 0)
        kernel: Floats = np.clip(1 - near**3, 0, None) ** 3
        return kernel

    def bin(self, weights: Floats) -> Floats:
        """Share weights, shape (b, n), out between the points, shape (b, points)."""
        binned: Floats = np.asarray(self._binning @ weights.T).T
        return binned

    def curve(self, weights: Floats, outcome: Floats) -> Floats:
        """Return the smoothed outcome at the points.

        What is smoothed is outcome minus prediction, so that binning costs nothing where predictions are right.

        Parameters
        ----------
        weights
            Shape (b, n).
        outcome
            Shape (n,).

        Returns
        -------
        Shape (b, points); NaN where a window holds nobody.
        """
        counts, sums = self.bin(weights), self.bin(weights * (outcome - self._prediction))
        tilted = self._kernel * self._distance
        s0, s1, s2 = counts @ self._kernel, counts @ tilted, counts @ (tilted * self._distance)
        t0, t1 = sums @ self._kernel, sums @ tilted
        inside = s0 > 0
        determinant = s0 * s2 - s1**2
        # Where all of a window's patients sit at one point there is no line to fit, only a mean.
        line = inside & (determinant > 1e-10 * s0 * s2)
        fitted: Floats = np.full(s0.shape, np.nan)
        np.divide(t0, s0, out=fitted, where=inside)
        np.divide(s2 * t0 - s1 * t1, determinant, out=fitted, where=line)
        return fitted + self.points
