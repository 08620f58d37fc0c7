"""TG005: patients gain, compared with treating all of them or none."""

import math
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from theragate.evidence.types import Estimate, Evidence, ThresholdEvidence
from theragate.gates._base import Gate, amount_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding
from theragate.gates.words import percent
from theragate.study import Decision, NoDecision

__all__ = ["Utility"]

FAMILY = "net_benefit_range"
_WIDEST_GAP = 0.1  # between neighbouring thresholds, as a share of the declared range
_NOTHING_BETWEEN = Estimate.absent("it was not measured at any threshold in between")


class Utility(Gate):
    """Net benefit over the better default: gained at the clinical threshold, not lost anywhere in the range."""

    code: ClassVar[str] = "TG005"
    name: ClassVar[str] = "utility"
    title: ClassVar[str] = "Benefit of deciding by the model"
    protects: ClassVar[str] = (
        "Against a model that does more harm in a decision than treating everybody, or nobody, would."
    )
    after_fail: ClassVar[str] = "Do not decide by this model: the better default serves patients better."

    tolerance: Annotated[float, Field(ge=0)]

    def judge(self, evidence: Evidence) -> Finding:
        """Ask at every threshold of the declared range; not applicable where the study prepares no decision."""
        decision = self.declared.decision
        if isinstance(decision, NoDecision):
            return self.finding("not_applicable", f"The study prepares no decision at a threshold. {decision.none}")
        answers = answer_all(self._questions(evidence, decision), evidence.families)
        return self.conclude(answers)

    def _questions(self, evidence: Evidence, decision: Decision) -> list[Question]:
        inside = [row for row in evidence.net_benefit if _inside(row.threshold, decision)]
        questions = [self._question(evidence, row, clinical=_same(row.threshold, decision.threshold)) for row in inside]
        for threshold in dict.fromkeys((decision.threshold, *decision.range)):
            if not any(_same(row.threshold, threshold) for row in inside):
                absent = ThresholdEvidence(
                    threshold=threshold,
                    model=NOT_MEASURED,
                    treat_all=0.0,
                    difference=NOT_MEASURED,
                )
                clinical = _same(threshold, decision.threshold)
                questions.append(self._question(evidence, absent, clinical=clinical))
        return [*questions, *self._gaps(evidence, decision, {row.threshold for row in inside})]

    def _gaps(self, evidence: Evidence, decision: Decision, measured: set[float]) -> list[Question]:
        """Ask for every stretch of the range in which too little was measured to say that no harm lies there."""
        low, high = decision.range
        widest = (high - low) * _WIDEST_GAP
        amount, unit = amount_of(evidence)
        return [
            Question(
                subject=f"thresholds {start:g} to {end:g}",
                metric="net_benefit_gain",
                label=f"the gain in net benefit over the better default from {percent(start)} to {percent(end)}",
                estimate=_NOTHING_BETWEEN,
                limit=Limit(low=-self.tolerance, strict=True),
                amount=amount,
                unit=unit,
            )
            for start, end in pairwise(sorted(measured | {low, decision.threshold, high}))
            if end - start > widest + 1e-9
        ]

    def _question(self, evidence: Evidence, row: ThresholdEvidence, *, clinical: bool) -> Question:
        amount, unit = amount_of(evidence)
        which = "the clinical threshold" if clinical else "a threshold"
        return Question(
            subject=f"threshold {row.threshold:g}",
            metric="net_benefit_gain",
            label=f"the gain in net benefit over the better default at {which} of {percent(row.threshold)}",
            estimate=row.difference,
            limit=Limit(low=0.0 if clinical else -self.tolerance, strict=True),
            amount=amount,
            unit=unit,
            family=FAMILY,
            member=f"net_benefit_gain@{row.threshold:g}",
            exact=True,
        )


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=0, abs_tol=1e-9)


def _inside(threshold: float, decision: Decision) -> bool:
    return decision.range[0] - 1e-9 <= threshold <= decision.range[1] + 1e-9
