"""Whether the predictions of a recipe tell who was learned from: a membership-inference audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from theragate.evidence.checks import refused
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.refits.refitted import REFIT_AGAIN, check_values, patients_of
from theragate.evidence.sampling.crossed import crossed
from theragate.evidence.types import Z95, AttackEvidence, Curve, Estimate, MembershipEvidence, to_scale

__all__ = ["Audit", "Halves", "measure_membership"]

_FALSE_POSITIVES = 0.001
_FEWEST_DIVISIONS, _FEWEST_PATIENTS = 5, 20
_CERTAIN = 1e-6  # no risk is taken for more certain
_FLAT = 1e-12
_ROUNDING = 1e-9
_TAIL = 0.025
_SUBJECT, _METHOD = "halves", "crossed variance of patients and divisions"
_COUNTED = "exact binomial limits of the effective number of members"
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

    Of each attack, ``auc`` is how often a member has the higher score of the two, in the mean over the models; its
    limits allow for the sampling of patients, each of whom counts once with all of his scores, and of divisions (see
    `crossed`). ``rate_at_one_in_1000`` is the share of members who are recognised where one of 1,000 non-members is
    taken for one: a mean hides a few patients who are remembered word for word, and at so few false accusations nobody
    else is recognised. The threshold is one for the scores of all models, since those of one have too few strangers.
    Its limits are about these very patients, whose privacy is at stake, over other divisions; see `_rate`.

    Raises
    ------
    EvidenceError
        If shapes differ, there are under 5 divisions or 20 patients, a division is not one into two parts of nearly
        one size, a prediction is not finite or is no risk.
    """
    _check(target, halves)
    learned = halves.learned
    attacks, curves = dict[str, AttackEvidence](), dict[str, Curve]()
    for name, (scores, known) in _scores(target, halves).items():
        members = learned[:, known]
        attacks[name] = AttackEvidence(auc=_auc(scores, members), rate_at_one_in_1000=_rate(scores, members))
        curves[f"membership_{name}"] = Curve(
            x=tuple(map(float, _GRID)), y=tuple(map(float, _mean_roc(scores, members, _GRID)))
        )
    return Audit(MembershipEvidence(models=len(learned), patients=learned.shape[1], attacks=attacks), curves)


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
    # A risk of exactly 0 or 1, as it is read off a stored outcome, is nearer than any that was fitted.
    log_right = np.where(event, np.log(np.maximum(predicted, _CERTAIN)), np.log1p(-np.minimum(predicted, 1 - _CERTAIN)))
    return {"likelihood_ratio": (_likelihood_ratio(odds, halves), everybody), "loss": (log_right[:, known], known)}


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


def _auc(scores: Floats, learned: Bools) -> Estimate:
    """Estimate the mean area over the models, two of each division."""
    area = np.stack([_area(score, inside) for score, inside in zip(scores, learned, strict=True)])
    return _possible(crossed(_by_division(area)).estimate(scale="identity", method=f"{_METHOD}, t"))


def _rate(scores: Floats, learned: Bools) -> Estimate:
    """Estimate the share of members above the score that one of 1,000 strangers exceeds, of all models together.

    Exact binomial limits (Clopper, Pearson, Biometrika 1934;26:404) of as many members as would give the error that
    there is: that of the count, larger where the divisions scatter by more than counts do, and that of the threshold,
    which rests on a handful of strangers, as far as the rate moves with it.
    """
    members, strangers = int(learned.sum()), np.sort(scores[~learned])[::-1]
    accused = int(_FALSE_POSITIVES * len(strangers) + _ROUNDING)
    recognised = (scores > strangers[accused]) & learned
    hits = int(recognised.sum())
    size, effective = float(members), 0.0
    if hits:
        further = strangers[min(2 * accused + 1, len(strangers) - 1)]  # twice as many are accused
        moved = min(1.0, float(((scores > further) & learned).sum() - hits) / hits)
        by_division = recognised.reshape(len(scores) // 2, -1).sum(axis=1)
        scatter = max(1.0, float(by_division.var(ddof=1)) / (hits / len(by_division)))
        effective = 1 / (scatter / hits + moved**2 / (accused + 1))
        size = members * effective / hits
    share = hits / members
    lower = float(beta.ppf(_TAIL, effective, size - effective + 1)) if hits else 0.0
    upper = float(beta.ppf(1 - _TAIL, effective + 1, size - effective)) if hits < members else 1.0
    lower, upper = min(lower, share), max(upper, share)
    if 0 < hits < members:
        centre = to_scale(share, "logit")
        wider = max(centre - to_scale(lower, "logit"), to_scale(upper, "logit") - centre)
        return Estimate(value=share, lower=lower, upper=upper, se=wider / Z95, scale="logit", method=_COUNTED)
    return Estimate(value=share, lower=lower, upper=upper, se=(upper - lower) / Z95, method=_COUNTED)


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
