"""TG002: it is not too good to be true."""

from typing import ClassVar, Self

from pydantic import model_validator

from theragate.evidence.types import Evidence
from theragate.gates._base import Gate, amount_of, one_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import listing, title
from theragate.study import TASKS

__all__ = ["SuspiciousPerformance"]


class SuspiciousPerformance(Gate):
    """Discrimination stays below what is believable, and no feature gives the outcome away."""

    code: ClassVar[str] = "TG002"
    name: ClassVar[str] = "suspicious_performance"
    title: ClassVar[str] = "Too good to be true"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = "Against a model that has seen the answer: a leak looks like an excellent result."
    after_fail: ClassVar[str] = "Hold the model back for a leakage check: find out when each feature becomes known."

    metric: str
    ceiling: float

    @model_validator(mode="after")
    def _known(self) -> Self:
        one_of(TASKS[self.declared.task].ranking, self.metric, self.declared.task)
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Fail on a leak, or where the lower limit exceeds the ceiling; pass where the upper limit does not."""
        amount, unit = amount_of(evidence)
        question = Question(
            subject="overall",
            metric=self.metric,
            label=title(self.metric),
            estimate=evidence.overall.get(self.metric, NOT_MEASURED),
            limit=Limit(high=self.ceiling),
            amount=amount,
            unit=unit,
        )
        finding = self.conclude(answer_all([question], {}))
        if not evidence.data.leakage:
            return finding
        leaks = listing([f"`{name}`" for name in evidence.data.leakage])
        summary = f"The leakage check takes {leaks} for a copy of the outcome. {finding.summary}"
        return finding.model_copy(update={"status": "fail", "summary": summary, "next_step": self.after_fail})
