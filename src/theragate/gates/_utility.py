"""TG005: patients gain, compared with treating all of them or none, and no group loses."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from theragate.evidence.types import Estimate, Evidence, GroupEvidence, ThresholdEvidence
from theragate.gates._base import Gate, amount_of
from theragate.gates._groups import MISSING, lacking_groups, withheld_groups
from theragate.gates._judging import NOT_MEASURED, Limit, Question, Weight, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import group_words
from theragate.numbers import percent, significant
from theragate.study import TASKS, Decision, NoDecision, TreatmentDecision

__all__ = ["Utility"]

FAMILY = "net_benefit_range"
METRIC = "net_benefit_gain"
OF_EFFECTS = "policy_gain"  # the same, where treatment is decided by its benefit
GAIN = "the gain in net benefit over the better default"
_WIDEST_GAP = 0.1  # between neighbouring thresholds, as a share of the declared range
_NOTHING_BETWEEN = Estimate.absent("it was not measured at any threshold in between")


_Decision = Decision | TreatmentDecision


@dataclass(frozen=True)
class _Patients:
    """Whose gain is asked for: everybody's, or that of the group with this `key`; `tolerance` may be lost."""

    rows: tuple[ThresholdEvidence, ...]
    tolerance: float
    amount: int | None
    unit: str
    key: str = ""
    words: str = ""
    weight: Weight = "decides"
    withheld: bool = False
    metric: str = METRIC

    def at(self, threshold: float) -> str:
        """Write a threshold: a risk in percent, a benefit in its own unit."""
        return percent(threshold) if self.metric == METRIC else significant(threshold)


class Utility(Gate):
    """Net benefit over the better default: gained at the clinical threshold, not lost anywhere, in no judged group."""

    code: ClassVar[str] = "TG005"
    name: ClassVar[str] = "utility"
    title: ClassVar[str] = "Benefit of deciding by the model"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = "Against a model by which deciding does more harm than treating everybody, or nobody."
    after_fail: ClassVar[str] = "Do not decide by this model: the better default serves patients better."

    tolerance: Annotated[float, Field(ge=0)]
    group_tolerance: Annotated[float, Field(ge=0)]

    def judge(self, evidence: Evidence) -> Finding:
        """Ask at every threshold of the declared range; not applicable where the study prepares no decision."""
        decision = self.declared.decision
        if isinstance(decision, NoDecision):
            return self.finding("not_applicable", f"The study prepares no decision at a threshold. {decision.none}")
        amount, unit = amount_of(evidence)
        everybody = _Patients(evidence.net_benefit, self.tolerance, amount, unit, metric=self._metric)
        questions = _over_range(everybody, decision)
        questions += [
            _unknown(self._everyone_of(name), why)
            for name, why in lacking_groups(self.declared.attributes, evidence).items()
        ]
        for patients in self._groups(evidence):
            known = bool(patients.rows)
            questions += _over_range(patients, decision) if known else [_unknown(patients, NOT_MEASURED.why)]
        return self.conclude(answer_all(questions, evidence.families))

    def _groups(self, evidence: Evidence) -> list[_Patients]:
        """Return the groups of judged attributes; who is in no group is listed, and decides in the fairness gate."""
        attributes, hidden = self.declared.attributes, withheld_groups(evidence)
        judged = [g for g in evidence.groups if g.attribute in attributes and attributes[g.attribute].judged]
        return [self._group(group, withheld=group.key in hidden) for group in judged]

    def _group(self, group: GroupEvidence, *, withheld: bool) -> _Patients:
        return _Patients(
            group.net_benefit,
            self.group_tolerance,
            group.events,
            "events",
            key=group.key,
            words=f" in {group_words(group.attribute, group.label)}",
            weight="listed" if group.label == MISSING else "decides",
            withheld=withheld,
            metric=self._metric,
        )

    def _everyone_of(self, attribute: str) -> _Patients:
        words = _every(attribute)
        return _Patients((), self.group_tolerance, None, "patients", key=attribute, words=words, metric=self._metric)

    @property
    def _metric(self) -> str:
        return OF_EFFECTS if TASKS[self.declared.task].compares_treatments else METRIC


def _over_range(patients: _Patients, decision: _Decision) -> list[Question]:
    """Ask at every threshold that was measured, at those that had to be, and for every stretch left out."""
    low, high = decision.range
    due = dict.fromkeys((decision.threshold, low, high))
    inside = [(row.threshold, row.difference) for row in patients.rows if low - 1e-9 <= row.threshold <= high + 1e-9]
    measured = {threshold for threshold, _ in inside}
    missed = [threshold for threshold in due if not any(_same(threshold, other) for other in measured)]
    asked = [
        _at(threshold, gain, patients=patients, decision=decision)
        for threshold, gain in (*inside, *((threshold, NOT_MEASURED) for threshold in missed))
    ]
    return asked + _gaps(patients, decision, measured={*measured, *due})


def _at(threshold: float, gain: Estimate, *, patients: _Patients, decision: _Decision) -> Question:
    clinical = _same(threshold, decision.threshold)
    which = "the clinical threshold" if clinical else "a threshold"
    # Everybody together has to gain where the decision is made; a group has to lose nothing there.
    least = 0.0 if clinical and not patients.key else -patients.tolerance
    suffix = f"[{patients.key}]" if patients.key else ""
    return _question(
        patients,
        gain,
        subject=f"threshold {threshold:g}",
        label=f"{GAIN} at {which} of {patients.at(threshold)}{patients.words}",
        limit=Limit(low=least, strict=True),
        family=f"{FAMILY}{suffix}",
        member=f"{patients.metric}@{threshold:g}{suffix}",
    )


def _gaps(patients: _Patients, decision: _Decision, *, measured: set[float]) -> list[Question]:
    """Ask for every stretch of the range in which too little was measured to say that no harm lies there."""
    low, high = decision.range
    widest = (high - low) * _WIDEST_GAP
    return [
        _question(
            patients,
            _NOTHING_BETWEEN,
            subject=f"thresholds {start:g} to {end:g}",
            label=f"{GAIN} from {patients.at(start)} to {patients.at(end)}{patients.words}",
            limit=Limit(low=-patients.tolerance, strict=True),
        )
        for start, end in pairwise(sorted(measured))
        if end - start > widest + 1e-9
    ]


def _unknown(patients: _Patients, why: str) -> Question:
    return _question(
        patients,
        Estimate.absent(why),
        subject="the declared range",
        label=f"{GAIN} over the declared range{patients.words}",
        limit=Limit(low=-patients.tolerance, strict=True),
    )


def _question(
    patients: _Patients,
    gain: Estimate,
    *,
    subject: str,
    label: str,
    limit: Limit,
    family: str = "",
    member: str = "",
) -> Question:
    return Question(
        subject=f"{patients.key}, {subject}" if patients.key else subject,
        metric=patients.metric,
        label=label,
        estimate=gain,
        limit=limit,
        amount=patients.amount,
        unit=patients.unit,
        family=family,
        member=member,
        weight=patients.weight,
        exact=True,
        withheld=patients.withheld,
    )


def _every(name: str) -> str:
    return f" in every group of {name.replace('_', ' ')}"


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=0, abs_tol=1e-9)
