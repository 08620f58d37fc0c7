"""Everything that is measured of predicted risks, as functions of weighted sums over patients."""

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import metrics_of, values_of
from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.metric import Among
from theragate.evidence.definitions.sums import Layout, RiskSums
from theragate.evidence.metrics.benefit import ThresholdRange
from theragate.evidence.metrics.censoring import RiskPatients
from theragate.evidence.metrics.gradients import gradients
from theragate.evidence.metrics.hazard_slope import HazardSlope
from theragate.evidence.metrics.log_odds import logit
from theragate.evidence.metrics.precision import Levels
from theragate.evidence.metrics.recalibration import Recalibration
from theragate.evidence.metrics.smoothing import FINE_SPAN, SPAN, LocalRegression, sorted_by
from theragate.evidence.sampling.pools import Cells
from theragate.study import TaskName

__all__ = ["RiskScore"]

_BINS = 10


class RiskScore:
    """Predicted risks of some patients, ready to be measured in any resample of them.

    Measures of what was seen use inverse-probability-of-censoring weights, so that with censoring the observed risk
    is one minus Kaplan-Meier; measures of the predictions alone count everybody. The calibration slope is that of a
    logistic recalibration at the horizon, by the same weights; that by Cox regression needs none.

    Parameters
    ----------
    patients
        Who they are and what happened to them.
    risk, null
        Shape (n,), in the order of ``patients.rows``: by the model, and by a prediction that knows no features.
    threshold
        The clinical one; None where there is none, or what it decides is measured by counting.
    binary
        Whether to add what is measured without censoring only.
    cells
        The cells that are drawn, if not patients. Weights for censoring are then taken as known.
    extensions
        Whose metrics are measured too.
    """

    def __init__(
        self,
        patients: RiskPatients,
        risk: Floats,
        *,
        null: Floats,
        threshold: float | None,
        binary: bool,
        cells: Cells | None = None,
        extensions: tuple[str, ...] = (),
    ) -> None:
        self._extensions = extensions
        self._risk, self._null, self._event = risk, null, patients.event.astype(np.float64)
        self._threshold, self._binary, self._cells = threshold, binary, cells
        self._task: TaskName = "binary" if binary else "survival"
        self.order: NDArray[np.intp] = sorted_by(risk)
        self._weights: Floats = patients.seen_weights(np.ones((1, len(risk))))[0]
        self._known = self._weights if cells is not None and patients.censored else None
        self._log_odds = logit(risk)
        self._recalibration, self._shift, self.levels = None, None, None
        self._hazard = None if patients.time is None else HazardSlope.fit(patients.time, patients.event, risk)
        if patients.fewer:
            self._recalibration, self._shift = self._recalibrated()
        if patients.fewer and binary:
            self.levels = Levels(risk, patients.event, order=self.order, cells=cells)
        self._layout = Layout()
        self._free = self._pooled(self._free_columns())
        self._seen = self._pooled(self._seen_columns() if self._known is None else self._weighted_columns())
        if binary:
            self._layout.block("gaps", _BINS)
            self._seen = np.concatenate([self._seen, self._gaps()], axis=1)
        self.smoother = LocalRegression(risk, self._event, ascending=risk[self.order], cells=cells, weights=self._known)
        self._layout.block("near_points", len(self.smoother.points))
        self._layout.block("smoothed", 2 * len(self.smoother.points))

    def sums(self, draws: Floats, seen: Floats) -> Floats:
        """Add up whatever the measures are made of, shape (b, k).

        Parameters
        ----------
        draws, seen
            Shape (b, units): how often they are drawn, and how much their outcomes count.
        """
        binned = self.smoother.sums(seen)
        counted = self._known is None and draws is seen
        present = binned[:, : len(self.smoother.points)] if counted else self.smoother.bin(draws)
        return np.concatenate([draws @ self._free, seen @ self._seen, present, binned], axis=1)

    def values(self, draws: Floats, seen: Floats) -> dict[str, Floats]:
        """Return every metric in every resample, shape (b,) each; NaN where it is not defined."""
        return self.of_sums(self.sums(draws, seen), draws)

    def of_sums(self, sums: Floats, draws: Floats) -> dict[str, Floats]:
        """Return the same where the sums are known already."""
        ranked = {} if self.levels is None else {"average_precision": self.levels.values(draws)}
        return self._metrics(sums) | ranked

    def point(self, draws: Floats, seen: Floats) -> dict[str, float]:
        """Return every metric of the patients as they are; weights have the shape (1, units)."""
        found = {name: float(value[0]) for name, value in self.values(draws, seen).items()}
        if self.levels is not None and self._cells is not None:
            found["average_precision"] = self.levels.average_precision
        return found

    def calibration(self, sums: Floats, *, span: float = SPAN) -> Floats:
        """Return the smoothed observed risk at ``smoother.points``, shape (b, points)."""
        curve: Floats = np.clip(self.smoother.curve(self._layout.of(sums, "smoothed"), span=span), 0, 1)
        return curve

    def influence(self, names: Sequence[str], sums: Floats) -> dict[str, Floats]:
        """Return how far each patient moves metrics, shape (n,) each: all but those of a ranking.

        `sums` are those of the patients as they are, shape (1, k). Weights for censoring are taken as known.
        """
        n, near, smoothed = len(self._risk), self._layout.slice("near_points"), self._layout.slice("smoothed")
        total = sums[0] / n
        scales = np.sqrt(np.concatenate([np.mean(pooled**2, axis=0) for pooled in (self._free, self._seen)]))
        counts = total[smoothed][: len(self.smoother.points)]
        scales = np.concatenate([scales, total[near], counts, counts])
        moves = gradients(self._metrics, total, names=names, scales=scales)
        influence = {
            name: self.smoother.influence(g[near], g[smoothed]) if g[near.start :].any() else np.zeros(n)
            for name, g in moves.items()
        }
        # The gaps of ECE are sums of absolute values, and of no other metric.
        for column, values in [*self._free_columns(), *self._weighted_columns()]:
            at = self._layout.slice(column).start
            for name, g in moves.items():
                if g[at]:
                    influence[name] += g[at] * values
        return {name: values / n for name, values in influence.items()}

    def over(self, thresholds: Sequence[float]) -> ThresholdRange:
        """Return the net benefit over a range of thresholds, ready to be measured in any resample."""
        return ThresholdRange(self._risk, self._event, thresholds=thresholds, cells=self._cells, weights=self._weights)

    def denominators(self, seen: Floats) -> dict[str, float]:
        """Return the effective number of patients behind each proportion (Kish, Survey Sampling, 1965).

        ``seen`` has the shape (n,); without censoring the numbers are counts.
        """
        if self._threshold is None:
            return {}
        everybody = np.ones_like(self._event)
        groups: dict[Among, Floats] = {
            "everybody": everybody,
            "seen": seen,
            "events": seen * self._event,
            "non_events": seen * (1 - self._event),
            "selected": seen * self._selected(),
        }
        weights = {metric.name: groups[metric.among] for metric in metrics_of(self._task) if metric.among}
        return {name: float(w.sum() ** 2 / (w @ w)) if w.any() else 0.0 for name, w in weights.items()}

    def _close_by(self) -> tuple[Floats, Floats, Floats] | None:
        """Return log odds, outcomes and weights of cells, whose fits are near those of patients."""
        if self._cells is None:
            return None
        log_odds, event, weight = self._cells.average([self._log_odds, self._event * self._weights, self._weights]).T
        return log_odds, np.nan_to_num(ratio(event, weight)), weight * self._cells.sizes

    def _recalibrated(self) -> tuple[Recalibration | None, float | None]:
        """Fit slope and intercept, and the shift alone where every outcome is known."""
        both = (self._log_odds, self._event)
        start = shift = None
        near = self._close_by()
        if near is not None:
            start = Recalibration.fit(near[0], near[1], weights=near[2])
        slope = Recalibration.fit(*both, weights=self._weights, start=start)
        if self._binary:
            begin = None if near is None else Recalibration.shift(near[0], near[1], weights=near[2])
            shift = Recalibration.shift(*both, weights=self._weights, start=begin)
        return slope, shift

    def _selected(self) -> Floats:
        return (self._risk >= (2.0 if self._threshold is None else self._threshold)).astype(np.float64)

    def _free_columns(self) -> Iterator[tuple[str, Floats]]:
        """Yield what is known of everybody, one named column of shape (n,) after the other."""
        yield "patients", np.ones_like(self._risk)
        yield "risk", self._risk
        if self._threshold is not None:
            yield "selected_of_all", self._selected()
        if self._hazard is not None:
            yield "hazard_score", self._hazard.score
            yield "hazard_information", self._hazard.information

    def _seen_columns(self) -> Iterator[tuple[str, Floats]]:
        """Yield what rests on outcomes, one named column after the other."""
        risk, event = self._risk, self._event
        yield "seen", np.ones_like(risk)
        yield "events", event
        yield "squared_error", (risk - event) ** 2
        yield "squared_error_of_null", (self._null - event) ** 2
        if self._threshold is not None:
            selected = self._selected()
            yield "true_positives", event * selected
            yield "selected", selected
        if self._recalibration is not None:
            yield from zip(Recalibration.COLUMNS, self._recalibration.columns(self._log_odds, event), strict=True)
        if self._shift is not None:
            shifted = 1 / (1 + np.exp(-(self._log_odds + self._shift)))
            yield "log_loss", np.logaddexp(0, self._log_odds) - event * self._log_odds
            yield "shift_score", event - shifted
            yield "shift_information", shifted * (1 - shifted)

    def _weighted_columns(self) -> Iterator[tuple[str, Floats]]:
        return ((name, column * self._weights) for name, column in self._seen_columns())

    def _gaps(self) -> Floats:
        """Return risk minus outcome in the column of its tenth of the scale, shape (units, bins)."""
        bins, gap = np.clip((self._risk * _BINS).astype(np.intp), 0, _BINS - 1), self._risk - self._event
        if self._cells is not None:
            return self._cells.shared_out(bins, gap, places=_BINS)
        return np.where(np.arange(_BINS) == bins[:, None], gap[:, None], 0.0)

    def _pooled(self, named: Iterator[tuple[str, Floats]]) -> Floats:
        columns = self._layout.recorded(named)
        if self._cells is None:
            return np.column_stack(list(columns))
        return self._cells.average(columns)

    def _metrics(self, matrix: Floats) -> dict[str, Floats]:
        fit = self._recalibration
        sums = RiskSums(
            matrix,
            self._layout,
            threshold=math.nan if self._threshold is None else self._threshold,
            shift=math.nan if self._shift is None else self._shift,
            slopes=_no_slopes if fit is None else fit.slopes,
            recalibration=Recalibration.COLUMNS,
            hazard_slope=math.nan if self._hazard is None else self._hazard.slope,
            points=self.smoother.points,
            observed=self.calibration,
            observed_finely=partial(self.calibration, span=FINE_SPAN),
        )
        return values_of(sums, of="risks", task=self._task, extensions=self._extensions)


def _no_slopes(sums: Floats) -> Floats:
    return np.full(len(sums), np.nan)
