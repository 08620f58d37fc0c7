"""The parts of a study besides its source and outcome: groups, decision, validation, tuning and the rest."""

import operator
from collections import Counter
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from theragate.study.spec import Probability, Sentence, Spec, keys_of

__all__ = [
    "CLUSTER",
    "MISSING",
    "AgeUnit",
    "BandedGroups",
    "Batch",
    "Card",
    "Clusters",
    "Decision",
    "DecisionSpec",
    "Deidentification",
    "EqualPatients",
    "Features",
    "GroupSpec",
    "Holdout",
    "LabelledGroups",
    "NestedCrossValidation",
    "NoDecision",
    "Scenario",
    "SiteSplit",
    "Stability",
    "TemporalSplit",
    "TreatmentDecision",
    "Tuning",
    "Validation",
]

MISSING = "Missing"  # the group of the patients whose group is unknown
CLUSTER = "cluster"  # the cohort's column that numbers the clusters, beside `patient`


AgeUnit = Literal["years", "months", "weeks", "days"]


class Deidentification(Spec):
    """What Safe Harbor has to know about the columns: which are ages and which are dates."""

    ages: tuple[str, ...] = ()
    age_units: dict[str, AgeUnit] = Field(
        default={}, exclude_if=operator.not_, description="the unit of those of `ages` that are not in years"
    )
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
        other = next((column for column in self.age_units if column not in self.ages), None)
        if other is not None:
            raise ValueError(f"`age_units` gives the unit of columns of `ages`, which `{other}` is not")
        return self


class Features(Spec):
    """Every column that is neither outcome nor dropped is a feature."""

    dropped: dict[str, Sentence] = Field(default={}, description="columns that a model must not see, and why")
    labels: dict[str, Sentence] = Field(default={}, description="what a clinician would call the column, with unit")


class Clusters(Spec):
    """Patients with the same value of `column` (a hospital, a practice, a family) resemble one another.

    At ingest the values become numbers in the cohort's column ``cluster``, which no model sees.
    """

    column: str
    reason: Sentence = Field(description="why patients of one cluster resemble one another")


class Batch(Spec):
    """Patients with the same value of `column` (a plate, a scanner, a laboratory, a year) were measured together.

    It is a nuisance: no model sees it, and a study whose outcome goes with it cannot pass.
    """

    column: str
    reason: Sentence = Field(description="what was measured together, and how that may show in the measurements")


class _Groups(Spec):
    column: str
    title: Sentence
    judged: bool = False


class LabelledGroups(_Groups):
    """Groups by the values of a column."""

    labels: Annotated[dict[str, Sentence], Field(min_length=2)]
    others: Sentence | None = Field(
        default=None, exclude_if=operator.not_, description="the group of all values that have no label"
    )

    @model_validator(mode="after")
    def _free(self) -> Self:
        if MISSING in (*self.labels.values(), self.others):
            raise ValueError(f"`{MISSING}` is the group of those whose group is unknown; no label may be called so")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, each once, in the order of their labels."""
        return tuple(dict.fromkeys((*self.labels.values(), *filter(None, (self.others,)))))


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
    return "banded" if "bands" in keys_of(value) else "labelled"


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
    keys = keys_of(value)
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
    """The search: `reference` is the simple model that others must beat; `families` are those others.

    Of more patients than `sample`, a random sample of so many is searched with, fitted again and audited.
    """

    reference: str
    families: tuple[str, ...] = ()
    trials: Annotated[int, Field(ge=1, le=10_000)]
    sample: Annotated[int, Field(ge=5_000, le=1_000_000)] = 50_000


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


class EqualPatients(Spec):
    """How many rows may be equal, or nearly so, to those of another patient, because they are different patients."""

    at_most: Annotated[int, Field(ge=1)]
    reason: Sentence


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
