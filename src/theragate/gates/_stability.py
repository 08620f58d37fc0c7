"""TG009: a patient's prediction does not depend on who else happened to be in the cohort."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from theragate.evidence.types import Estimate, Evidence, StabilityEvidence
from theragate.gates._base import Gate
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all, audit_words
from theragate.gates.types import Finding, Judged, Severity
from theragate.numbers import number, significant
from theragate.study import TASKS

__all__ = ["Stability"]

METRIC = "mean_absolute_difference"
_FEWER = "a model of fewer patients varies more with who these are, so that the number errs on the strict side"
_UNSEARCHED = "What a new search for family and parameters would add was not measured."


class Stability(Gate):
    """The mean difference between one patient's predictions by refits on bootstrap samples stays small."""

    code: ClassVar[str] = "TG009"
    name: ClassVar[str] = "stability"
    title: ClassVar[str] = "The same answer from other patients"
    severity: ClassVar[Severity] = "major"
    with_outcomes: ClassVar[bool] = False
    protects: ClassVar[str] = "Against a number that would have been different, had other patients been in the cohort."
    after_fail: ClassVar[str] = (
        "Learn from more patients, use fewer or simpler features, or penalise more; do not show the number until then."
    )

    mean_absolute_difference: Annotated[float, Field(gt=0)]

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for the upper limit of the difference; optimism is listed and decides nothing."""
        stability = evidence.stability
        fewer = stability is not None and stability.refits < self.declared.refits
        question = Question(
            subject="overall",
            metric=METRIC,
            label="the mean difference between one patient's predictions",
            estimate=stability.difference if stability and not fewer else Estimate.absent(self._lacking(stability)),
            limit=Limit(high=self.mean_absolute_difference),
            amount=stability.refits if stability else None,
            unit="refits",
            context=f"over {stability.refits:,} refits" if stability else "",
        )
        finding = self.conclude(answer_all([question], {}))
        if stability is None:
            return finding
        rows = [_listed(name, estimate) for name, estimate in stability.optimism.items()]
        return finding.model_copy(
            update={
                "summary": f"{self._in_words(stability) if question.decidable else ''}{finding.summary}"
                f"{audit_words(evidence, _FEWER)}",
                "comparisons": (*finding.comparisons, *rows),
                "warnings": (*finding.warnings, *self._unlike(evidence)),
            }
        )

    def _unlike(self, evidence: Evidence) -> Iterator[str]:
        """Warn where the released model is farther from the sample's than chance would take it."""
        if evidence.audited is not None and evidence.unlike_sample:
            yield (
                "Predictions of the released model differ from those of a model of the sample by "
                f"{self._size(evidence.audited.apart)} on average, far more than from sample to sample: on all "
                "patients the recipe does something else, and what was measured in the sample need not bound it."
            )

    def _lacking(self, stability: StabilityEvidence | None) -> str:
        if stability is None:
            return NOT_MEASURED.why
        return f"it was measured in {stability.refits:,} of the {self.declared.refits:,} refits that the study declares"

    def _in_words(self, stability: StabilityEvidence) -> str:
        value = stability.difference.value
        if value is None:
            return ""
        if TASKS[self.declared.task].compares_treatments:
            of = "predicted benefit"
        elif TASKS[self.declared.task].predicts_quantity:
            of = "predicted value"
        else:
            of = "risk"
        size = f"{of} would differ by {self._size(value)}"
        had = "Had this recipe learned from other patients of the same kind"
        return f"{had}, one patient's {size} on average. {_UNSEARCHED} "

    def _size(self, value: float) -> str:
        """Write a difference in the unit of what is predicted."""
        if TASKS[self.declared.task].compares_treatments:
            return significant(value)
        if TASKS[self.declared.task].predicts_quantity:
            return number(value, 1)
        return f"{number(100 * value, 1)} percentage points"


def _listed(metric: str, estimate: Estimate) -> Judged:
    return Judged(
        subject="own sample - all patients",
        metric=metric,
        value=estimate.value,
        lower=estimate.lower,
        upper=estimate.upper,
        limit="optimism: reported, not judged",
        status="not_applicable",
        decides=False,
        note=estimate.why,
    )
