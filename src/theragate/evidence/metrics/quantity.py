"""Everything that is measured of predicted quantities, as functions of weighted sums over patients."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from theragate.evidence.catalogue import metrics_of, values_of
from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.sums import Layout, NamedSums
from theragate.evidence.metrics.gradients import gradients
from theragate.evidence.metrics.smoothing import LocalRegression, sorted_by
from theragate.evidence.sampling.pools import Cells

__all__ = ["NEAR", "QuantityScore", "conformal_width"]

NEAR = 0.2  # International Warfarin Pharmacogenetics Consortium, NEJM 2009;360:753
_COVERED = 0.9


def conformal_width(error: Floats) -> float:
    """Return the distance within which the outcomes of 90% of all other patients lie, for whom it does not hold.

    For each patient it is the 90% conformal quantile of the other patients' absolute errors (Vovk et al., 2005; Lei
    et al., JASA 2018;113:1094). That is one of two neighbouring errors, and it covers the patient exactly where the
    smaller one does; so one number serves all. Infinite under 10 patients, from whom no 90% can be told.

    Parameters
    ----------
    error
        Shape (n,): predicted minus observed.
    """
    n = len(error)
    place = math.ceil(_COVERED * n - 1e-9) - 1
    return float(np.partition(np.abs(error), place)[place]) if place < n - 1 else math.inf


class QuantityScore:
    """Predicted quantities of some patients, ready to be measured in any resample of them.

    Parameters
    ----------
    prediction, observed
        Shape (n,), in the outcome's unit.
    width
        The distance within which 90% of the outcomes of the whole cohort lie; of these patients, if not given.
    cells
        The cells that are drawn, if not patients.
    extensions
        Whose metrics are measured too.
    """

    levels = None

    def __init__(
        self,
        prediction: Floats,
        observed: Floats,
        *,
        width: float | None = None,
        cells: Cells | None = None,
        extensions: tuple[str, ...] = (),
    ) -> None:
        self._extensions = extensions
        self._error: Floats = prediction - observed
        # Numbers are counted from the mean, so that no digits cancel in sums of squares.
        self._outcome, self._predicted = observed - observed.mean(), prediction - prediction.mean()
        self._near = np.abs(self._error) <= NEAR * np.abs(observed)
        self._width = conformal_width(self._error) if width is None else width
        self._layout = Layout()
        columns = self._layout.recorded(self._columns())
        self._pooled: Floats = np.column_stack(list(columns)) if cells is None else cells.average(columns)
        worst = int(np.abs(self._error).argmax())
        self._worst: Floats = np.array([values[worst] for _, values in self._columns()])
        self.order = sorted_by(prediction)
        self.smoother = LocalRegression(prediction, observed, ascending=prediction[self.order], cells=cells)
        self._layout.block("smoothed", 2 * len(self.smoother.points))

    def sums(self, draws: Floats, seen: Floats) -> Floats:
        """Add up whatever the measures are made of, shape (b, k); every outcome was seen."""
        return np.concatenate([draws @ self._pooled, self.smoother.sums(seen)], axis=1)

    def values(self, draws: Floats, seen: Floats | None = None) -> dict[str, Floats]:
        """Return every metric in every resample, shape (b,) each; NaN where it is not defined."""
        return self.of_sums(self.sums(draws, draws if seen is None else seen), draws)

    def of_sums(self, sums: Floats, draws: Floats) -> dict[str, Floats]:  # noqa: ARG002 - the form of RiskScore
        """Return the same where the sums are known already."""
        return self._metrics(sums)

    def point(self, draws: Floats, seen: Floats | None = None) -> dict[str, float]:
        """Return every metric of the patients as they are; weights have the shape (1, units)."""
        return {name: float(value[0]) for name, value in self.values(draws, seen).items()}

    def calibration(self, sums: Floats) -> Floats:
        """Return the smoothed observed quantity at ``smoother.points``, shape (b, points)."""
        return self.smoother.curve(self._layout.of(sums, "smoothed"))

    def influence(self, names: Sequence[str], sums: Floats) -> dict[str, Floats]:
        """Return how far each patient moves metrics, shape (n,) each; `sums` are those of the patients as they are."""
        n = len(self._error)
        scales = np.sqrt(np.mean(self._pooled**2, axis=0))
        moves = gradients(self._metrics, sums[0, : len(scales)] / n, names=names, scales=scales)
        influence = {name: np.zeros(n) for name in names}
        for column, values in self._columns():
            at = self._layout.slice(column).start
            for name, g in moves.items():
                influence[name] += g[at] / n * values
        return influence

    def _columns(self) -> Iterator[tuple[str, Floats]]:
        """Yield what is added up, one named column of shape (n,) after the other."""
        yield "patients", np.ones_like(self._error)
        yield "error", self._error
        yield "absolute_error", np.abs(self._error)
        yield "squared_error", self._error**2
        yield "near", self._near.astype(np.float64)
        yield "covered", (np.abs(self._error) <= self._width).astype(np.float64)
        yield "outcome", self._outcome
        yield "squared_outcome", self._outcome**2
        yield "prediction", self._predicted
        yield "squared_prediction", self._predicted**2
        yield "product", self._predicted * self._outcome

    def _metrics(self, sums: Floats) -> dict[str, Floats]:
        found = values_of(self._means(sums), of="quantities", task="regression", extensions=self._extensions)
        once_more = self._means(sums[:, : len(self._worst)] + self._worst)
        heavy = [metric for metric in metrics_of("regression", self._extensions) if metric.heavy]
        return found | {metric.one_more_name: metric.formulas[0].value(once_more) for metric in heavy}

    def _means(self, sums: Floats) -> NamedSums:
        patients, last = self._layout.slice("patients"), self._layout.slice("product")
        return NamedSums(ratio(sums[:, : last.stop], sums[:, patients]), self._layout)
