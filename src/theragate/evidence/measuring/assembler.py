"""The one assembler of evidence: groups, comparisons, contrasts, families, stresses and repeats, whatever the task.

A task only says what it measured of whom, and how that varies in the draws; see `TaskMeasurement`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, Protocol, TypeVar

import numpy as np

from theragate.evidence.catalogue import METRICS, Metric
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.groups import Subgroup
from theragate.evidence.measuring.results import Member, family
from theragate.evidence.types import (
    ClusterEvidence,
    Comparison,
    Contrast,
    Curve,
    Estimate,
    Family,
    GroupEvidence,
    ScenarioEvidence,
    ThresholdEvidence,
)

__all__ = ["Measured", "Subset", "TaskMeasurement", "assemble"]

_CALIBRATION = (
    "calibration_slope",
    "calibration_intercept",
    "observed_expected",
    "ici",
    "mean_error",
    "effect_error",
)


@dataclass(frozen=True)
class Measured:
    """What was measured; the fields are those of `theragate.evidence.types.Evidence`.

    ``champion`` has the comparisons with the recipe of the model in use, which takes the reference's place;
    ``clusters`` is None where each patient stands alone.
    """

    overall: dict[str, Estimate]
    comparisons: tuple[Comparison, ...]
    groups: tuple[GroupEvidence, ...]
    contrasts: tuple[Contrast, ...]
    families: dict[str, Family]
    net_benefit: tuple[ThresholdEvidence, ...]
    scenarios: tuple[ScenarioEvidence, ...]
    repeats: dict[str, tuple[float, ...]]
    curves: dict[str, Curve]
    events: int | None
    non_events: int | None
    censored_before_horizon: int | None
    champion: tuple[Comparison, ...] = ()
    clusters: ClusterEvidence | None = None


class Subset(Protocol):
    """The whole cohort or a group of it, with what was measured of the model there."""

    @property
    def group(self) -> Subgroup | None:
        """Which group; None for the whole cohort."""

    @property
    def estimates(self) -> dict[str, Estimate]:
        """By metric."""

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """Patients with and without the event; None where there is none."""

    @property
    def net_benefit(self) -> tuple[ThresholdEvidence, ...]:
        """Over the declared range of thresholds, or at the clinical one alone."""

    def column(self, metric: Metric) -> Floats:
        """Return how an estimate varies on its scale: replicates (b,), or sums of influence values by block."""

    def range_members(self, of: str) -> list[Member]:
        """Return what the family of the net benefit over the range is made of; `of` is ``[sex=female]`` or empty."""


S = TypeVar("S", bound=Subset)


class TaskMeasurement(ABC, Generic[S]):
    """What a task has measured, and the answers that differ from task to task.

    Parameters
    ----------
    patients
        How many were held out.
    whole, subsets
        All patients, and each group of them.
    metrics
        What the task measures, in the order of the catalogue.
    families
        The metrics that have a family: their estimates may be read jointly.
    compared
        The metrics by which models are compared.
    stressed
        The metrics that are measured under each scenario.
    scenarios
        The names of the scenarios.
    champion
        Whether the recipe of the model in use was predicted with too.
    censored
        How many were censored before the horizon; None where nobody can be.
    """

    patients: int
    whole: S
    subsets: Sequence[S]
    metrics: Sequence[Metric]
    families: Sequence[Metric]
    compared: tuple[str, ...]
    stressed: tuple[str, ...]
    scenarios: Sequence[str]
    champion: bool
    censored: int | None

    @abstractmethod
    def estimates_of(self, prediction: str) -> Mapping[str, Estimate]:
        """Return the estimates of another prediction (``reference``, ``scenario NAME`` …) in all patients."""

    @abstractmethod
    def difference(self, metric: Metric, first: str, second: str) -> Estimate:
        """Return one prediction's metric minus another's, on all patients."""

    @abstractmethod
    def against_reference(self, index: int) -> tuple[Comparison, Floats | None]:
        """Compare the model with the reference in a judged subset; return also how the difference varies, if known."""

    @abstractmethod
    def contrast(self, metric: Metric, first: S, second: S) -> tuple[Estimate, Floats | None] | None:
        """Return the difference of two groups and how it varies; None where the metric is not measured."""

    @abstractmethod
    def by_repeat(self) -> Iterator[Mapping[str, float]]:
        """Yield each repeat's metrics of all patients: how much the split itself matters."""

    @abstractmethod
    def curves(self) -> dict[str, Curve]:
        """Return the points of the figures."""


def assemble(task: TaskMeasurement[S]) -> Measured:
    """Return what was measured in the form of evidence."""
    events, free = task.whole.counts
    references = [task.against_reference(at) if _judged(subset) else None for at, subset in enumerate(task.subsets)]
    contrasts, contrast_members = _contrasts(task)
    return Measured(
        overall=task.whole.estimates,
        comparisons=_compared_with(task, "reference"),
        champion=_compared_with(task, "champion") if task.champion else (),
        groups=tuple(_group(task, *one) for one in zip(task.subsets, references, strict=True)),
        contrasts=contrasts,
        families=_families(task, contrast_members, _reference_members(task.subsets, references)),
        net_benefit=task.whole.net_benefit,
        scenarios=tuple(_scenario(task, name) for name in task.scenarios),
        repeats=_repeats(task),
        curves=task.curves(),
        events=events,
        non_events=free,
        censored_before_horizon=task.censored,
    )


def _judged(subset: Subset) -> bool:
    return subset.group is not None and subset.group.judged


def _key(subset: Subset) -> str:
    return f"[{subset.group.key}]" if subset.group else ""


def _compared_with(task: TaskMeasurement[S], other: str) -> tuple[Comparison, ...]:
    """Compare the model with another one on all patients."""
    reference = task.estimates_of(other)
    return tuple(
        Comparison(
            metric=name,
            model=task.whole.estimates[name],
            reference=reference[name],
            difference=task.difference(METRICS[name], "selected", other),
        )
        for name in task.compared
    )


def _group(task: TaskMeasurement[S], subset: S, reference: tuple[Comparison, Floats | None] | None) -> GroupEvidence:
    group = subset.group
    if group is None:
        raise TypeError("the whole cohort is no group")
    events, free = subset.counts
    return GroupEvidence(
        attribute=group.attribute,
        label=group.label,
        judged=group.judged,
        n=len(group.rows),
        share=len(group.rows) / task.patients,
        events=events,
        non_events=free,
        metrics=subset.estimates,
        comparisons=(reference[0],) if reference else (),
        net_benefit=subset.net_benefit if group.judged else (),
    )


def _contrasts(task: TaskMeasurement[S]) -> tuple[tuple[Contrast, ...], dict[str, list[Member]]]:
    """Compare the groups of each attribute pair by pair, by the metrics that allow it."""
    contrasts: list[Contrast] = []
    members: dict[str, list[Member]] = {}
    single = [(subset, subset.group) for subset in task.subsets if subset.group and subset.group.single]
    for metric in (metric for metric in task.metrics if metric.contrasted):
        for (first, group), (second, other) in combinations(single, 2):
            contrasted = task.contrast(metric, first, second) if group.attribute == other.attribute else None
            if contrasted is None:
                continue
            estimate, column = contrasted
            contrast = Contrast(
                metric=metric.name,
                attribute=group.attribute,
                group=group.label,
                other=other.label,
                difference=estimate,
            )
            contrasts.append(contrast)
            if column is not None and estimate.se:
                name = f"{metric.name}[{contrast.key}]"
                members.setdefault(metric.name, []).append(Member(name, estimate, column))
    return tuple(contrasts), members


def _reference_members(
    subsets: Sequence[Subset], references: Sequence[tuple[Comparison, Floats | None] | None]
) -> list[Member]:
    """Return what varies together of the comparisons with the reference, group by group."""
    return [
        Member(f"{comparison.metric}[{subset.group.key} - reference]", comparison.difference, column)
        for subset, compared in zip(subsets, references, strict=True)
        for comparison, column in ([compared] if compared else [])
        if subset.group and comparison.difference.se and column is not None
    ]


def _families(
    task: TaskMeasurement[S], contrasts: Mapping[str, list[Member]], references: list[Member]
) -> dict[str, Family]:
    families = {
        metric.name: [
            *(item for subset in (task.whole, *task.subsets) for item in _members(metric, subset)),
            *contrasts.get(metric.name, ()),
        ]
        for metric in task.families
    }
    known = [metric for metric in task.metrics if metric.name in _CALIBRATION]
    families["calibration"] = [item for metric in known for item in _members(metric, task.whole)]
    for subset in (task.whole, *filter(_judged, task.subsets)):
        families[f"net_benefit_range{_key(subset)}"] = subset.range_members(_key(subset))
    families["against_reference"] = references
    return {name: family(members) for name, members in families.items() if members}


def _members(metric: Metric, subset: Subset) -> list[Member]:
    """Return the family member of an estimate: one, or none where its error is unknown."""
    estimate = subset.estimates.get(metric.name)
    if estimate is None or not estimate.se:
        return []
    return [Member(f"{metric.name}{_key(subset)}", estimate, subset.column(metric))]


def _scenario(task: TaskMeasurement[S], name: str) -> ScenarioEvidence:
    key = f"scenario {name}"
    estimates = task.estimates_of(key)
    return ScenarioEvidence(
        name=name,
        metrics={metric: estimates[metric] for metric in task.stressed},
        differences={metric: task.difference(METRICS[metric], key, "selected") for metric in task.stressed},
    )


def _repeats(task: TaskMeasurement[S]) -> dict[str, tuple[float, ...]]:
    """Return each metric's value repeat by repeat, where it is defined in all of them."""
    repeats = list(task.by_repeat())
    return {
        name: tuple(values[name] for values in repeats)
        for name in repeats[0]
        if all(np.isfinite(values.get(name, np.nan)) for values in repeats)
    }
