"""TG001: the data are fit to learn from."""

from typing import Annotated, ClassVar

from pydantic import Field

from theragate.evidence.types import Evidence
from theragate.gates._base import Gate
from theragate.gates.types import Finding, Severity
from theragate.gates.words import listing
from theragate.numbers import plural
from theragate.study import TASKS

__all__ = ["DataQuality"]

AFTER_BATCH = (
    "Measure patients with and without the outcome in each batch; which of the two a difference belongs to cannot be "
    "told afterwards."
)
Count = Annotated[int, Field(ge=0)]


class DataQuality(Gate):
    """No critical expectation fails, no leak is found, and there are no more than a few warnings."""

    code: ClassVar[str] = "TG001"
    name: ClassVar[str] = "data_quality"
    title: ClassVar[str] = "Quality of the data"
    severity: ClassVar[Severity] = "critical"
    with_outcomes: ClassVar[bool] = False
    protects: ClassVar[str] = "Against a model that learned from broken data, or from the outcome itself."
    after_fail: ClassVar[str] = "Correct the source or drop the column, then run `dvc repro` again."

    max_warnings: Count

    def judge(self, evidence: Evidence) -> Finding:
        """Fail on a critical failure, a leak or a confounded batch; leave a suspicion or many warnings to a person."""
        data = evidence.data
        checked = f"{plural(data.expectations, 'expectation')} checked"
        warnings = [f"Expectation `{name}` is not met." for name in data.warnings]
        if data.leakage or data.critical or data.confounded:
            causes = [f"`{name}` gives the outcome away" for name in data.leakage]
            causes += [f"the critical expectation `{name}` is not met" for name in data.critical]
            what = "the outcome or the treatment" if TASKS[evidence.task].compares_treatments else "the outcome"
            causes += [f"{what} goes with the batch `{name}`" for name in data.confounded]
            summary = f"{checked}: {listing(causes)}."
            only_batch = not (data.leakage or data.critical)
            next_step = AFTER_BATCH if only_batch else self.after_fail
            return self.finding("fail", summary, next_step=next_step, warnings=warnings)
        if data.expectations == 0:
            next_step = "Declare expectations for this study and validate again."
            return self.finding("insufficient", "No expectation was checked.", next_step=next_step)
        causes = [f"`{name}` may give the outcome away" for name in data.suspected]
        summary = (
            f"{checked}: no critical one failed, {plural(len(data.warnings), 'warning')} "
            f"(at most {self.max_warnings} allowed), {listing(causes) if causes else 'no leak found'}."
        )
        if causes:
            next_step = "Find out when the column was recorded; drop it, or accept it by name and date."
            return self.finding("insufficient", summary, next_step=next_step, warnings=warnings)
        if len(data.warnings) > self.max_warnings:
            next_step = "Have a person look at the warnings; correct the data, or accept them by name and date."
            return self.finding("insufficient", summary, next_step=next_step, warnings=warnings)
        return self.finding("pass", summary, warnings=warnings)
