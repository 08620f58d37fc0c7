"""TG004: what is predicted comes true as often, or as much, as predicted."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Evidence
from theragate.gates._base import Gate, amount_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import title
from theragate.study import TASKS

__all__ = ["Calibration"]

Positive = Annotated[float, Field(gt=0, strict=True)]
# What has no error to find while a model is tested on those whom its folds learned from.
_BY_CONSTRUCTION = ("observed_expected", "mean_error")
_SAYS_LITTLE = "right by construction under cross-validation"

Bounds = Annotated[tuple[Positive, Positive], Field(strict=False)]


class Calibration(Gate):
    """Slope, and the mean: observed over expected events and ICI for a risk, the mean error for the others."""

    code: ClassVar[str] = "TG004"
    name: ClassVar[str] = "calibration"
    title: ClassVar[str] = "Predictions that come true"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = "Against a number that is read as a risk or an amount and is systematically wrong."
    after_fail: ClassVar[str] = "Recalibrate on new data, or do not show the number: a ranking may still be of use."

    slope: Bounds
    observed_expected: Bounds | None = None
    ici: Positive | None = None
    mean_error: Positive | None = None
    effect_error: Positive | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        task = TASKS[self.declared.task]
        amount = "effect_error" if task.compares_treatments else "mean_error"
        wanted = {"observed_expected", "ici"} if task.predicts_risk else {amount}
        keys = ("observed_expected", "ici", "mean_error", "effect_error")
        given = {key for key in keys if getattr(self, key) is not None}
        if given != wanted:
            names = " and ".join(f"`{name}`" for name in sorted(wanted))
            raise ValueError(f"a {self.declared.task} study gives `slope`, {names}, and no other limit")
        for key in ("slope", "observed_expected"):
            bounds = getattr(self, key)
            if bounds is not None and not bounds[0] < 1 < bounds[1]:
                raise ValueError(f"`{key}` gives a lower and an upper bound with 1, which is perfect, between them")
        return self

    @property
    def limits(self) -> dict[str, Limit]:
        """The limit of each metric."""
        limits = {"calibration_slope": Limit(low=self.slope[0], high=self.slope[1])}
        if self.observed_expected is not None:
            limits["observed_expected"] = Limit(low=self.observed_expected[0], high=self.observed_expected[1])
        if self.ici is not None:
            limits["ici"] = Limit(high=self.ici)
        if self.mean_error is not None:
            limits["mean_error"] = Limit(low=-self.mean_error, high=self.mean_error)
        if self.effect_error is not None:
            limits["effect_error"] = Limit(low=-self.effect_error, high=self.effect_error)
        return limits

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for every limit at once, over the family ``calibration``."""
        amount, unit = amount_of(evidence)
        questions = [
            Question(
                subject="overall",
                metric=metric,
                label=title(metric),
                estimate=evidence.overall.get(metric, NOT_MEASURED),
                limit=limit,
                amount=amount,
                unit=unit,
                family="calibration",
                member=metric,
                context=_SAYS_LITTLE if evidence.cross_validated and metric in _BY_CONSTRUCTION else "",
            )
            for metric, limit in self.limits.items()
        ]
        return self.conclude(answer_all(questions, evidence.families))
