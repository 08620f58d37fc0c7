"""Predicted risks and quantities, as the assembler of evidence asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import METRICS, Metric
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals.limits import paired, sampled
from theragate.evidence.intervals.widening import paired_factor, widened, widened_difference
from theragate.evidence.measuring.assembler import TaskMeasurement
from theragate.evidence.measuring.curves import (
    auc_over_time,
    calibration_curve,
    decision_curves,
    error_curve,
    roc_curve,
)
from theragate.evidence.measuring.decisions import paired_decisions
from theragate.evidence.measuring.predictions import PanelMeasurements, PanelSubset
from theragate.evidence.measuring.results import Results, contrasted, difference
from theragate.evidence.types import Comparison, Curve, Estimate
from theragate.study import TASKS

__all__ = ["PredictionMeasurement"]


class PredictionMeasurement(TaskMeasurement[PanelSubset]):
    """Risks and quantities of patients in canonical order."""

    def __init__(self, target: Target, held_out: HeldOut, *, resamples: int, seed: int) -> None:
        self._panels = PanelMeasurements(target, held_out, resamples=resamples, seed=seed)
        self._target, self._resamples, self._seed = target, resamples, seed
        self._predictions, self._repeats = self._panels.predictions, len(held_out.selected)
        self._others: dict[str, Results] = {"selected": self._panels.whole.results}
        self._counted: dict[tuple[str, str], dict[str, Estimate]] = {}
        self.patients = self._panels.patients
        # By how much a difference from another recipe is wider; one from the same model under stress, as the model is.
        self._apart = paired_factor(self._panels.task) if held_out.cross_validated else 1.0
        self.whole, self.subsets = self._panels.whole, self._panels.subsets
        self.metrics = self.families = self._panels.metrics
        self.compared = TASKS[self._panels.task].compared
        self.stressed = tuple(metric.name for metric in self.metrics if not metric.report_only)
        self.scenarios = tuple(held_out.scenarios)
        self.champion = held_out.champion is not None
        events, free = self.whole.counts
        survival = isinstance(target, SurvivalTarget) and events is not None and free is not None
        self.censored = self.patients - (events or 0) - (free or 0) if survival else None

    def estimates_of(self, prediction: str) -> Mapping[str, Estimate]:
        """Return the estimates of another prediction in all patients."""
        return self._results(prediction).estimates

    def difference(self, metric: Metric, first: str, second: str) -> Estimate:
        """Return one prediction's metric minus another's, on all patients."""
        minuend, subtrahend = self._results(first), self._results(second)
        counted = self._counted.get((first, second), {})
        if metric.name in counted:
            return counted[metric.name]
        return difference(
            metric,
            minuend,
            subtrahend,
            same=self._same(first, second),
            widening=self._apart if second != "selected" else self._panels.widening[metric.name],
        )

    def against_reference(self, index: int) -> tuple[Comparison, Floats | None]:
        """Compare the model with the reference in a judged subset, by the first of the compared measures."""
        subset, reference = self.subsets[index], self._panels.reference_in(index)
        metric = METRICS[self.compared[0]]
        same = self._same("selected", "reference", self._panels.groups[index].rows)
        comparison = Comparison(
            metric=metric.name,
            model=subset.estimates[metric.name],
            reference=reference.estimates[metric.name],
            difference=difference(metric, subset.results, reference, same=same, widening=self._apart),
        )
        if not comparison.difference.se:
            return comparison, None
        return comparison, subset.results.columns[metric.name] - reference.columns[metric.name]

    def contrast(
        self, metric: Metric, first: PanelSubset, second: PanelSubset
    ) -> tuple[Estimate, Floats | None] | None:
        """Return the difference of two groups and how it varies."""
        return contrasted(metric, first.results, second.results)

    def by_repeat(self) -> Iterator[Mapping[str, float]]:
        """Yield each repeat's metrics of all patients."""
        if self._repeats == 1:
            yield {name: item.value for name, item in self.whole.estimates.items() if item.value is not None}
            return
        for points in self._panels.by_repeat():
            yield {metric.name: points[metric.name] for metric in self.metrics if metric.name in points}

    def curves(self) -> dict[str, Curve]:
        """Return the points of the figures."""
        target, selected, draws = self._target, self._predictions["selected"], self._panels.replicates
        panel = self._panels.whole.panel
        score = panel.scores["selected"]
        smoothed = score.calibration(score.sums(*panel.as_they_are))[0]
        curves = {"calibration": calibration_curve(score.points, smoothed, draws.calibration)}
        if isinstance(target, QuantityTarget):
            return {**curves, "errors": error_curve(selected, target.value)}
        if isinstance(target, BinaryTarget):
            curves["roc"] = roc_curve(selected, target.event, drawn=draws.sensitivities)
        else:
            curves["auc_over_time"] = auc_over_time(target, selected)
        over_range = self.whole.net_benefit
        return {**curves, **(decision_curves(over_range) if over_range else {})}

    def _same(self, first: str, second: str, rows: slice | NDArray[np.intp] = slice(None)) -> bool:
        """Whether two predictions are equal for all patients at `rows`."""
        return bool(np.array_equal(self._predictions[first][:, rows], self._predictions[second][:, rows]))

    def _results(self, prediction: str) -> Results:
        """Measure a prediction in all patients, once."""
        if prediction not in self._others:
            measured = self._panels.other(prediction)
            if prediction.startswith("scenario "):
                under_stress, self._counted[prediction, "selected"] = self._stressed_counts(prediction)
                measured = replace(measured, estimates=measured.estimates | under_stress)
            self._others[prediction] = measured
        return self._others[prediction]

    def _stressed_counts(self, key: str) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
        """Return, for what thresholds decide, estimates under a stress and their differences from the clean ones."""
        target = self._target
        if not self._panels.counted or not isinstance(target, BinaryTarget):
            return {}, {}
        both = self._predictions[key][0], self._predictions["selected"][0]
        stressed, clean = paired_decisions(target, *both, resamples=self._resamples, seed=self._seed)
        panel = self._panels.whole.panel
        estimates: dict[str, Estimate] = {}
        differences: dict[str, Estimate] = {}
        for name, value in stressed.points.items():
            if not (np.isfinite(value) and np.isfinite(clean.points[name])):
                continue
            drawn = stressed.replicates[name]
            estimate = sampled(
                METRICS[name],
                value,
                drawn,
                enough=panel.enough,
                denominator=stressed.denominators.get(name),
                counted=True,
                rests_on=panel.fewer,
                clusters=panel.clusters,
            )
            estimates[name] = widened(estimate, name, self._panels.widening[name])
            apart = paired(
                value - clean.points[name],
                drawn - clean.replicates[name],
                method="paired bootstrap of counts",
                influence=False,
                same=self._same(key, "selected"),
                rests_on=panel.fewer,
                clusters=panel.clusters,
            )
            differences[name] = widened_difference(apart, self._panels.widening[name])
        return estimates, differences
