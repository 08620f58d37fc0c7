"""Predicted effects of a treatment, as the assembler of evidence asks for them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from theragate.evidence.catalogue import Metric, metrics_of
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget, within_folds
from theragate.evidence.inputs.groups import Subgroup, coded, subgroups
from theragate.evidence.intervals.limits import between_groups, paired
from theragate.evidence.intervals.widening import paired_factor, widened, widened_difference
from theragate.evidence.measuring.assembler import TaskMeasurement
from theragate.evidence.measuring.curves import decision_curves
from theragate.evidence.measuring.effect_curves import (
    benefit_by_fifths,
    overlap_curves,
    targeting_curve,
    targeting_points,
)
from theragate.evidence.measuring.effect_samples import (
    Effects,
    PatientSet,
    estimates,
    gains,
    patient_sets,
    resampled,
    sampled,
    share,
    statistics,
    thresholds_of,
    widening,
)
from theragate.evidence.measuring.repeated import means
from theragate.evidence.measuring.results import Member
from theragate.evidence.metrics.effects import Ranking, ranked
from theragate.evidence.sampling.units import Units
from theragate.evidence.types import Comparison, Curve, Estimate, ThresholdEvidence
from theragate.study import TASKS

__all__ = ["EffectMeasurement"]

_TASK: Final = "treatment_effect"
_RANKING = "autoc"
_RANKINGS = ("autoc", "qini")  # whoever predicts one effect for everybody ranks nobody, which is worth 0
Statistics = dict[str, Floats]


@dataclass(frozen=True)
class EffectSubset:
    """All patients or a group of them: statistics of one prediction, as they are and in the resamples."""

    of: PatientSet
    target: EffectTarget
    point: Statistics
    drawn: Statistics
    estimates: dict[str, Estimate]
    net_benefit: tuple[ThresholdEvidence, ...] = ()
    range: tuple[Member, ...] = ()

    @property
    def group(self) -> Subgroup | None:
        """Which group; None for all patients."""
        return self.of.group

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """Patients with and without the event; None for a quantity."""
        if self.target.event is None:
            return None, None
        return int(self.target.with_event[self.of.rows].sum()), int(self.target.without_event[self.of.rows].sum())

    def column(self, metric: Metric) -> Floats:
        """Return how an estimate varies in the resamples."""
        if metric.name == "policy_gain" and self.target.threshold is not None:
            return gains(self.of, self.drawn, self.point, self.target.threshold).replicates
        return self.drawn[metric.name]

    def range_members(self, of: str) -> list[Member]:
        """Return what the family of the gain over the range of thresholds is made of."""
        return [Member(f"{member.name}{of}", member.estimate, member.column) for member in self.range]


class EffectMeasurement(TaskMeasurement[EffectSubset]):
    """Effects predicted for patients in canonical order.

    Nobody's own effect is ever seen. What stands for it is the patient's doubly robust score, from nuisances that never
    saw the patient, averaged over the repeats. Every statistic is a function of scores and predictions; it is computed
    for the predictions of each repeat and averaged, and all of them in the same resamples of patients.
    """

    def __init__(self, target: EffectTarget, held_out: EffectHeldOut, *, resamples: int, seed: int) -> None:
        given = held_out.predictions
        self.target, self.held_out, self._seed = target, held_out, seed
        self._by_repeat = held_out.scores(target)
        self._scores: Floats = self._by_repeat.mean(axis=0)
        self._effects = {
            name: [Effects(*own) for own in zip(values, within_folds(values, held_out.folds), strict=True)]
            for name, values in given.predictions.items()
            if name != "null"
        }
        self._thresholds = thresholds_of(target)
        self._crossed = given.cross_validated
        self._units = Units.of_rows(given)
        self._sets = patient_sets(target, subgroups(coded(given.groups), given.judged), self._units)
        self._draw(resamples)
        self.patients = len(target.treated)
        self.metrics = metrics_of(_TASK, target.extensions)
        self.families = [metric for metric in self.metrics if not metric.report_only]
        self.compared, self.stressed = TASKS[_TASK].compared, (_RANKING, "calibration_slope", "effect_error")
        self.scenarios = tuple(given.scenarios)
        self.champion = given.champion is not None
        events, free = int(target.with_event.sum()), int(target.without_event.sum())
        self.censored = self.patients - events - free if target.time is not None else None

    def average_effects(self) -> dict[str, tuple[Estimate, Floats]]:
        """Return, by group, the estimate of its average effect and how it varies, where its error is known."""
        return {
            subset.group.key: (subset.estimates["average_effect"], subset.drawn["average_effect"])
            for subset in self.subsets
            if subset.group and subset.estimates["average_effect"].se
        }

    def estimates_of(self, prediction: str) -> Mapping[str, Estimate]:
        """Return the estimates of another prediction in all patients."""
        return self._others[prediction].estimates

    def difference(self, metric: Metric, first: str, second: str) -> Estimate:
        """Return one prediction's metric minus another's, on all patients; who ranks nobody has a ranking of 0."""
        name, both = metric.name, (self._others[first], self._others[second])
        defined = [name in subset.point for subset in both]
        if not any(defined) and name in _RANKINGS:
            return Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="both rank nobody")
        if not all(defined) and name not in _RANKINGS:
            return Estimate.absent("one effect for everybody")
        (value, drawn), (other, other_drawn) = [
            (float(subset.point[name][0]), subset.drawn[name]) if name in subset.point else (0.0, np.zeros(1))
            for subset in both
        ]
        if not both[0].of.enough:
            return Estimate(value=value - other, method="none", why="too few patients, or clusters, for an interval")
        apart = np.asarray(drawn - other_drawn)
        same = bool(np.ptp(apart) == 0) and value == other
        estimate = paired(
            value - other,
            apart,
            method="paired bootstrap",
            influence=False,
            same=same,
            rests_on=both[0].of.fewest,
            clusters=both[0].of.clusters,
        )
        return widened_difference(estimate, paired_factor(_TASK)) if self._crossed and not same else estimate

    def against_reference(self, index: int) -> tuple[Comparison, Floats | None]:
        """Compare the ranking in a subset with the reference's, which is one effect for everybody and ranks nobody."""
        subset = self.subsets[index]
        model, column = subset.estimates[_RANKING], subset.drawn.get(_RANKING)
        nobody = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="one effect for all")
        difference = nobody if column is None else model
        return Comparison(metric=_RANKING, model=model, reference=nobody, difference=difference), column

    def contrast(
        self, metric: Metric, first: EffectSubset, second: EffectSubset
    ) -> tuple[Estimate, Floats | None] | None:
        """Return the difference of two groups and how it varies."""
        if metric.name not in first.estimates:
            return None
        estimate = between_groups(first.estimates[metric.name], second.estimates[metric.name])
        return estimate, first.column(metric) - second.column(metric) if estimate.se else None

    def by_repeat(self) -> Iterator[Mapping[str, float]]:
        """Yield each repeat's average effect and ranking."""
        everybody = np.ones((1, self.patients))
        for at, scores in enumerate(self._by_repeat):
            yield {
                "average_effect": float(scores.mean()),
                _RANKING: float(ranked(self._rankings[at], scores, everybody)[0][0]),
            }

    def curves(self) -> dict[str, Curve]:
        """Return the points of the figures."""
        curves = {"effects": benefit_by_fifths(self.held_out.predictions.selected, self._scores)}
        if not any(ranking.ranks_nobody for ranking in self._rankings):
            value = self._targeting(np.ones((1, self.patients)))[0]
            wider = widening(_RANKING, self._crossed)
            curves["toc"] = targeting_curve(value, self.targeting, widening=wider)
        over_range = self.whole.net_benefit
        return {
            **curves,
            **(decision_curves(over_range) if over_range else {}),
            **dict(overlap_curves(self.target, self.held_out)),
        }

    def _draw(self, resamples: int) -> None:
        """Compute every statistic of every prediction that is wanted, in the same resamples."""
        wanted = [(name, self._sets[0]) for name in self._effects]
        wanted += [("selected", of) for of in self._sets[1:]]
        blocks: list[list[Statistics]] = [[] for _ in wanted]
        targeting = []
        self._rankings = [Ranking.of(own.centred) for own in self._effects["selected"]]
        for draws in resampled(self._units, resamples=resamples, seed=self._seed):
            for own, (name, of) in zip(blocks, wanted, strict=True):
                own.append(self._statistics(name, of, draws[:, of.rows]))
            targeting.append(self._targeting(draws))
        self.targeting = np.concatenate(targeting)
        subsets = [self._subset(name, of, own) for (name, of), own in zip(wanted, blocks, strict=True)]
        self._others = {name: subset for (name, of), subset in zip(wanted, subsets, strict=True) if of.group is None}
        self.whole, self.subsets = self._others["selected"], subsets[len(self._effects) :]

    def _targeting(self, draws: Floats) -> Floats:
        """Return the mean targeting operator characteristic of the repeats, shape (b, shares)."""
        mean: Floats = np.mean([targeting_points(own, self._scores, draws) for own in self._rankings], axis=0)
        return mean

    def _statistics(self, name: str, of: PatientSet, draws: Floats) -> Statistics:
        # A resample without a patient of a small group has no mean; such a group has no interval.
        kept = np.where(draws.sum(axis=1, keepdims=True) > 0, draws, 1.0)
        each = [
            statistics(
                of,
                self._scores,
                effects,
                thresholds=self._thresholds,
                reference=reference.raw,
                draws=kept,
                extensions=self.target.extensions,
            )
            for effects, reference in zip(self._effects[name], self._effects["reference"], strict=True)
        ]
        if any(_RANKING in own for own in each):
            # In a repeat that predicts one effect for everybody nobody is ranked, which is worth 0.
            each = [dict.fromkeys(_RANKINGS, np.zeros(len(kept))) | own for own in each]
        return means(each)

    def _subset(self, name: str, of: PatientSet, blocks: Sequence[Statistics]) -> EffectSubset:
        drawn = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
        point = self._statistics(name, of, np.ones((1, len(of.rows))))
        measured = estimates(of, drawn, point, cross_validated=self._crossed, extensions=self.target.extensions)
        threshold = self.target.threshold
        if threshold is not None:
            gain = gains(of, drawn, point, threshold)
            named = {"": gain.over_both, "_over_none": gain.over_none, "_over_all": gain.over_all}
            measured |= {f"policy_gain{over}": self._wider(own, "policy_gain") for over, own in named.items()}
            measured["treated_share"] = share(self._treated(name, of, threshold), rows=of.rows, units=self._units)
            measured["policy_value"] = self._policy_value(of, name, drawn, threshold)
        ranged = name == "selected" and (of.group is None or of.group.judged)
        net_benefit, members = self._over_range(of, drawn, point) if ranged else ((), ())
        return EffectSubset(of, self.target, point, drawn, measured, net_benefit, members)

    def _policy_value(self, of: PatientSet, name: str, drawn: Statistics, threshold: float) -> Estimate:
        """Value the policy itself: its benefit to patients, from which nothing is taken off."""
        treated = self._treated(name, of, threshold)
        parts = self._scores[of.rows] * treated
        # Net of the threshold for each patient treated; the share treated is nearly fixed, and so is what is put back.
        replicates = drawn[f"none@{threshold!r}"] + threshold * treated.mean()
        return self._wider(sampled(float(parts.mean()), replicates, of=of), "policy_value")

    def _treated(self, name: str, of: PatientSet, threshold: float) -> Floats:
        """Return the share of the repeats whose prediction says to treat, for each patient."""
        chosen: Floats = np.mean([own.raw[of.rows] >= threshold for own in self._effects[name]], axis=0)
        return chosen

    def _over_range(
        self, of: PatientSet, drawn: Statistics, point: Statistics
    ) -> tuple[tuple[ThresholdEvidence, ...], tuple[Member, ...]]:
        rows, members = [], []
        for threshold in self._thresholds:
            over_none, _, over_both, replicates = gains(of, drawn, point, threshold)
            gain = self._wider(over_both, "policy_gain")
            rows.append(
                ThresholdEvidence(
                    threshold=threshold,
                    model=self._wider(over_none, "policy_gain"),
                    treat_all=float(point["average_effect"][0]) - threshold,
                    difference=gain,
                )
            )
            if gain.se:
                members.append(Member(f"policy_gain@{threshold:g}", gain, replicates))
        return tuple(rows), tuple(members)

    def _wider(self, estimate: Estimate, metric: str) -> Estimate:
        return widened(estimate, metric, widening(metric, self._crossed))
