"""The parts of a study, each as strict as the whole: source, outcome, groups, decision, validation and the rest."""

from collections import Counter
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from theragate.study.spec import Probability, Sentence, Spec, Unit

__all__ = [
    "MISSING",
    "BandedGroups",
    "BinaryOutcome",
    "Card",
    "Decision",
    "DecisionSpec",
    "Deidentification",
    "EffectOutcome",
    "Features",
    "GroupSpec",
    "Holdout",
    "LabelledGroups",
    "Measured",
    "NestedCrossValidation",
    "NoDecision",
    "Outcome",
    "QuantityOutcome",
    "Scenario",
    "SiteSplit",
    "Stability",
    "SurvivalOutcome",
    "TemporalSplit",
    "Treatment",
    "TreatmentDecision",
    "Tuning",
    "Validation",
]

MISSING = "Missing"  # the group of the patients whose group is unknown


class Deidentification(Spec):
    """What Safe Harbor has to know about the columns: which are ages in years and which are dates."""

    ages: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    not_identifying: dict[str, Sentence] = Field(
        default={}, description="columns whose name looks like an identifier's, and why they are none"
    )
    removed: dict[str, Sentence] = Field(default={}, description="identifier columns to remove at ingest, and why")

    @model_validator(mode="after")
    def _once(self) -> Self:
        named = Counter([*self.ages, *self.dates, *self.removed])
        twice = next((column for column, times in named.items() if times > 1), None)
        if twice is not None:
            raise ValueError(f"a column is an age, a date or removed, and `{twice}` is named more than once")
        return self


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
    unit: Literal["days", "months", "years"]
    horizon: Annotated[float, Field(gt=0)]
    horizon_reason: Sentence
    description: Sentence


def _keys(value: Any) -> set[Any]:
    """Return the keys that a choice between specifications rests on, whether `value` is parsed already or not."""
    if isinstance(value, dict):
        return set(value)
    return set(type(value).model_fields) if isinstance(value, Spec) else set()


def _outcome_kind(value: Any) -> str:
    keys = _keys(value)
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


class Features(Spec):
    """Every column that is neither outcome nor dropped is a feature."""

    dropped: dict[str, Sentence] = Field(default={}, description="columns that a model must not see, and why")
    labels: dict[str, Sentence] = Field(default={}, description="what a clinician would call the column, with unit")


class _Groups(Spec):
    column: str
    title: Sentence
    judged: bool = False


class LabelledGroups(_Groups):
    """Groups by the values of a column."""

    labels: Annotated[dict[str, Sentence], Field(min_length=2)]

    @model_validator(mode="after")
    def _free(self) -> Self:
        if MISSING in self.labels.values():
            raise ValueError(f"`{MISSING}` is the group of those whose group is unknown; no label may be called so")
        return self


class BandedGroups(_Groups):
    """Groups by intervals of a number: up to the first bound, between bounds, above the last; bounds belong below."""

    bands: Annotated[tuple[float, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.bands) != sorted(set(self.bands)):
            raise ValueError("the bounds of `bands` must ascend")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, ascending, with the bounds as they are written: ``≤65``, ``65–75``, ``>75``."""
        texts = [repr(bound).removesuffix(".0") for bound in self.bands]
        return (f"≤{texts[0]}", *(f"{low}–{high}" for low, high in pairwise(texts)), f">{texts[-1]}")


def _groups_kind(value: Any) -> str:
    return "banded" if "bands" in _keys(value) else "labelled"


GroupSpec = Annotated[
    Annotated[LabelledGroups, Tag("labelled")] | Annotated[BandedGroups, Tag("banded")], Discriminator(_groups_kind)
]


class Decision(Spec):
    """The clinical decision: treat (or examine) from `threshold` on; people differ over it within `range`."""

    action: Sentence = Field(description="what is done for a patient whose risk reaches the threshold")
    threshold: Probability
    range: tuple[Probability, Probability]
    source: Sentence

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if not self.range[0] <= self.threshold <= self.range[1] or self.range[0] == self.range[1]:
            raise ValueError("`threshold` must lie inside `range`, and `range` must ascend")
        return self


class TreatmentDecision(Spec):
    """The decision to treat: from a benefit of `least_benefit` on, which outweighs what treatment costs a patient.

    `least_benefit` and `range` are in the unit of the effect; people differ over the least benefit within `range`.
    """

    action: Sentence = Field(description="what is done for a patient whose benefit is large enough")
    least_benefit: Annotated[float, Field(ge=0)]
    range: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]]
    source: Sentence

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if not self.range[0] <= self.least_benefit <= self.range[1] or self.range[0] == self.range[1]:
            raise ValueError("`least_benefit` must lie inside `range`, and `range` must ascend")
        return self

    @property
    def threshold(self) -> float:
        """The least benefit, as every decision calls where it turns."""
        return self.least_benefit


class NoDecision(Spec):
    """The study prepares no decision at a threshold, for the reason given."""

    none: Sentence


def _decision_kind(value: Any) -> str:
    keys = _keys(value)
    if "least_benefit" in keys:
        return "treatment"
    return "none" if "none" in keys else "decision"


DecisionSpec = Annotated[
    Annotated[Decision, Tag("decision")]
    | Annotated[TreatmentDecision, Tag("treatment")]
    | Annotated[NoDecision, Tag("none")],
    Discriminator(_decision_kind),
]


class NestedCrossValidation(Spec):
    """Every patient is predicted `repeats` times by models that never saw that patient."""

    scheme: Literal["nested_cross_validation"]
    repeats: Annotated[int, Field(ge=1, le=100)]
    folds: Annotated[int, Field(ge=2, le=20)]
    inner_folds: Annotated[int, Field(ge=2, le=20)]
    reason: Sentence


class Holdout(Spec):
    """A random, stratified share of the patients is held out once."""

    scheme: Literal["holdout"]
    fraction: Probability
    inner_folds: Annotated[int, Field(ge=2, le=20)]
    reason: Sentence


class TemporalSplit(Spec):
    """Patients whose `column` is at least `since` are held out."""

    scheme: Literal["temporal"]
    column: str
    since: float
    inner_folds: Annotated[int, Field(ge=2, le=20)]
    reason: Sentence


class SiteSplit(Spec):
    """Patients of the sites named are held out."""

    scheme: Literal["site"]
    column: str
    held_out: Annotated[tuple[str, ...], Field(min_length=1)]
    inner_folds: Annotated[int, Field(ge=2, le=20)]
    reason: Sentence


Validation = Annotated[NestedCrossValidation | Holdout | TemporalSplit | SiteSplit, Field(discriminator="scheme")]


class Tuning(Spec):
    """The search: `reference` is the simple model that others must beat; `families` are those others."""

    reference: str
    families: tuple[str, ...] = ()
    trials: Annotated[int, Field(ge=1, le=10_000)]


class Scenario(Spec):
    """A declared stress of the inputs, scored by the models of the folds.

    ``missing`` maps a feature to the share of patients who lack it; ``noise`` maps a feature to the standard
    deviation, in its own unit, of an added measurement error.
    """

    missing: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(default={})
    noise: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    reason: Sentence

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.missing and not self.noise:
            raise ValueError("a scenario needs `missing` or `noise`")
        return self


class Stability(Spec):
    """How often the chosen model is fitted again, on bootstrap samples of the patients."""

    refits: Annotated[int, Field(ge=20, le=1000)]
    reason: Sentence


class Card(Spec):
    """What only a person can say about the model; printed on the model card, never invented."""

    title: Sentence
    intended_use: Sentence
    users: Sentence
    population: Sentence
    out_of_scope: tuple[Sentence, ...]
    cautions: tuple[Sentence, ...]
    owner: Sentence
