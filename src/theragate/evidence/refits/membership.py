"""Whether the predictions of a recipe tell who was learned from: a membership-inference audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from theragate.evidence.checks import refused
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.refits.refitted import REFIT_AGAIN, check_values, patients_of
from theragate.evidence.sampling.crossed import crossed
from theragate.evidence.types import FEWEST_NON_MEMBERS, AttackEvidence, Curve, Estimate, MembershipEvidence

__all__ = ["Audit", "Halves", "measure_membership"]

_FALSE_POSITIVES = 0.05
_FEWEST_DIVISIONS, _FEWEST_PATIENTS = 5, 20
_CERTAIN = 1e-6  # no risk is taken for more certain
_FLAT = 1e-12
_SUBJECT, _METHOD = "halves", "crossed variance of patients and divisions"
_GRID = np.linspace(0, 1, 21)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Halves:
    """Models of one recipe, two for each random division of the patients: one fitted to each half.

    Parameters
    ----------
    member
        Shape (divisions, n): whether the first model of a division learned from the patient; the second one learned
        from all others.
    predictions
        Shape (divisions, 2, n): by both models for all patients, in probability or in the outcome's unit.
    """

    member: Bools
    predictions: Floats

    @property
    def learned(self) -> Bools:
        """Shape (2 * divisions, n): from whom each model learned."""
        return np.stack([self.member, ~self.member], axis=1).reshape(-1, self.member.shape[1])


class Audit(NamedTuple):
    """What an audit finds, and each attack's ROC curve: the mean over the models; no point is a patient's."""

    evidence: MembershipEvidence
    curves: dict[str, Curve]


def measure_membership(target: Target | EffectTarget, halves: Halves) -> Audit:
    """Attack every model by those of the other divisions, and measure how often the attacker is right.

    The attacker knows the recipe, every patient's features and outcome, and models of the same recipe: more than
    anybody is likely to know, so that what fails here bounds what others can do. He gives each patient a score, high
    where he believes that the model learned from him.

    ``likelihood_ratio`` (Carlini et al., IEEE Symposium on Security and Privacy 2022, 1897): how much likelier the
    prediction is from models that learned from the patient than from those that did not; normal around the means of
    both (on the logit scale for a risk), with one variance for all, as their paper advises for few models.
    ``loss`` (Yeom et al., IEEE Computer Security Foundations Symposium 2018, 268): how small the error of the
    prediction is; for survival among those of whom the event by the horizon is known, and not for a treatment's
    effect, of which nobody's own is ever seen.

    Of each attack, ``auc`` is how often a member has the higher score of the two, in the mean over the models, and
    ``true_positive_rate`` the share of members who are recognised where 5% of non-members are taken for members; it is
    measured only where every model has at least 400 non-members. Limits allow for the sampling of patients, each of
    whom counts once with all of his scores, and of divisions; see `crossed`.

    Raises
    ------
    EvidenceError
        If shapes differ, there are under 5 divisions or 20 patients, a division is not one into two parts of nearly
        one size, a prediction is not finite or is no risk.
    """
    _check(target, halves)
    learned = halves.learned
    fewest = int((~learned).sum(axis=1).min())
    attacks, curves = dict[str, AttackEvidence](), dict[str, Curve]()
    for name, (scores, known) in _scores(target, halves).items():
        members = learned[:, known]
        attacks[name] = _attack(scores, members, enough=fewest >= FEWEST_NON_MEMBERS)
        curves[f"membership_{name}"] = Curve(
            x=tuple(map(float, _GRID)), y=tuple(map(float, _mean_roc(scores, members, _GRID)))
        )
    evidence = MembershipEvidence(models=len(learned), patients=learned.shape[1], non_members=fewest, attacks=attacks)
    return Audit(evidence, curves)


def _scores(target: Target | EffectTarget, halves: Halves) -> Mapping[str, tuple[Floats, Bools]]:
    """Return, per attack, scores of shape (models, known patients), and who is known, shape (n,)."""
    predicted = halves.predictions.reshape(-1, halves.predictions.shape[2])
    everybody = np.ones(predicted.shape[1], dtype=bool)
    if isinstance(target, EffectTarget):
        return {"likelihood_ratio": (_likelihood_ratio(predicted, halves), everybody)}
    if isinstance(target, QuantityTarget):
        ratio = _likelihood_ratio(predicted, halves)
        return {"likelihood_ratio": (ratio, everybody), "loss": (-np.abs(predicted - target.value), everybody)}
    risk = np.clip(predicted, _CERTAIN, 1 - _CERTAIN)
    odds = np.log(risk) - np.log1p(-risk)
    event, known = _outcome_by_horizon(target)
    right = np.where(event, risk, 1 - risk)[:, known]
    return {"likelihood_ratio": (_likelihood_ratio(odds, halves), everybody), "loss": (np.log(right), known)}


def _outcome_by_horizon(target: BinaryTarget | SurvivalTarget) -> tuple[Bools, Bools]:
    """Return who had the event (by the horizon), and of whom that is known."""
    if isinstance(target, BinaryTarget):
        return target.event, np.ones(len(target.event), dtype=bool)
    event = target.event & (target.time <= target.horizon)
    return event, event | (target.time > target.horizon)


def _likelihood_ratio(outputs: Floats, halves: Halves) -> Floats:
    """Return log likelihood ratios, shape (models, n); what a model is judged by leaves out its own division."""
    learned = halves.learned
    divisions = len(halves.member)
    # Each patient is a member of one model of every division and no member of the other.
    inside = np.where(learned, outputs, 0.0).reshape(divisions, 2, -1).sum(axis=1)
    outside = np.where(learned, 0.0, outputs).reshape(divisions, 2, -1).sum(axis=1)
    others = divisions - 1
    scores = np.empty_like(outputs)
    for division in range(divisions):
        rest = np.arange(divisions) != division
        member, stranger = inside[rest].mean(axis=0), outside[rest].mean(axis=0)
        variance = ((inside[rest] - member) ** 2 + (outside[rest] - stranger) ** 2).sum() / (
            2 * (others - 1) * outputs.shape[1]
        )
        own = slice(2 * division, 2 * division + 2)
        scores[own] = (member - stranger) * (outputs[own] - (member + stranger) / 2) / max(variance, _FLAT)
    return scores


def _attack(scores: Floats, learned: Bools, *, enough: bool) -> AttackEvidence:
    """Measure scores of shape (models, n), two models per division."""
    area = np.stack([_area(score, inside) for score, inside in zip(scores, learned, strict=True)])
    auc = _possible(crossed(_by_division(area)).estimate(scale="identity", method=f"{_METHOD}, t"))
    if not enough:
        why = f"too few patients: below {FEWEST_NON_MEMBERS} whom a model did not learn from"
        return AttackEvidence(auc=auc, true_positive_rate=Estimate.absent(why))
    ends = _mean_roc(scores, learned, np.array([0.5, 1.5]) * _FALSE_POSITIVES)
    slope = float(ends[1] - ends[0]) / _FALSE_POSITIVES
    hit = np.stack([_hits(score, inside, slope=slope) for score, inside in zip(scores, learned, strict=True)])
    rate = crossed(_by_division(hit)).estimate(scale="logit", method=f"{_METHOD}, t on the logit scale")
    return AttackEvidence(auc=auc, true_positive_rate=rate)


def _by_division(values: Floats) -> Floats:
    halves: Floats = values.reshape(-1, 2, values.shape[1]).mean(axis=1)
    return halves


def _area(score: Floats, member: Bools) -> Floats:
    """Return the area under the ROC curve, plus how far each patient moves it, shape (n,); their mean is the area."""
    members, strangers = int(member.sum()), int((~member).sum())
    ranks, above = rankdata(score), np.empty(len(score))
    above[member] = (ranks[member] - rankdata(score[member])) / strangers
    above[~member] = 1 - (ranks[~member] - rankdata(score[~member])) / members
    area = above[member].mean()
    weight = np.where(member, len(score) / members, len(score) / strangers)
    return np.asarray(area + weight * (above - area))


def _hits(score: Floats, member: Bools, *, slope: float) -> Floats:
    """Return the true positive rate plus how far each patient moves it, non-members by way of the threshold."""
    accused = score > _threshold(score[~member], _FALSE_POSITIVES)
    rate, false = accused[member].mean(), accused[~member].mean()
    moved = np.where(
        member,
        (accused - rate) * len(score) / member.sum(),
        -slope * (accused - false) * len(score) / (~member).sum(),
    )
    return np.asarray(rate + moved)


def _threshold(strangers: Floats, share: float) -> float:
    """Return the score that at most `share` of the non-members exceed."""
    return float(np.sort(strangers)[int(np.ceil((1 - share) * len(strangers) - 1e-9)) - 1])


def _mean_roc(scores: Floats, learned: Bools, grid: Floats) -> Floats:
    curves = [_roc(score, member, grid) for score, member in zip(scores, learned, strict=True)]
    return np.asarray(np.mean(curves, axis=0))


def _roc(score: Floats, member: Bools, grid: Floats) -> Floats:
    """Return the share of members above the score that a share of non-members exceeds, for each of `grid`."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # of each run of equal scores
    true, false = np.cumsum(member[order])[last], np.cumsum(~member[order])[last]
    curve: Floats = np.interp(grid, np.append(0, false / false[-1]), np.append(0, true / true[-1]))
    return curve


def _possible(area: Estimate) -> Estimate:
    """Cut the limits of an area off at 0 and 1."""
    if area.lower is None or area.upper is None:
        return area
    return area.model_copy(update={"lower": max(area.lower, 0.0), "upper": min(area.upper, 1.0)})


def _check(target: Target | EffectTarget, halves: Halves) -> None:
    member, predictions = halves.member, halves.predictions
    divisions, n = member.shape if member.ndim == 2 else (0, 0)
    if divisions < _FEWEST_DIVISIONS or n < _FEWEST_PATIENTS:
        rule = f"there are at least {_FEWEST_DIVISIONS} divisions of at least {_FEWEST_PATIENTS} patients"
        raise refused(_SUBJECT, rule=rule, received=f"{divisions} divisions of {n}", remedy=REFIT_AGAIN)
    known = patients_of(target, predicted=n)
    if predictions.shape != (divisions, 2, n) or known != n:
        received = f"shapes {member.shape} and {predictions.shape}, and {known} outcomes"
        raise refused(
            _SUBJECT,
            rule="both models of a division predict every patient, whose outcome is known",
            received=received,
            remedy=REFIT_AGAIN,
        )
    uneven = int((np.abs(2 * member.sum(axis=1) - n) > n / 10).sum())
    if uneven:
        raise refused(
            _SUBJECT,
            rule="the two parts of a division differ by at most a tenth of the patients",
            received=f"{uneven} divisions that do not",
            remedy=REFIT_AGAIN,
        )
    check_values(_SUBJECT, predictions, target)
