"""TG014: treated patients and controls can be compared."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Evidence, OverlapEvidence
from theragate.gates._base import EFFECTS, Gate
from theragate.gates._judging import NOT_MEASURED
from theragate.gates.types import Finding, Judged, Severity, Status
from theragate.gates.words import capital
from theragate.numbers import declared, number, percent, plural
from theragate.study import TaskName

__all__ = ["Comparability"]

Share = Annotated[float, Field(gt=0, lt=1)]


class Comparability(Gate):
    """Known chances of treatment; or, where they are estimated, overlap of the arms and balance after weighting."""

    code: ClassVar[str] = "TG014"
    name: ClassVar[str] = "comparability"
    title: ClassVar[str] = "Arms that can be compared"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = (
        "Against an effect that comes from differences between the patients and not from the treatment."
    )
    after_fail: ClassVar[str] = (
        "Compare patients who might have had either treatment, or record what doctors based the choice on; until then, "
        "report no effect."
    )
    tasks: ClassVar[tuple[TaskName, ...]] = EFFECTS
    elsewhere: ClassVar[str] = "The study compares no treatments."

    outside: Share | None = None
    imbalance: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _fits_the_design(self) -> Self:
        limits = (self.outside, self.imbalance)
        if self.declared.assigned == "at_random" and limits != (None, None):
            raise ValueError("treatment was assigned at random, which balances all features: there is no limit to set")
        if self.declared.assigned == "in_practice" and None in limits:
            raise ValueError("treatment was assigned in practice: `outside` and `imbalance` are required")
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Count and compare: both describe these very patients and have no error by sampling."""
        treatment = evidence.treatment
        if treatment is None or treatment.assigned != self.declared.assigned:
            return self.finding(
                "insufficient",
                f"{capital(NOT_MEASURED.why)} how the arms compare.",
                next_step="Run the stage `evaluate` again.",
            )
        if treatment.assigned == "at_random":
            return self.finding(
                "pass", f"Treatment was assigned at random, to {percent(treatment.propensity or 0)} of the patients."
            )
        return self._observed(treatment.overlap)

    def _observed(self, overlap: OverlapEvidence) -> Finding:
        outside, most, uneven = overlap.outside.value, self.outside or 0.0, self.imbalance or 0.0
        rows: list[Judged] = []
        if outside is not None:
            rows.append(_row("patients", "chance of treatment below 10% or above 90%", outside, most))
        rows += [
            _row(feature, "standardised difference after weighting", value, uneven)
            for feature, value in sorted(overlap.after.items(), key=lambda item: (-item[1], item[0]))
        ]
        if outside is None or not overlap.after:
            return self.finding(
                "insufficient", "Overlap or balance is not known.", next_step="Run the stage `evaluate` again."
            )
        feature, worst = overlap.worst_after
        beyond = [row for row in rows if row.status == "fail"]
        above = sum(row.status == "fail" for row in rows[1:])
        before = max(overlap.before.values(), default=0.0)
        summary = (
            f"Observational: {percent(outside)} of the patients have an estimated chance of treatment below 10% or "
            f"above 90% (at most {percent(most)} allowed). After weighting, the largest standardised difference is "
            f"{number(worst, 2)} (`{feature}`; {number(before, 2)} before; at most {declared(uneven)} allowed"
            + (f"; {plural(above, 'feature')} above it" if above else "")
            + "). Weighting does not balance what was not recorded."
        )
        status: Status = "fail" if beyond else "pass"
        return self.finding(status, summary, next_step=self.after_fail if beyond else "", comparisons=rows)


def _row(subject: str, metric: str, value: float, most: float) -> Judged:
    return Judged(
        subject=subject,
        metric=metric,
        value=value,
        lower=value,
        upper=value,
        limit=f"at most {declared(most)}",
        status="pass" if value <= most else "fail",
        note="of these patients; it has no error by sampling",
    )
