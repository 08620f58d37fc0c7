"""TG003: patients are told apart, better than by chance and no worse than by the simple model."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Estimate, Evidence
from theragate.gates._base import PREDICTIONS, Gate, amount_of, one_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import title
from theragate.study import TASKS, TaskName

__all__ = ["Discrimination"]


class Discrimination(Gate):
    """A floor, a margin against the reference model, and skill over predicting the same for everybody."""

    code: ClassVar[str] = "TG003"
    name: ClassVar[str] = "discrimination"
    title: ClassVar[str] = "Telling patients apart"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = (
        "Against a model that ranks patients little better than chance, or worse than a simple model does."
    )
    after_fail: ClassVar[str] = "Do not release it. Use the reference model, or find features that tell more."
    tasks: ClassVar[tuple[TaskName, ...]] = PREDICTIONS
    elsewhere: ClassVar[str] = "No patient's own benefit is ever observed; TG013 asks how well it is ranked."

    metric: str
    floor: float
    margin: Annotated[float, Field(ge=0)]
    skill: float | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        task = self.declared.task
        one_of(TASKS[task].compared[:1], self.metric, task)
        if self.skill is not None and TASKS[task].predicts_quantity:
            raise ValueError("`skill` is the Brier skill, which a regression study does not have")
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for the floor, for non-inferiority to the reference, and for skill where it is declared."""
        questions = [
            self._question(evidence, self.metric, evidence.overall.get(self.metric), limit=Limit(low=self.floor)),
            self._against_reference(evidence),
        ]
        if self.skill is not None:
            limit = Limit(low=self.skill, strict=True)
            questions.append(self._question(evidence, "brier_skill", evidence.overall.get("brier_skill"), limit=limit))
        return self.conclude(answer_all(questions, {}))

    def _against_reference(self, evidence: Evidence) -> Question:
        differences = {comparison.metric: comparison.difference for comparison in evidence.comparisons}
        difference = differences.get(self.metric)
        same = difference is not None and difference.value == difference.lower == difference.upper == 0
        return self._question(
            evidence,
            self.metric,
            difference,
            limit=Limit(low=-self.margin),
            label=f"its difference from the reference model ({evidence.reference_family})",
            subject="overall - reference",
            context="since the selected model predicts as the reference does" if same else "",
        )

    def _question(
        self,
        evidence: Evidence,
        metric: str,
        estimate: Estimate | None,
        *,
        limit: Limit,
        label: str = "",
        subject: str = "overall",
        context: str = "",
    ) -> Question:
        amount, unit = amount_of(evidence)
        return Question(
            subject=subject,
            metric=metric,
            label=label or title(metric),
            estimate=estimate or NOT_MEASURED,
            limit=limit,
            amount=amount,
            unit=unit,
            difference=bool(label),
            exact=bool(label),
            context=context,
        )
