"""What ``record.json`` and ``refits.json`` say. Light: whoever reads them needs no estimator."""

import operator
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from theragate.study import Spec, TaskName, Validation

__all__ = [
    "ChampionRun",
    "EffectDifferences",
    "Families",
    "GroupCoverage",
    "Importance",
    "InputColumn",
    "ModelChoice",
    "NumberedChoice",
    "OuterSplit",
    "PersonalRecord",
    "RefitsRecord",
    "SampleSize",
    "SelectionRecord",
    "Setback",
    "TrainingRecord",
    "Trial",
]


class ModelChoice(Spec):
    """A family of models with its parameters."""

    family: str
    params: dict[str, int | float]


class NumberedChoice(ModelChoice):
    """The choice of one trial, by the trial's number."""

    number: int


class Trial(NumberedChoice):
    """One trial of the final tuning: ``folds`` are its losses on the inner folds, ``value`` their mean if complete."""

    state: Literal["complete", "pruned", "failed"]
    value: float | None
    folds: tuple[float, ...]


class Setback(Spec):
    """A family that had no solution in some of the searches, which are one per outer split and the final one.

    ``outcome``: it ``fell out`` of these searches, or, being the reference, got ``a stronger penalty`` in them.
    """

    family: str
    outcome: Literal["fell out", "a stronger penalty"]
    searches: int
    of: int
    reason: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"`{self.family}`: {self.outcome} in {self.searches} of {self.of} searches ({self.reason})"


class OuterSplit(ModelChoice):
    """What the search inside one outer split chose, and how its trials ended."""

    repeat: int
    fold: int
    inner_value: float | None
    reference_kept: bool
    trials: int
    pruned: int
    failed: int


class SelectionRecord(Spec):
    """The paired comparison on which the selection rests: reference minus best trial, in units of the loss."""

    difference: float
    standard_error: float
    rule: str
    reference_kept: bool


class Importance(Spec):
    """How much worse the model is without a feature: mean and standard deviation over the outer splits."""

    mean: float
    sd: float


class Families(Spec):
    """The families that were searched, and all that the task has."""

    searched: tuple[str, ...]
    known: tuple[str, ...]


class InputColumn(Spec):
    """A feature as the cohort records it."""

    name: str
    type: Literal["number", "text"]


class SampleSize(Spec):
    """How many patients a random sample has, and of how many it was drawn."""

    patients: int
    of: int


class EffectDifferences(Spec):
    """Whether benefits are shown to differ: the slope of doubly robust scores on predictions, with 95% limits."""

    shown: bool
    slope: float
    lower: float
    upper: float


class GroupCoverage(Spec):
    """How an interval holds in a judged group of held-out patients.

    ``own``: the group has limits of its own. ``coverage`` is the share of the group's patients whose quantity lies
    inside, with 95% limits; of a risk, ``agrees`` says whether the group's share with the event does. All are None
    where the group is under 11 patients, or would give one away that is, and where it cannot be measured.
    """

    attribute: str
    group: str
    own: bool
    patients: int | None
    coverage: float | None
    lower: float | None
    upper: float | None
    agrees: bool | None


class PersonalRecord(Spec):
    """What the interval beside a prediction claims, how it held, and which share of patients gets which answer.

    ``measured`` counts held-out patients or their groups, and holds shares and widths; it is empty where nobody gets a
    number of their own. ``imputation`` says in words what becomes of a missing input, and which may be missing.
    ``groups`` are the judged groups; ``differences`` stand only in the record of a treatment's effect, ``sample`` only
    where all of this was learned and measured in a random sample of a large cohort.
    """

    level: float
    claim: str
    imputation: str
    measured: dict[str, int | float]
    answers: dict[str, float]
    groups: tuple[GroupCoverage, ...] = ()
    differences: EffectDifferences | None = None
    sample: SampleSize | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        return {name: value for name, value in content.items() if name not in ("differences", "sample") or value}


class TrainingRecord(Spec):
    """What a reviewer asks about a search, with no time and no path in it. ``personal`` is added once it is fitted.

    ``sample`` is the number of patients that a large cohort was searched with, and None where all of them were.
    """

    study: str
    task: TaskName
    selected: ModelChoice
    reference: ModelChoice
    best: NumberedChoice
    selection: SelectionRecord
    loss: str
    trials: tuple[Trial, ...]
    outer: tuple[OuterSplit, ...]
    importances: dict[str, Importance]
    families: Families
    features: tuple[str, ...]
    input_schema: tuple[InputColumn, ...]
    validation: Validation
    patients: int
    developed_on: int
    seed: int
    versions: dict[str, str]
    personal: PersonalRecord | None = None
    setbacks: tuple[Setback, ...] = ()
    sample: int | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        return {name: value for name, value in content.items() if name not in ("setbacks", "sample") or value}


class ChampionRun(Spec):
    """How the champion's recipe was run beside the challenger; ``why`` it could not be, empty if it could."""

    model_sha256: str
    recipe_sha256: str
    family: str
    same_cohort: bool
    why: str


class RefitsRecord(ModelChoice):
    """Which model was fitted again, how often, and the champion beside it, if there is one.

    ``sample`` is there where this was done in a random sample of the patients learned from.
    """

    study: str
    refits: int
    champion: ChampionRun | None
    sample: SampleSize | None = Field(default=None, exclude_if=operator.not_)
