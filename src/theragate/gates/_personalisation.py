"""TG013: some patients benefit more than others, and the model knows which."""

from typing import ClassVar

from theragate.evidence.types import Evidence
from theragate.evidence.writing import average_effect
from theragate.gates._base import EFFECTS, Gate
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import title
from theragate.study import TaskName

__all__ = ["Personalisation"]

METRIC = "autoc"


class Personalisation(Gate):
    """The lower limit of AUTOC, the area under the targeting operator characteristic, lies above 0."""

    code: ClassVar[str] = "TG013"
    name: ClassVar[str] = "personalisation"
    title: ClassVar[str] = "Patients who benefit more than others"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = "Against a personal number for each patient where patients differ only by chance."
    after_fail: ClassVar[str] = "Use the average effect for everybody, as the card gives it."
    tasks: ClassVar[tuple[TaskName, ...]] = EFFECTS
    elsewhere: ClassVar[str] = "The study compares no treatments."
    waivable: ClassVar[bool] = False

    def judge(self, evidence: Evidence) -> Finding:
        """Ask whether those ranked highest benefit more than the average; without that nothing is personalised."""
        estimate = evidence.overall.get(METRIC, NOT_MEASURED)
        question = Question(
            subject="overall",
            metric=METRIC,
            label=f"the {title(METRIC)}",
            estimate=estimate,
            limit=Limit(low=0.0, strict=True),
            amount=evidence.cohort.patients,
            unit="patients",
        )
        finding = self.conclude(answer_all([question], {}))
        if finding.status == "pass":
            return finding
        average = average_effect(evidence.treatment, evidence.overall.get("average_effect")) or "not known either"
        summary = f"No difference between patients is shown: use the average effect, {average}. {finding.summary}"
        more = finding.status == "insufficient" and question.decidable and not question.on_bad_side
        next_step = f"{self.after_fail} {finding.next_step}" if more else self.after_fail
        return finding.model_copy(update={"summary": summary, "next_step": next_step})
