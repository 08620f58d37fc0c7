"""Predicted risks and quantities, each measured once in all patients and in the groups where it is wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import METRICS, Metric, metrics_of
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.groups import Subgroup, atoms, coded, subgroups
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals.limits import on_scale
from theragate.evidence.intervals.widening import factor
from theragate.evidence.measuring.decisions import DECIDED, Benefits, Decisions, decisions, range_of
from theragate.evidence.measuring.net_benefit import range_members, threshold_evidence
from theragate.evidence.measuring.panels import Panel, counted, panel
from theragate.evidence.measuring.results import Blocks, Member, Results, results
from theragate.evidence.sampling.bootstrap import resample
from theragate.evidence.sampling.cells import LARGE, pool_of_cells
from theragate.evidence.sampling.pools import Pool
from theragate.evidence.sampling.units import Units
from theragate.evidence.types import Estimate, ThresholdEvidence
from theragate.study import TASKS, TaskName

__all__ = ["PanelMeasurements", "PanelSubset"]

_BLOCKS = 2000  # of patients, whose influence values are added up before they are compared


@dataclass(frozen=True)
class PanelSubset:
    """The whole cohort or a group of it, with the model's panel and what was measured of it."""

    group: Subgroup | None
    panel: Panel
    results: Results
    net_benefit: tuple[ThresholdEvidence, ...]
    benefits: Benefits | None

    @property
    def estimates(self) -> dict[str, Estimate]:
        """By metric."""
        return self.results.estimates

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """Patients with and without the event (by the horizon)."""
        return self.panel.counts

    def column(self, metric: Metric) -> Floats:
        """Return how an estimate varies on its scale."""
        column = self.results.columns[metric.name]
        return column if metric.interval == "influence" else on_scale(column, self.estimates[metric.name].scale)

    def range_members(self, of: str) -> list[Member]:
        """Return what the family of the net benefit over the range is made of."""
        return range_members(self.net_benefit, self.benefits, of=of) if self.benefits else []


class PanelMeasurements:
    """Patients in canonical order, measured.

    Up to 20,000 rows, and wherever a patient has several rows or predictions, patients are drawn, and every prediction
    is measured in the same draws. In a larger cohort cells of patients alike are drawn; then the model's predictions
    are measured in the draws of one set of cells, overall and in groups, every other prediction in its own, and
    differences between predictions rest on influence values.
    """

    def __init__(self, target: Target, held_out: HeldOut, *, resamples: int, seed: int) -> None:
        self.target, self.held_out = target, held_out
        self._resamples, self._seed = resamples, seed
        self.task = _task_of(target)
        self.metrics = metrics_of(self.task, target.extensions)
        self._null = held_out.null
        self.predictions = {name: values for name, values in held_out.predictions.items() if name != "null"}
        self._repeats, self.patients = len(held_out.null), int(held_out.null.shape[1])
        self._everybody = np.arange(self.patients)
        self.thresholds = () if isinstance(target, QuantityTarget) else range_of(target)
        labels = coded(held_out.groups)
        self._atoms, self._kinds = atoms(labels, self.patients)
        self._pool, self._blocks = self._pooled()
        self.groups = subgroups(labels, held_out.judged)
        self.counted = counted(target, self._pool, repeats=self._repeats)
        self._panels = self._prepared()
        # By how much limits grow, where the models learned from the same patients.
        self.widening = {
            item.name: factor(item.name, task=self.task, forest=held_out.forest) if held_out.cross_validated else 1.0
            for item in self.metrics
        }
        self._ranged = [group is None or group.judged for group in (None, *self.groups)]
        self.replicates = resample(
            self._panels,
            [() if self.counted else self._asked(ranged) for ranged in self._ranged],
            pool=self._pool,
            resamples=resamples,
            seed=seed,
        )
        self.whole, *self.subsets = self._subsets()

    def other(self, name: str) -> Results:
        """Measure another prediction than the model's in all patients."""
        moved = [metric.name for metric in self._compared_by_influence(name)]
        if not self._cells:
            return self._results(self.whole.panel, name, self.replicates.panels[0][name])
        return self._alone(name, self._everybody, moved=moved)

    def reference_in(self, index: int) -> Results:
        """Measure the reference model in a group, by the first of the measures that models are compared by."""
        subset = self.subsets[index]
        metric = METRICS[TASKS[self.task].compared[0]]
        if metric.interval == "influence":
            ranked = subset.panel.ranked(self.predictions["reference"][:, subset.panel.rows])
            return results(
                subset.panel,
                "selected",
                replicates={},
                metrics=[metric],
                ranked=ranked,
                blocks=self._blocks,
                widening=self.widening,
            )
        if self._cells:
            return self._alone("reference", subset.panel.rows, moved=[metric.name])
        return self._results(subset.panel, "reference", self.replicates.panels[index + 1]["reference"])

    def by_repeat(self) -> Iterator[dict[str, float]]:
        """Yield every metric's value by each repeat's predictions of all patients."""
        whole = self.whole.panel
        points = whole.scores["selected"].points_by_repeat(*whole.as_they_are)
        ranked = whole.ranked_by_repeat(self.predictions["selected"][:, whole.rows])
        for own, ranks in zip(points, ranked, strict=True):
            yield own | {name: item.value for name, item in ranks.items()}

    @property
    def _cells(self) -> bool:
        return self._pool.level is not None

    def _pooled(self) -> tuple[Pool, Blocks]:
        units = Units.of_rows(self.held_out)
        if self.patients > LARGE and units.count == self.patients and self._repeats == 1:
            selected = self.predictions["selected"][0]
            pool = pool_of_cells(self.target, selected, rows=self._everybody, atoms=self._atoms, kinds=self._kinds)
            generator = np.random.Generator(np.random.PCG64((self._seed, _BLOCKS)))
            return pool, Blocks(Units(generator.integers(0, _BLOCKS, self.patients), _BLOCKS), whole=False)
        return Pool.of_units(units), Blocks(units, whole=True)

    def _prepared(self) -> list[Panel]:
        """Prepare the whole cohort first, then each group."""
        whole = ["selected"] if self._cells else list(self.predictions)
        both = not self._cells and TASKS[self.task].predicts_quantity
        names = [whole, *(["selected", "reference"] if both and item.judged else ["selected"] for item in self.groups)]
        rows = [self._everybody, *(group.rows for group in self.groups)]
        return [self._panel(own, at, self._pool) for own, at in zip(names, rows, strict=True)]

    def _panel(self, names: Sequence[str], rows: NDArray[np.intp], pool: Pool) -> Panel:
        wanted = {name: self.predictions[name] for name in names}
        return panel(self.target, wanted, null=self._null, rows=rows, pool=pool)

    def _subsets(self) -> list[PanelSubset]:
        decided: Sequence[Decisions | None] = [None] * len(self._panels)
        if self.counted and isinstance(self.target, BinaryTarget):
            decided = decisions(
                self.target,
                self.predictions["selected"][0],
                atoms=self._atoms,
                kinds=self._kinds,
                subsets=[item.rows for item in self._panels],
                ranged=self._ranged,
                resamples=self._resamples,
                seed=self._seed,
            )
        return [self._subset(index, own) for index, own in enumerate(decided)]

    def _subset(self, index: int, decided: Decisions | None) -> PanelSubset:
        group = self.groups[index - 1] if index else None
        moved = [] if not self._cells else self._moved_in(group)
        measured = self._results(
            self._panels[index], "selected", self.replicates.panels[index]["selected"], moved=moved, decided=decided
        )
        benefits = decided.benefits if decided else self.replicates.benefits[index]
        net_benefit = (
            threshold_evidence(self._panels[index], self._asked(self._ranged[index]), benefits, widening=self.widening)
            if benefits
            else ()
        )
        for item in net_benefit:
            if item.threshold == self._clinical:
                measured.estimates["net_benefit_gain"] = item.difference
        return PanelSubset(group, self._panels[index], measured, net_benefit, benefits)

    @property
    def _clinical(self) -> float | None:
        return None if isinstance(self.target, QuantityTarget) else self.target.threshold

    def _asked(self, ranged: bool) -> tuple[float, ...]:
        """Return the thresholds at which the net benefit is wanted: of the whole range, or the clinical one alone."""
        return tuple(threshold for threshold in self.thresholds if ranged or threshold == self._clinical)

    def _moved_in(self, group: Subgroup | None) -> list[str]:
        """Name the metrics by which the model is compared with others on the same patients of a large cohort."""
        if group is None:
            names = {metric.name for name in self.predictions for metric in self._compared_by_influence(name)}
            return [metric.name for metric in self.metrics if metric.name in names]
        return [TASKS[self.task].compared[0]] if group.judged and TASKS[self.task].predicts_quantity else []

    def _compared_by_influence(self, name: str) -> list[Metric]:
        """Return the metrics, but for rankings and counts, by which the model is compared with another prediction."""
        if name == "selected":
            return []
        compared = [METRICS[metric] for metric in TASKS[self.task].compared]
        if name.startswith("scenario "):
            compared = [metric for metric in self.metrics if not metric.report_only]
        elsewhere = DECIDED if self.counted else ()
        return [item for item in compared if item.interval != "influence" and item.name not in elsewhere]

    def _results(
        self,
        at: Panel,
        name: str,
        replicates: dict[str, Floats],
        *,
        moved: Sequence[str] = (),
        decided: Decisions | None = None,
    ) -> Results:
        orders = [score.order for score in at.scores[name].scores]
        return results(
            at,
            name,
            replicates=replicates,
            metrics=self.metrics,
            ranked=at.ranked(self.predictions[name][:, at.rows], orders=orders),
            blocks=self._blocks,
            moved=moved,
            decided=decided,
            widening=self.widening,
        )

    def _alone(self, name: str, rows: NDArray[np.intp], *, moved: Sequence[str]) -> Results:
        """Measure a prediction in draws of cells of its own."""
        nobody_apart = np.zeros(self.patients, dtype=np.intp)
        selected = self.predictions[name][0]
        pool = pool_of_cells(self.target, selected, rows=np.sort(rows), atoms=nobody_apart, kinds=1)
        own = self._panel([name], np.sort(rows), pool)
        drawn = resample([own], [()], pool=pool, resamples=self._resamples, seed=self._seed)
        return self._results(own, name, drawn.panels[0][name], moved=moved)


def _task_of(target: Target) -> TaskName:
    """Return the task whose outcome this is."""
    if isinstance(target, BinaryTarget):
        return "binary"
    return "survival" if isinstance(target, SurvivalTarget) else "regression"
