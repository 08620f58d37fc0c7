"""The studies of ``params.yaml`` as frozen, strict specifications: what is unknown or of a wrong type is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)

from theragate.errors import ConfigurationError

__all__ = [
    "BandedGroups",
    "BinaryOutcome",
    "BundledSource",
    "Card",
    "Decision",
    "Deidentification",
    "Features",
    "FileSource",
    "GroupSpec",
    "Holdout",
    "LabelledGroups",
    "NestedCrossValidation",
    "NoDecision",
    "Outcome",
    "QuantityOutcome",
    "Scenario",
    "SiteSplit",
    "Spec",
    "Study",
    "SurvivalOutcome",
    "TemporalSplit",
    "Tuning",
    "Validation",
    "load_seed",
    "load_studies",
    "load_study",
    "parse",
    "study_names",
]

# libyaml's loader is ten times as fast, where it was built in.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,63}$")]


class Spec(BaseModel):
    """A value read from a file: immutable, with no unknown keys, and with finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class BundledSource(Spec):
    """A public cohort that comes with an installed library."""

    kind: Literal["bundled"]
    name: str
    citation: Sentence
    licence: Sentence


class FileSource(Spec):
    """A CSV or Parquet file, its path relative to the project's root."""

    kind: Literal["file"]
    path: str
    id: str = Field(description="the column that names a patient; replaced by a random id")
    citation: Sentence
    licence: Sentence
    text: tuple[str, ...] = Field(default=(), description="columns to read as text, such as coded categories")


Source = Annotated[BundledSource | FileSource, Field(discriminator="kind")]


class Deidentification(Spec):
    """What Safe Harbor has to know about the columns: which are ages in years and which are dates."""

    ages: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    not_identifying: dict[str, Sentence] = Field(
        default={}, description="columns whose name looks like an identifier's, and why they are none"
    )
    removed: dict[str, Sentence] = Field(default={}, description="identifier columns to remove at ingest, and why")


class BinaryOutcome(Spec):
    """A diagnosis or event that a patient has or has not."""

    column: str
    positive: str = Field(description="the value that counts as an event")
    description: Sentence


class QuantityOutcome(Spec):
    """A measured quantity, such as a score or a dose."""

    column: str
    unit: Sentence
    description: Sentence


class SurvivalOutcome(Spec):
    """A right-censored time to an event, predicted as the absolute risk at `horizon`."""

    time: str
    event: str
    unit: Literal["days", "months", "years"]
    horizon: Annotated[float, Field(gt=0)]
    horizon_reason: Sentence
    description: Sentence


Outcome = BinaryOutcome | QuantityOutcome | SurvivalOutcome


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


class BandedGroups(_Groups):
    """Groups by intervals of a number: up to the first bound, between bounds, above the last; bounds belong below."""

    bands: Annotated[tuple[float, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.bands) != sorted(set(self.bands)):
            raise ValueError("the bounds of `bands` must ascend")
        return self


GroupSpec = LabelledGroups | BandedGroups


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


class NoDecision(Spec):
    """The study prepares no decision at a threshold, for the reason given."""

    none: Sentence


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

    missing: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}
    noise: dict[str, Annotated[float, Field(gt=0)]] = {}
    reason: Sentence

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.missing and not self.noise:
            raise ValueError("a scenario needs `missing` or `noise`")
        return self


class Card(Spec):
    """What only a person can say about the model; printed on the model card, never invented."""

    title: Sentence
    intended_use: Sentence
    users: Sentence
    population: Sentence
    out_of_scope: tuple[Sentence, ...]
    cautions: tuple[Sentence, ...]
    owner: Sentence


def _outcome_kind(value: Any) -> str:
    keys = set(value) if isinstance(value, Mapping) else set(type(value).model_fields)
    if "time" in keys or "event" in keys:
        return "survival"
    return "binary" if "positive" in keys else "regression"


class Study(Spec):
    """One prediction problem. See ``docs/studies.md`` for each key in words."""

    name: Name
    task: Literal["binary", "regression", "survival"]
    card: Card
    source: Source
    deidentification: Deidentification
    outcome: Annotated[
        Annotated[BinaryOutcome, Tag("binary")]
        | Annotated[QuantityOutcome, Tag("regression")]
        | Annotated[SurvivalOutcome, Tag("survival")],
        Discriminator(_outcome_kind),
    ]
    features: Features
    subgroups: dict[Name, LabelledGroups | BandedGroups]
    decision: Decision | NoDecision
    validation: Validation
    tuning: Tuning
    scenarios: dict[Name, Scenario]
    gates: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if _outcome_kind(self.outcome) != self.task:
            raise ValueError(f"task `{self.task}` does not fit this `outcome`; see docs/studies.md for its keys")
        if isinstance(self.decision, Decision) and self.task == "regression":
            raise ValueError("a regression study has no risk to compare with `decision.threshold`; give `none:`")
        twice = sorted({*self.features.dropped} & {*self.outcome_columns})
        if twice:
            raise ValueError(f"`{twice[0]}` is an outcome column, which is never a feature: do not list it as dropped")
        return self

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """The columns that hold the outcome, and are therefore never features."""
        if isinstance(self.outcome, SurvivalOutcome):
            return (self.outcome.time, self.outcome.event)
        return (self.outcome.column,)


def study_names(path: Path) -> list[str]:
    """Return the names of the studies in ``params.yaml``, in the file's order."""
    return list(_read(path)["studies"])


def load_seed(path: Path) -> int:
    """Return the project's seed."""
    seed = _read(path).get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigurationError(
            "params.yaml, key `seed`",
            rule="the seed is a whole number, 0 or above",
            received=repr(seed),
            remedy="Write for example `seed: 1`.",
        )
    return seed


def load_study(path: Path, name: str) -> Study:
    """Read one study from ``params.yaml``; other studies are not looked at.

    Raises
    ------
    ConfigurationError
        If the file or the study is missing, or a key is unknown, missing or of a wrong type.
    """
    studies = _read(path)["studies"]
    if name not in studies:
        raise ConfigurationError(
            f"study `{name}`",
            rule="a study is declared under `studies:` in params.yaml",
            received=f"a name that is not there (there are {', '.join(studies)})",
            remedy="Correct the name or add the study.",
        )
    return parse(Study, {"name": name, **_mapping(studies[name], f"studies.{name}")}, at=f"studies.{name}")


def load_studies(path: Path) -> list[Study]:
    """Read all studies; the first that is wrong raises."""
    return [load_study(path, name) for name in study_names(path)]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_bytes(), Loader=SAFE_LOADER)  # noqa: S506 - it is one of the safe loaders
    except OSError as error:
        raise ConfigurationError(
            str(path),
            rule="the file can be read",
            received=error.strerror or "an error",
            remedy="Run the command in the project's root folder.",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
        raise ConfigurationError(
            str(path),
            rule="the file is valid YAML",
            received=f"a syntax error at {where}",
            remedy="Correct that line.",
        ) from error
    known = {"seed", "studies"}
    content = _mapping(content, path.name)
    unknown = sorted(map(str, set(content) - known))
    if unknown:
        raise ConfigurationError(
            path.name,
            rule=f"its keys are {', '.join(sorted(known))}",
            received=f"the unknown key `{unknown[0]}`",
            remedy="Correct or remove it.",
        )
    if not _mapping(content.get("studies"), "studies"):
        raise ConfigurationError(
            path.name, rule="`studies:` declares at least one study", received="none", remedy="Add a study."
        )
    return content


def _mapping(value: Any, subject: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(
            subject,
            rule="it is a mapping of keys to values",
            received=type(value).__name__,
            remedy="See docs/studies.md for its keys.",
        )
    return value


S = TypeVar("S", bound=Spec)


def parse(kind: type[S], value: Any, *, at: str) -> S:
    """Validate `value`; a failure becomes one line that names the key, below `at`, and who owns it."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join([at, *(str(part) for part in first["loc"])])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        rules = {"extra_forbidden": "a key is one of those in docs/studies.md", "missing": "this key is required"}
        received = {"extra_forbidden": "an unknown key", "missing": "none"}.get(
            first["type"], repr(first["input"])[:80]
        )
        if first["type"] == "value_error":
            received = "this entry"
        raise ConfigurationError(
            f"params.yaml, key `{key}`",
            rule=rules.get(first["type"], first["msg"].removeprefix("Value error, ")),
            received=received + more,
            remedy="Correct params.yaml.",
        ) from error
