"""Predicted effects of a treatment to evidence: what `theragate.evidence.measure` is for risks and quantities."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from threadpoolctl import threadpool_limits

from theragate.evidence.catalogue import METRICS
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget, check_effects, in_order, within_folds
from theragate.evidence.inputs.groups import coded, subgroups
from theragate.evidence.intervals.limits import between_groups, paired
from theragate.evidence.intervals.widening import widened
from theragate.evidence.measure import RESAMPLES, Measured
from theragate.evidence.measuring.comparability import treatment_evidence
from theragate.evidence.measuring.effect_samples import (
    Effects,
    Place,
    estimates,
    gains,
    places,
    resampled,
    sampled,
    share,
    statistics,
    thresholds_of,
    widening,
)
from theragate.evidence.measuring.results import Member, family
from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.metrics.effects import Ranking, ranked, toc
from theragate.evidence.types import (
    Z95,
    Comparison,
    Contrast,
    Curve,
    Estimate,
    Family,
    GroupEvidence,
    ScenarioEvidence,
    ThresholdEvidence,
    TreatmentEvidence,
)

__all__ = ["measure_effects"]

_RANKING = "autoc"
_STRESSED = ("autoc", "calibration_slope", "effect_error")
_FIFTHS, _SMALLEST = 5, 11
_SHARES = tuple(number / 20 for number in range(1, 21))
Statistics = dict[str, Floats]


def measure_effects(
    target: EffectTarget, held_out: EffectHeldOut, *, resamples: int = RESAMPLES, seed: int
) -> tuple[Measured, TreatmentEvidence]:
    """Measure predicted effects of held-out patients, overall and per group, with 95% limits.

    Nobody's own effect is ever seen. What stands for it is the patient's doubly robust score, from nuisances that never
    saw the patient, averaged over the repeats; every statistic is a function of scores and predictions, and all of them
    are computed in the same resamples of patients. The order of the patients and the names of groups change nothing;
    the same input and seed give the same numbers.

    Parameters
    ----------
    target
        Outcomes, arms and the decision.
    held_out
        Predictions, nuisances, covariates and groups, in the outcomes' order.
    resamples, seed
        Of the bootstrap.

    Raises
    ------
    EvidenceError
        If the input cannot be measured (see `check_effects`), or Cox regression has no solution.
    """
    check_effects(target, held_out)
    with threadpool_limits(1, user_api="blas"):
        return _Effects(*in_order(target, held_out), resamples=resamples, seed=seed).all()


@dataclass(frozen=True)
class _Found:
    """Statistics of one prediction at one place: in the patients as they are, and in the resamples."""

    place: Place
    point: Statistics
    drawn: Statistics
    estimates: dict[str, Estimate]


class _Effects:
    def __init__(self, target: EffectTarget, held_out: EffectHeldOut, *, resamples: int, seed: int) -> None:
        self._target, self._held_out, self._seed = target, held_out, seed
        given = held_out.predictions
        self._by_repeat = held_out.scores(target)
        self._scores: Floats = self._by_repeat.mean(axis=0)
        self._effects = {
            name: Effects(values.mean(axis=0), within_folds(values, held_out.folds))
            for name, values in given.predictions.items()
            if name != "null"
        }
        labels = coded(given.groups)
        self._groups = subgroups(labels, given.judged)
        self._places = places(target, self._groups)
        self._thresholds = thresholds_of(target)
        self._size = len(target.treated) if given.cross_validated else None
        self._draw(resamples)

    def _draw(self, resamples: int) -> None:
        wanted = [(name, self._places[0]) for name in self._effects]
        wanted += [("selected", place) for place in self._places[1:]]
        blocks: list[list[Statistics]] = [[] for _ in wanted]
        curve = []
        n = len(self._scores)
        ranking = Ranking.of(self._effects["selected"].centred)
        for draws in resampled(n, resamples=resamples, seed=self._seed):
            for at, (name, place) in enumerate(wanted):
                blocks[at].append(self._statistics(name, place, draws[:, place.rows]))
            curve.append(self._toc(ranking, draws))
        self._curve = np.concatenate(curve)
        found = [self._found(name, place, own) for (name, place), own in zip(wanted, blocks, strict=True)]
        self._other = {name: item for (name, _), item in zip(wanted, found, strict=True) if item.place.group is None}
        self._whole, self._at = self._other["selected"], found[len(self._effects) :]

    def _statistics(self, name: str, place: Place, draws: Floats) -> Statistics:
        # A resample without a patient of a small group has no mean; such a group has no interval.
        kept = np.where(draws.sum(axis=1, keepdims=True) > 0, draws, 1.0)
        return statistics(
            place,
            self._scores,
            self._effects[name],
            thresholds=self._thresholds,
            reference=self._effects["reference"].raw,
            draws=kept,
        )

    def _found(self, name: str, place: Place, blocks: Sequence[Statistics]) -> _Found:
        drawn = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
        point = self._statistics(name, place, np.ones((1, len(place.rows))))
        found = estimates(place, drawn, point, patients=self._size)
        threshold = self._target.threshold
        if threshold is not None:
            gain = gains(place, drawn, point, threshold)
            named = {"": gain.over_both, "_over_none": gain.over_none, "_over_all": gain.over_all}
            found |= {f"policy_gain{name}": self._wider(own, "policy_gain") for name, own in named.items()}
            effects = self._effects[name].raw[place.rows]
            found["treated_share"] = share(effects >= threshold)
            found["policy_value"] = self._value(place, name, blocks, threshold)
        return _Found(place, point, drawn, found)

    def _value(self, place: Place, name: str, blocks: Sequence[Statistics], threshold: float) -> Estimate:
        """Value the policy itself: its benefit to patients, from which nothing is taken off."""
        treated = self._effects[name].raw[place.rows] >= threshold
        parts = self._scores[place.rows] * treated
        at = f"none@{threshold!r}"
        # Net of the threshold for each patient treated; the share treated is nearly fixed, and so is what is put back.
        drawn = np.concatenate([block[at] for block in blocks]) + threshold * treated.mean()
        return self._wider(sampled(float(parts.mean()), drawn, place=place), "policy_value")

    def _wider(self, estimate: Estimate, metric: str) -> Estimate:
        return widened(estimate, metric, widening(metric, self._size))

    def all(self) -> tuple[Measured, TreatmentEvidence]:
        """Return everything."""
        target = self._target
        net_benefit, own = self._over_range(self._whole)
        contrasts, by_metric = self._contrasts()
        ranges = {"net_benefit_range": own}
        groups = []
        for found in self._at:
            rows, members = self._over_range(found) if found.place.group and found.place.group.judged else ((), [])
            groups.append(self._group(found, rows))
            if members and found.place.group:
                ranges[f"net_benefit_range[{found.place.group.key}]"] = members
        families = self._families(by_metric) | {name: family(members) for name, members in ranges.items() if members}
        known = target.event is not None
        events, free = int(target.with_event.sum()), int(target.without_event.sum())
        measured = Measured(
            overall=self._whole.estimates,
            comparisons=(self._compared("reference"),),
            champion=(self._compared("champion"),) if "champion" in self._effects else (),
            groups=tuple(groups),
            contrasts=contrasts,
            families={name: item for name, item in families.items() if item.members},
            net_benefit=net_benefit,
            scenarios=tuple(self._scenario(name) for name in self._held_out.predictions.scenarios),
            repeats=self._repeats(),
            curves=self._curves(net_benefit),
            events=events if known else None,
            non_events=free if known else None,
            censored_before_horizon=len(target.treated) - events - free if target.time is not None else None,
        )
        drawn = {found.place.group.key: found for found in self._at if found.place.group}
        errors = {
            key: (found.estimates["average_effect"], found.drawn["average_effect"])
            for key, found in drawn.items()
            if found.estimates["average_effect"].se
        }
        return measured, treatment_evidence(target, self._held_out, errors)

    def _over_range(self, found: _Found) -> tuple[tuple[ThresholdEvidence, ...], list[Member]]:
        rows, members = [], []
        group = found.place.group
        of = f"[{group.key}]" if group else ""
        for threshold in self._thresholds:
            over_none, _, over_both, replicates = gains(found.place, found.drawn, found.point, threshold)
            gain = self._wider(over_both, "policy_gain")
            rows.append(
                ThresholdEvidence(
                    threshold=threshold,
                    model=self._wider(over_none, "policy_gain"),
                    treat_all=float(found.point["average_effect"][0]) - threshold,
                    difference=gain,
                )
            )
            if gain.se:
                members.append(Member(f"policy_gain@{threshold:g}{of}", gain, replicates))
        return tuple(rows), members

    def _group(self, found: _Found, rows: tuple[ThresholdEvidence, ...]) -> GroupEvidence:
        group, target = found.place.group, self._target
        if group is None:
            raise TypeError("the whole cohort is no group")
        known = target.event is not None
        model = found.estimates[_RANKING]
        same = METRICS[_RANKING].name not in found.point
        nobody = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="one effect for all")
        return GroupEvidence(
            attribute=group.attribute,
            label=group.label,
            judged=group.judged,
            n=len(group.rows),
            share=len(group.rows) / len(target.treated),
            events=int(target.with_event[group.rows].sum()) if known else None,
            non_events=int(target.without_event[group.rows].sum()) if known else None,
            metrics=found.estimates,
            comparisons=(
                Comparison(metric=_RANKING, model=model, reference=nobody, difference=nobody if same else model),
            )
            if group.judged
            else (),
            net_benefit=rows,
        )

    def _compared(self, name: str) -> Comparison:
        """Compare the ranking with another prediction's on the same patients."""
        other = self._other[name]
        return Comparison(
            metric=_RANKING,
            model=self._whole.estimates[_RANKING],
            reference=other.estimates[_RANKING],
            difference=self._difference(_RANKING, self._whole, other),
        )

    def _difference(self, metric: str, first: _Found, second: _Found) -> Estimate:
        """Return `first` minus `second` on the same patients; who ranks nobody has a ranking of 0."""
        if metric not in first.point and metric not in second.point:
            if metric in ("autoc", "qini"):
                return Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="both rank nobody")
            return Estimate.absent("one effect for everybody")
        parts = [
            (float(item.point[metric][0]), item.drawn[metric]) if metric in item.point else (0.0, np.zeros(1))
            for item in (first, second)
        ]
        if metric not in ("autoc", "qini") and not (metric in first.point and metric in second.point):
            return Estimate.absent("one effect for everybody")
        if not first.place.enough:
            return Estimate(value=parts[0][0] - parts[1][0], method="none", why="too few patients for an interval")
        apart = np.asarray(parts[0][1] - parts[1][1])
        same = bool(np.ptp(apart) == 0) and parts[0][0] == parts[1][0]
        found = paired(
            parts[0][0] - parts[1][0],
            apart,
            method="paired bootstrap",
            influence=False,
            same=same,
            rests_on=first.place.fewest,
        )
        return found if same else self._wider(found, metric)

    def _scenario(self, name: str) -> ScenarioEvidence:
        stressed = self._other[f"scenario {name}"]
        return ScenarioEvidence(
            name=name,
            metrics={metric: stressed.estimates[metric] for metric in _STRESSED},
            differences={metric: self._difference(metric, stressed, self._whole) for metric in _STRESSED},
        )

    def _contrasts(self) -> tuple[tuple[Contrast, ...], dict[str, list[Member]]]:
        contrasts, members = [], dict[str, list[Member]]()
        single = [found for found in self._at if found.place.group and found.place.group.single]
        for metric in [item.name for item in METRICS.values() if item.contrasted and "treatment_effect" in item.tasks]:
            for first, second in combinations(single, 2):
                group, other = first.place.group, second.place.group
                if group is None or other is None or group.attribute != other.attribute:
                    continue
                if metric not in first.estimates:
                    continue
                estimate = between_groups(first.estimates[metric], second.estimates[metric])
                contrast = Contrast(
                    metric=metric, attribute=group.attribute, group=group.label, other=other.label, difference=estimate
                )
                contrasts.append(contrast)
                if estimate.se:
                    apart = self._column(metric, first) - self._column(metric, second)
                    members.setdefault(metric, []).append(Member(f"{metric}[{contrast.key}]", estimate, apart))
        return tuple(contrasts), members

    def _column(self, metric: str, found: _Found) -> Floats:
        if metric == "policy_gain" and self._target.threshold is not None:
            return gains(found.place, found.drawn, found.point, self._target.threshold).replicates
        return found.drawn[metric]

    def _families(self, contrasts: dict[str, list[Member]]) -> dict[str, Family]:
        families = {}
        for metric in ("average_effect", "autoc", "calibration_slope", "effect_error", "policy_gain"):
            members = [
                Member(
                    f"{metric}[{found.place.group.key}]" if found.place.group else metric,
                    found.estimates[metric],
                    self._column(metric, found),
                )
                for found in (self._whole, *self._at)
                if metric in found.estimates and found.estimates[metric].se
            ]
            families[metric] = family(members + contrasts.get(metric, []))
        known = ("calibration_slope", "effect_error")
        families["calibration"] = family(
            [
                Member(metric, self._whole.estimates[metric], self._whole.drawn[metric])
                for metric in known
                if self._whole.estimates[metric].se
            ]
        )
        families["against_reference"] = family(
            [
                Member(
                    f"{_RANKING}[{found.place.group.key} - reference]", found.estimates[_RANKING], found.drawn[_RANKING]
                )
                for found in self._at
                if found.place.group and found.place.group.judged and found.estimates[_RANKING].se
            ]
        )
        return families

    def _repeats(self) -> dict[str, tuple[float, ...]]:
        found: dict[str, list[float]] = {"average_effect": [], _RANKING: []}
        everybody, selected = np.ones((1, len(self._scores))), self._held_out.predictions.selected
        for at, scores in enumerate(self._by_repeat):
            ranking = Ranking.of(within_folds(selected[at : at + 1], self._held_out.folds[at : at + 1]))
            found["average_effect"].append(float(scores.mean()))
            found[_RANKING].append(float(ranked(ranking, scores, everybody)[0][0]))
        return {name: tuple(values) for name, values in found.items()}

    def _toc(self, ranking: Ranking, draws: Floats) -> Floats:
        """Return the characteristic at a grid of shares, (b, shares)."""
        share_, curve = toc(ranking, self._scores, draws)
        places_ = np.stack(
            [np.clip((share_ < at - 1e-12).sum(axis=1), 0, curve.shape[1] - 1) for at in _SHARES], axis=1
        )
        return np.take_along_axis(curve, places_, axis=1)

    def _curves(self, net_benefit: tuple[ThresholdEvidence, ...]) -> dict[str, Curve]:
        curves = {"effects": self._by_fifths()}
        ranking = Ranking.of(self._effects["selected"].centred)
        if not ranking.ranks_nobody:
            value = self._toc(ranking, np.ones((1, len(self._scores))))[0]
            half = Z95 * widening(_RANKING, self._size) * self._curve.std(axis=0, ddof=1)
            curves["toc"] = Curve(
                x=_SHARES,
                y=tuple(map(float, value)),
                lower=tuple(map(float, value - half)),
                upper=tuple(map(float, value + half)),
            )
        if net_benefit:
            at = tuple(item.threshold for item in net_benefit)
            models = [item.model for item in net_benefit]
            limits = all(model.decidable for model in models)
            curves["decision"] = Curve(
                x=at,
                y=tuple(model.value or 0.0 for model in models),
                lower=tuple(model.lower or 0.0 for model in models) if limits else (),
                upper=tuple(model.upper or 0.0 for model in models) if limits else (),
            )
            curves["decision_treat_all"] = Curve(x=at, y=tuple(item.treat_all for item in net_benefit))
        chances = self._held_out.propensity.mean(axis=0)
        if self._target.propensity is None:
            edges = np.linspace(0, 1, 21)
            for name, arm in (("overlap_treated", self._target.treated), ("overlap_control", ~self._target.treated)):
                counts = np.histogram(chances[arm], edges)[0] / arm.sum()
                curves[name] = Curve(x=tuple(map(float, edges[:-1] + 0.025)), y=tuple(map(float, counts)))
        return curves

    def _by_fifths(self) -> Curve:
        """Return the mean score of fifths of the patients against their mean prediction, from low to high."""
        raw, scores = self._effects["selected"].raw, self._scores
        count = max(1, min(_FIFTHS, len(raw) // _SMALLEST))
        count = 1 if Ranking.of(raw).ranks_nobody else count
        parts = np.array_split(np.argsort(raw, kind="stable"), count)
        means = [float(scores[rows].mean()) for rows in parts]
        halves = [Z95 * float(scores[rows].std(ddof=1)) / len(rows) ** 0.5 for rows in parts]
        return Curve(
            x=tuple(float(raw[rows].mean()) for rows in parts),
            y=tuple(means),
            lower=tuple(mean - half for mean, half in zip(means, halves, strict=True)),
            upper=tuple(mean + half for mean, half in zip(means, halves, strict=True)),
        )
