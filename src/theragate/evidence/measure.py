"""Held-out predictions to evidence."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from theragate.errors import EvidenceError
from theragate.evidence.catalogue import METRICS
from theragate.evidence.inputs.order import in_canonical_order
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target, check
from theragate.evidence.intervals.limits import paired, sampled
from theragate.evidence.intervals.widening import widened
from theragate.evidence.measuring.curves import (
    auc_over_time,
    calibration_curve,
    decision_curves,
    error_curve,
    roc_curve,
)
from theragate.evidence.measuring.decisions import paired_decisions
from theragate.evidence.measuring.net_benefit import range_members
from theragate.evidence.measuring.predictions import COMPARED, GroupPlace, Measurement
from theragate.evidence.measuring.results import Member, compared, contrasted, difference, family, member
from theragate.evidence.types import (
    Comparison,
    Contrast,
    Curve,
    Estimate,
    Family,
    GroupEvidence,
    ScenarioEvidence,
    ThresholdEvidence,
)

__all__ = ["RESAMPLES", "Measured", "measure"]

RESAMPLES = 2000
_FEWEST_RESAMPLES = 200
_CALIBRATION = ("calibration_slope", "calibration_intercept", "observed_expected", "ici", "mean_error")


@dataclass(frozen=True)
class Measured:
    """What was measured; the fields are those of `theragate.evidence.types.Evidence`.

    ``champion`` has the comparisons with the recipe of the model in use, which stands in the reference's place.
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


def measure(target: Target, held_out: HeldOut, *, resamples: int = RESAMPLES, seed: int) -> Measured:
    """Measure held-out predictions, overall and per group, with 95% limits.

    What is estimated is the performance of the mean prediction of the repeats, by sampling of patients. Standard
    errors and correlations come from a joint bootstrap (of patients, of cells of patients alike in a large cohort, or
    of counts), or from influence values (see ``intervals/limits.py``). The order of the patients and the names of
    groups and patients change nothing; the same input and seed give the same numbers.

    Parameters
    ----------
    target
        The outcomes.
    held_out
        The predictions and the groups, in the outcomes' order.
    resamples
        Of the bootstrap, at least 200; 2000 know a standard error to 1.6%.
    seed
        Of the bootstrap.

    Raises
    ------
    EvidenceError
        If the input cannot be measured (see `inputs.predictions.check`), or there are too few resamples.
    """
    if resamples < _FEWEST_RESAMPLES:
        raise EvidenceError(
            "resamples",
            rule=f"the bootstrap has at least {_FEWEST_RESAMPLES} resamples",
            received=str(resamples),
            remedy=f"Use {RESAMPLES}.",
        )
    check(target, held_out)
    # With more threads the last digits of matrix products depend on their number, and so on the machine.
    with threadpool_limits(1, user_api="blas"):
        ordered = in_canonical_order(target, held_out)
        return _Evidence(Measurement(*ordered, resamples=resamples, seed=seed), resamples=resamples, seed=seed).all()


class _Evidence:
    """What a measurement says, in the form of evidence."""

    def __init__(self, found: Measurement, *, resamples: int, seed: int) -> None:
        self._found, self._resamples, self._seed = found, resamples, seed
        self._whole, self._groups = found.whole, found.places
        self._against_reference = self._in_groups()

    def all(self) -> Measured:
        """Return everything."""
        events, free = self._whole.panel.counts
        survival = isinstance(self._found.target, SurvivalTarget) and events is not None and free is not None
        contrasts, by_metric = self._contrasts()
        return Measured(
            overall=self._whole.found.estimates,
            comparisons=self._compared_with("reference"),
            champion=self._compared_with("champion") if "champion" in self._found.means else (),
            groups=tuple(self._group(place) for place in self._groups),
            contrasts=contrasts,
            families=self._families(by_metric),
            net_benefit=self._whole.net_benefit,
            scenarios=tuple(self._scenario(name) for name in self._found.held_out.scenarios),
            repeats=self._repeats(),
            curves=self._curves(),
            events=events,
            non_events=free,
            censored_before_horizon=self._found.patients - (events or 0) - (free or 0) if survival else None,
        )

    def _group(self, place: GroupPlace) -> GroupEvidence:
        group = place.group
        events, free = place.panel.counts
        against = self._against_reference.get(group.key)
        return GroupEvidence(
            attribute=group.attribute,
            label=group.label,
            judged=group.judged,
            n=len(group.rows),
            share=len(group.rows) / self._found.patients,
            events=events,
            non_events=free,
            metrics=place.found.estimates,
            comparisons=(against[0],) if against else (),
            net_benefit=place.net_benefit if group.judged else (),
        )

    def _same(self, name: str, rows: slice | NDArray[np.intp] = slice(None)) -> bool:
        """Whether another prediction is that of the model, for all patients at `rows`."""
        return bool(np.array_equal(self._found.means["selected"][rows], self._found.means[name][rows]))

    def _compared_with(self, name: str) -> tuple[Comparison, ...]:
        """Compare the model with another one on all patients."""
        other = self._found.other(name)
        return tuple(
            compared(METRICS[metric], self._whole.found, other, same=self._same(name))
            for metric in COMPARED[self._found.task]
        )

    def _in_groups(self) -> dict[str, tuple[Comparison, Member | None]]:
        """Compare the model with the reference model in each judged group, by the first of the measures."""
        metric = METRICS[COMPARED[self._found.task][0]]
        found: dict[str, tuple[Comparison, Member | None]] = {}
        for index, place in enumerate(self._groups):
            if not place.group.judged:
                continue
            reference = self._found.reference_in(index)
            same = self._same("reference", place.group.rows)
            comparison = compared(metric, place.found, reference, same=same)
            name = f"{metric.name}[{place.group.key} - reference]"
            found[place.group.key] = comparison, None
            if comparison.difference.se:
                column = place.found.columns[metric.name] - reference.columns[metric.name]
                found[place.group.key] = comparison, Member(name, comparison.difference, column)
        return found

    def _scenario(self, name: str) -> ScenarioEvidence:
        key = f"scenario {name}"
        clean, stressed = self._whole.found, self._found.other(key)
        judged = [metric for metric in self._found.metrics if not metric.report_only]
        differences = {}
        metrics = dict(stressed.estimates)
        counts = self._counted_scenario(key)
        for metric in judged:
            if metric.name in counts:
                metrics[metric.name], differences[metric.name] = counts[metric.name]
            else:
                differences[metric.name] = difference(metric, stressed, clean, same=self._same(key))
        return ScenarioEvidence(
            name=name, metrics={metric.name: metrics[metric.name] for metric in judged}, differences=differences
        )

    def _counted_scenario(self, key: str) -> dict[str, tuple[Estimate, Estimate]]:
        """Return, for what thresholds decide, the estimate under a stress and its difference from the clean one."""
        target, means = self._found.target, self._found.means
        if not self._found.counted or not isinstance(target, BinaryTarget):
            return {}
        stressed, clean = paired_decisions(
            target, means[key], means["selected"], resamples=self._resamples, seed=self._seed
        )
        place, found = self._whole.panel, {}
        for name, value in stressed.points.items():
            if not (np.isfinite(value) and np.isfinite(clean.points[name])):
                continue
            drawn = stressed.replicates[name]
            estimate = sampled(
                METRICS[name],
                value,
                drawn,
                enough=place.enough,
                denominator=stressed.denominators.get(name),
                counted=True,
                rests_on=place.fewer,
            )
            apart = paired(
                value - clean.points[name],
                drawn - clean.replicates[name],
                method="paired bootstrap of counts",
                influence=False,
                same=self._same(key),
                rests_on=place.fewer,
            )
            found[name] = widened(estimate, name, self._found.widening[name]), apart
        return found

    def _contrasts(self) -> tuple[tuple[Contrast, ...], dict[str, list[Member]]]:
        contrasts: list[Contrast] = []
        members: dict[str, list[Member]] = {}
        single = [place for place in self._groups if place.group.single]
        for metric in (metric for metric in self._found.metrics if metric.contrasted):
            for first, second in combinations(single, 2):
                group, other = first.group, second.group
                if group.attribute != other.attribute:
                    continue
                estimate, column = contrasted(metric, first.found, second.found)
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

    def _families(self, contrasts: dict[str, list[Member]]) -> dict[str, Family]:
        overall = self._whole.found
        families = {}
        for metric in self._found.metrics:
            members = member(metric.name, metric, overall)
            for item in self._groups:
                members += member(f"{metric.name}[{item.group.key}]", metric, item.found)
            families[metric.name] = family(members + contrasts.get(metric.name, []))
        known = [metric for metric in self._found.metrics if metric.name in _CALIBRATION]
        families["calibration"] = family([item for metric in known for item in member(metric.name, metric, overall)])
        judged = [place for place in self._groups if place.group.judged]
        for of, place in [("", self._whole), *((f"[{place.group.key}]", place) for place in judged)]:
            if place.benefits:
                families[f"net_benefit_range{of}"] = family(range_members(place.net_benefit, place.benefits, of=of))
        families["against_reference"] = family([item for _, item in self._against_reference.values() if item])
        return {name: found for name, found in families.items() if found.members}

    def _repeats(self) -> dict[str, tuple[float, ...]]:
        """Return each metric's value over all patients, repeat by repeat: how much the split itself matters."""
        overall = self._whole.found.estimates
        if len(self._found.held_out.selected) == 1:
            return {name: (item.value,) for name, item in overall.items() if item.value is not None}
        found: dict[str, list[float]] = {}
        for points in self._found.by_repeat():
            for metric in self._found.metrics:
                if np.isfinite(points.get(metric.name, np.nan)):
                    found.setdefault(metric.name, []).append(points[metric.name])
        repeats = len(self._found.held_out.selected)
        return {name: tuple(values) for name, values in found.items() if len(values) == repeats}

    def _curves(self) -> dict[str, Curve]:
        target, selected = self._found.target, self._found.means["selected"]
        score = self._whole.panel.scores["selected"]
        smoothed = score.calibration(score.sums(*self._whole.panel.as_they_are))[0]
        curves = {"calibration": calibration_curve(score.smoother.points, smoothed, self._found.replicates.calibration)}
        if isinstance(target, QuantityTarget):
            return {**curves, "errors": error_curve(selected, target.value)}
        if isinstance(target, BinaryTarget):
            curves["roc"] = roc_curve(selected, target.event, drawn=self._found.replicates.sensitivities)
        else:
            curves["auc_over_time"] = auc_over_time(target, selected)
        found = self._whole.net_benefit
        return {**curves, **(decision_curves(found) if found else {})}
