"""Held-out predictions to evidence."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from threadpoolctl import threadpool_limits

from theragate.errors import EvidenceError
from theragate.evidence.benefits import range_members, threshold_evidence, threshold_range
from theragate.evidence.bootstrap import Replicates, resample
from theragate.evidence.catalogue import METRICS, Metric, Task, metrics_of
from theragate.evidence.curves import auc_over_time, calibration_curve, decision_curves, error_curve, roc_curve
from theragate.evidence.inputs import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target, check
from theragate.evidence.inputs import in_canonical_order as ordered
from theragate.evidence.panels import Panel, panel
from theragate.evidence.results import Member, Results, contrasted, difference, family, member, results
from theragate.evidence.subgroups import Subgroup, subgroups
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

_COMPARED: dict[Task, tuple[str, ...]] = {
    "binary": ("auroc", "brier"),
    "survival": ("concordance_index", "brier"),
    "regression": ("r2", "rmse"),
}
_CALIBRATION = ("calibration_slope", "calibration_intercept", "observed_expected", "ici", "mean_error")


@dataclass(frozen=True)
class Measured:
    """What was measured; the fields are those of `theragate.evidence.types.Evidence`."""

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


def measure(target: Target, held_out: HeldOut, *, resamples: int = RESAMPLES, seed: int) -> Measured:
    """Measure held-out predictions, overall and per group, with 95% limits.

    What is estimated is the performance of the mean prediction of the repeats, by sampling of patients. Every
    standard error and correlation comes from one joint bootstrap of patients, or from influence values (see
    ``intervals.py``). The order of the patients changes nothing; the same input and seed give the same numbers.

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
        If the input cannot be measured (see `theragate.evidence.inputs.check`), or there are too few resamples.
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
        return _Measurement(*ordered(target, held_out), resamples=resamples, seed=seed).measured()


class _Measurement:
    """The steps of one call of `measure`, on patients in canonical order."""

    def __init__(self, target: Target, held_out: HeldOut, *, resamples: int, seed: int) -> None:
        self._target, self._held_out, self._seed = target, held_out, seed
        self._task = _task(target)
        self._metrics = metrics_of(self._task)
        self._null = held_out.null.mean(axis=0)
        self._means = {name: values.mean(axis=0) for name, values in held_out.predictions.items() if name != "null"}
        self._patients = len(self._null)
        self._everybody = np.arange(self._patients)
        self._groups = subgroups(held_out.groups, held_out.judged)
        self._whole = panel(target, self._means, null=self._null, rows=self._everybody)
        selected = {"selected": self._means["selected"]}
        parts = [panel(target, selected, null=self._null, rows=group.rows) for group in self._groups]
        self._panels: list[Panel] = [self._whole, *parts]
        self._range = threshold_range(self._whole)
        self._replicates: Replicates = resample(
            self._panels, self._range, patients=self._patients, resamples=resamples, seed=seed
        )
        drawn = self._replicates.benefits
        self._net_benefit = threshold_evidence(self._whole, self._range, drawn) if self._range else ()
        self._overall = {name: self._results(0, name) for name in self._means}
        self._by_group = [self._results(index + 1, "selected") for index in range(len(parts))]

    def measured(self) -> Measured:
        events, free = self._whole.counts
        censored = self._patients - events - free if events is not None and free is not None else None
        contrasts, by_metric = self._contrasts()
        return Measured(
            overall=self._overall["selected"].estimates,
            comparisons=tuple(self._comparison(METRICS[name]) for name in _COMPARED[self._task]),
            groups=tuple(
                self._group(group, part, found)
                for group, part, found in zip(self._groups, self._panels[1:], self._by_group, strict=True)
            ),
            contrasts=contrasts,
            families=self._families(by_metric),
            net_benefit=self._net_benefit,
            scenarios=tuple(self._scenario(name) for name in self._held_out.scenarios),
            repeats=self._repeats(),
            curves=self._curves(),
            events=events,
            non_events=free,
            censored_before_horizon=censored if isinstance(self._target, SurvivalTarget) else None,
        )

    def _results(self, index: int, name: str) -> Results:
        replicates = self._replicates.panels[index][name]
        return results(self._panels[index], name, replicates=replicates, metrics=self._metrics, patients=self._patients)

    def _group(self, group: Subgroup, part: Panel, found: Results) -> GroupEvidence:
        events, free = part.counts
        return GroupEvidence(
            attribute=group.attribute,
            label=group.label,
            judged=group.judged,
            n=len(group.rows),
            share=len(group.rows) / self._patients,
            events=events,
            non_events=free,
            metrics=found.estimates,
        )

    def _comparison(self, metric: Metric) -> Comparison:
        model, reference = self._overall["selected"], self._overall["reference"]
        same = bool(np.array_equal(self._means["selected"], self._means["reference"]))
        return Comparison(
            metric=metric.name,
            model=model.estimates[metric.name],
            reference=reference.estimates[metric.name],
            difference=difference(metric, model, reference, same=same),
        )

    def _scenario(self, name: str) -> ScenarioEvidence:
        key = f"scenario {name}"
        clean, stressed = self._overall["selected"], self._overall[key]
        same = bool(np.array_equal(self._means["selected"], self._means[key]))
        judged = [metric for metric in self._metrics if not metric.report_only]
        return ScenarioEvidence(
            name=name,
            metrics={metric.name: stressed.estimates[metric.name] for metric in judged},
            differences={metric.name: difference(metric, stressed, clean, same=same) for metric in judged},
        )

    def _contrasts(self) -> tuple[tuple[Contrast, ...], dict[str, list[Member]]]:
        contrasts: list[Contrast] = []
        members: dict[str, list[Member]] = {}
        single = [pair for pair in zip(self._groups, self._by_group, strict=True) if " & " not in pair[0].attribute]
        for metric in (metric for metric in self._metrics if metric.contrasted):
            for (group, found), (other, compared) in combinations(single, 2):
                if group.attribute != other.attribute:
                    continue
                estimate, column = contrasted(metric, found, compared)
                contrast = Contrast(
                    metric=metric.name, attribute=group.attribute, group=group.label, other=other.label,
                    difference=estimate,
                )  # fmt: skip
                contrasts.append(contrast)
                if column is not None and estimate.se:
                    name = f"{metric.name}[{contrast.key}]"
                    members.setdefault(metric.name, []).append(Member(name, estimate, column))
        return tuple(contrasts), members

    def _families(self, contrasts: dict[str, list[Member]]) -> dict[str, Family]:
        overall = self._overall["selected"]
        families = {}
        for metric in self._metrics:
            members = member(metric.name, metric, overall)
            for group, found in zip(self._groups, self._by_group, strict=True):
                members += member(f"{metric.name}[{group.key}]", metric, found)
            families[metric.name] = family(members + contrasts.get(metric.name, []))
        known = [metric for metric in self._metrics if metric.name in _CALIBRATION]
        families["calibration"] = family([item for metric in known for item in member(metric.name, metric, overall)])
        families["net_benefit_range"] = family(range_members(self._net_benefit, self._replicates.benefits))
        return {name: found for name, found in families.items() if found.members}

    def _repeats(self) -> dict[str, tuple[float, ...]]:
        """Return each metric's value over all patients, repeat by repeat: how much the split itself matters."""
        found: dict[str, list[float]] = {}
        for selected, null in zip(self._held_out.selected, self._held_out.null, strict=True):
            one = panel(self._target, {"selected": selected}, null=null, rows=self._everybody)
            points = one.points("selected") | {name: item.value for name, item in one.ranked("selected").items()}
            for metric in self._metrics:
                if np.isfinite(points.get(metric.name, np.nan)):
                    found.setdefault(metric.name, []).append(points[metric.name])
        return {name: tuple(values) for name, values in found.items() if len(values) == len(self._held_out.selected)}

    def _curves(self) -> dict[str, Curve]:
        score = self._whole.scores["selected"]
        smoothed = score.calibration(self._whole.weights(np.ones((1, self._patients))))[0]
        curves = {"calibration": calibration_curve(score.smoother.points, smoothed, self._replicates.calibration)}
        selected = self._means["selected"]
        if isinstance(self._target, QuantityTarget):
            return {**curves, "errors": error_curve(selected, self._target.value)}
        if isinstance(self._target, BinaryTarget):
            curves["roc"] = roc_curve(selected, self._target.event, seed=self._seed)
        else:
            curves["auc_over_time"] = auc_over_time(self._target, selected)
        return {**curves, **(decision_curves(self._net_benefit) if self._net_benefit else {})}


def _task(target: Target) -> Task:
    if isinstance(target, BinaryTarget):
        return "binary"
    return "survival" if isinstance(target, SurvivalTarget) else "regression"
