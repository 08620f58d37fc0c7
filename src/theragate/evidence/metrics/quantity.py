"""Everything that is measured of predicted quantities, as functions of weighted sums over patients."""

import numpy as np

from theragate.evidence.metrics.arrays import Floats, ratio
from theragate.evidence.metrics.smoothing import LocalRegression

__all__ = ["QuantityScore"]

_NEAR = 0.2  # International Warfarin Pharmacogenetics Consortium, NEJM 2009;360:753


class QuantityScore:
    """Predicted quantities of some patients, ready to be measured in any resample of them.

    Parameters
    ----------
    prediction, observed
        Shape (n,), in the outcome's unit.
    """

    def __init__(self, prediction: Floats, observed: Floats) -> None:
        error = prediction - observed
        # Numbers are counted from the mean, so that no digits cancel in sums of squares.
        outcome, predicted = observed - observed.mean(), prediction - prediction.mean()
        near = np.abs(error) <= _NEAR * np.abs(observed)
        self._observed = observed
        self._columns: Floats = np.column_stack(
            [np.ones_like(error), error, np.abs(error), error**2, near,
             outcome, outcome**2, predicted, predicted**2, predicted * outcome]
        )  # fmt: skip
        self.smoother = LocalRegression(prediction)

    def values(self, draws: Floats) -> dict[str, Floats]:
        """Return every metric in every resample, shape (b,) each; NaN where it is not defined."""
        sums = draws @ self._columns
        total = sums[:, 0]
        error, absolute, squared, near, y, yy, p, pp, py = ratio(sums[:, 1:], total[:, None]).T
        # What is left of a variance by rounding alone counts as none.
        varies, spreads = yy - y**2, pp - p**2
        return {
            "r2": 1 - ratio(squared, np.where(varies > 1e-12 * yy, varies, 0)),
            "rmse": np.sqrt(squared),
            "mae": absolute,
            "mean_error": error,
            "within_20_percent": near,
            "calibration_slope": ratio(py - p * y, np.where(spreads > 1e-12 * pp, spreads, 0)),
        }

    def point(self, draws: Floats) -> dict[str, float]:
        """Return every metric of the patients as they are; weights have the shape (1, n)."""
        return {name: float(value[0]) for name, value in self.values(draws).items()}

    def calibration(self, draws: Floats) -> Floats:
        """Return the smoothed observed quantity at ``smoother.points``, shape (b, points)."""
        return self.smoother.curve(draws, self._observed)
