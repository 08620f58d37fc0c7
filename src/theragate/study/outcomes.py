"""What a study predicts: an event, a quantity, a time to an event, or what a treatment changes of one of them."""

import operator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from theragate.study.spec import Probability, Sentence, Spec, Unit, keys_of

__all__ = [
    "BinaryOutcome",
    "EffectOutcome",
    "Measured",
    "Outcome",
    "QuantityOutcome",
    "SurvivalOutcome",
    "Treatment",
]


class BinaryOutcome(Spec):
    """A diagnosis or event that a patient has or has not."""

    effects: ClassVar[tuple[str, ...]] = ("event",)  # by which treatments can be compared

    column: str
    positive: str = Field(description="the value that counts as an event")
    description: Sentence


class QuantityOutcome(Spec):
    """A measured quantity, such as a score or a dose."""

    effects: ClassVar[tuple[str, ...]] = ("mean",)

    column: str
    unit: Unit
    description: Sentence


class SurvivalOutcome(Spec):
    """A right-censored time to an event, predicted as the absolute risk at `horizon`."""

    effects: ClassVar[tuple[str, ...]] = ("event", "restricted_mean")

    time: str
    event: str
    observed: str | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="the value of `event` where it was seen, if that is not 1; the one other value means censored",
    )
    unit: Literal["days", "months", "years"]
    horizon: Annotated[float, Field(gt=0)]
    horizon_reason: Sentence
    description: Sentence
    censoring: Literal["features", "marginal"] = Field(
        default="features",
        exclude_if=lambda value: value == "features",
        description="what the chance of being lost to follow-up depends on: the features, or nothing",
    )
    censoring_reason: Sentence | None = Field(default=None, exclude_if=operator.not_)

    @model_validator(mode="after")
    def _with_its_reason(self) -> Self:
        if (self.censoring == "marginal") != (self.censoring_reason is not None):
            raise ValueError("`censoring: marginal` comes with a `censoring_reason`, and nothing else does")
        return self


def _outcome_kind(value: Any) -> str:
    keys = keys_of(value)
    if "treatment" in keys:
        return "comparison"
    if "time" in keys or "event" in keys:
        return "survival"
    return "binary" if "positive" in keys else "quantity"


# What is measured of one patient.
Measured = Annotated[
    Annotated[BinaryOutcome, Tag("binary")]
    | Annotated[QuantityOutcome, Tag("quantity")]
    | Annotated[SurvivalOutcome, Tag("survival")],
    Discriminator(_outcome_kind),
]


class Treatment(Spec):
    """Who was treated, and how that came about.

    ``assigned`` is ``at_random`` (the chance of treatment is known: ``propensity``) or ``in_practice`` (it is estimated
    from the features, and what was not recorded stays unknown).
    """

    column: str
    treated: str = Field(description="the value of those who were treated; every other patient was a control")
    name: Sentence = Field(description="what the treated got, in a clinician's words")
    control: Sentence = Field(description="what the controls got")
    assigned: Literal["at_random", "in_practice"]
    propensity: Probability | None = None
    reason: Sentence = Field(description="how it is known that treatment was so assigned")

    @model_validator(mode="after")
    def _known_or_estimated(self) -> Self:
        if (self.propensity is None) == (self.assigned == "at_random"):
            raise ValueError("`propensity` is given where treatment was assigned at_random, and only there")
        return self


class EffectOutcome(Spec):
    """What a treatment changes: the outcome that is measured, and how its two arms are compared.

    ``effect`` is ``event`` (the risk of the event, by the horizon where there is one), ``restricted_mean`` (the mean
    time free of the event, up to the horizon) or ``mean`` (of a quantity). ``better`` says which way is good, so that
    an effect above 0 is always a benefit.
    """

    treatment: Treatment
    measured: Measured
    effect: Literal["event", "restricted_mean", "mean"]
    better: Literal["lower", "higher"]
    reason: Sentence

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.effect not in self.measured.effects:
            raise ValueError(f"`effect: {self.effect}` is no comparison of this `measured` outcome")
        if self.effect == "restricted_mean" and self.better != "higher":
            raise ValueError("more time free of the event is better: `better: higher`")
        return self

    @property
    def description(self) -> str:
        """What is measured, in words."""
        return self.measured.description

    @property
    def unit(self) -> str:
        """The unit of an effect; empty for a difference of risks."""
        return "" if self.effect == "event" or isinstance(self.measured, BinaryOutcome) else self.measured.unit


Outcome = Annotated[
    Annotated[BinaryOutcome, Tag("binary")]
    | Annotated[QuantityOutcome, Tag("quantity")]
    | Annotated[SurvivalOutcome, Tag("survival")]
    | Annotated[EffectOutcome, Tag("comparison")],
    Discriminator(_outcome_kind),
]
