"""TG008: it still works when inputs are missing or noisy."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Evidence
from theragate.gates._base import Gate, amount_of, one_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import title
from theragate.study import TASKS

__all__ = ["Robustness"]


class Robustness(Gate):
    """Under each declared stress of the inputs, discrimination falls by no more than a margin."""

    code: ClassVar[str] = "TG008"
    name: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Robustness to poorer inputs"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against a model that works on the cohort's tidy inputs, but not on those of a busy day."
    after_fail: ClassVar[str] = (
        "Require the input that was missing or noisy at the point of use, or train the model to do without it."
    )

    metric: str
    margin: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        one_of(TASKS[self.declared.task].ranking, self.metric, self.declared.task)
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for each declared scenario; where none is declared, nothing is known."""
        if not self.declared.scenarios:
            return self.finding(
                "insufficient",
                "The study declares no scenario, so it is not known how the model copes with poorer inputs.",
                next_step="Declare under `scenarios` which inputs go missing or vary in practice, and by how much.",
            )
        amount, unit = amount_of(evidence)
        differences = {scenario.name: scenario.differences.get(self.metric) for scenario in evidence.scenarios}
        questions = [
            Question(
                subject=f"{name} - clean",
                metric=self.metric,
                label=f"the change in {title(self.metric)} under {name.replace('_', ' ')}",
                estimate=differences.get(name) or NOT_MEASURED,
                limit=Limit(low=-self.margin),
                amount=amount,
                unit=unit,
                difference=True,
                exact=True,
            )
            for name in self.declared.scenarios
        ]
        return self.conclude(answer_all(questions, {}))
