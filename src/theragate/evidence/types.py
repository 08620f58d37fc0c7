"""The form of evidence: estimates with intervals, overall and per subgroup, and how they vary together."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from theragate.study import Spec, TaskName

__all__ = [
    "AUDITED_MODELS",
    "FEWEST_NON_MEMBERS",
    "Z95",
    "AttackEvidence",
    "ChampionEvidence",
    "CohortFacts",
    "Comparison",
    "Contrast",
    "Curve",
    "DataFacts",
    "Estimate",
    "Evidence",
    "Family",
    "GroupEvidence",
    "MembershipEvidence",
    "OverlapEvidence",
    "ScenarioEvidence",
    "SimultaneousBand",
    "StabilityEvidence",
    "ThresholdEvidence",
    "TreatmentArm",
    "TreatmentEvidence",
]

Z95 = 1.959963984540054
AUDITED_MODELS = 20  # of a membership-inference audit
FEWEST_NON_MEMBERS = 400  # of whom 20 are falsely accused at 5%: fewer say little of the threshold
_ROUNDING, _ZERO = 1e-9, 1e-12  # relative and absolute: what arithmetic leaves of equal numbers
Scale = Literal["identity", "log", "logit"]


class Estimate(Spec):
    """One number with its uncertainty.

    ``lower`` and ``upper`` are the method's own two-sided 95% limits, in the metric's unit. ``se`` is the standard
    error on ``scale`` (``identity``: the metric itself; ``log``; ``logit``), from which a band at another critical
    value is drawn. The limits hold the value between them, but for rounding. An estimate that could not be made has
    no numbers and says ``why``.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    se: Annotated[float, Field(ge=0)] | None = None
    scale: Scale = "identity"
    method: str
    why: str = ""

    @model_validator(mode="after")
    def _whole_or_absent(self) -> Self:
        if self.value is None:
            if not self.why or self.lower is not None or self.upper is not None or self.se is not None:
                raise ValueError("an estimate without a value has no limits and says why")
        elif not self.in_order:
            raise ValueError("the limits of an estimate ascend and hold its value between them")
        return self

    @classmethod
    def absent(cls, why: str) -> "Estimate":
        """Return an estimate that could not be made, with its reason."""
        return cls(value=None, method="none", why=why)

    @property
    def decidable(self) -> bool:
        """Whether there is a value with both limits: a number without an interval decides nothing."""
        return self.value is not None and self.lower is not None and self.upper is not None

    @property
    def in_order(self) -> bool:
        """Whether lower limit, value and upper limit ascend, but for rounding; NaN never does."""
        present = [number for number in (self.lower, self.value, self.upper) if number is not None]
        return all(a <= b or math.isclose(a, b, rel_tol=_ROUNDING, abs_tol=_ZERO) for a, b in pairwise(present))

    def band(self, critical: float) -> tuple[float, float] | None:
        """Return the limits at `critical` standard errors on the estimate's scale, or None where there are none."""
        if self.value is None or self.se is None:
            return None
        try:
            centre = to_scale(self.value, self.scale)
        except ValueError:
            return None
        return from_scale(centre - critical * self.se, self.scale), from_scale(centre + critical * self.se, self.scale)


def to_scale(value: float, scale: Scale) -> float:
    """Transform a metric's value to the scale on which its error is nearly normal.

    Raises
    ------
    ValueError
        If the value lies at or beyond the scale's bounds (a proportion of 0 or 1, a ratio of 0).
    """
    if scale == "log":
        return math.log(value)
    if scale == "logit":
        if not 0 < value < 1:
            raise ValueError("no logit outside (0, 1)")
        return math.log(value) - math.log1p(-value)
    return value


def from_scale(value: float, scale: Scale) -> float:
    """Transform back; the inverse of `to_scale`."""
    if scale == "log":
        return math.exp(min(value, 700.0))
    if scale == "logit":
        return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
    return value


class Comparison(Spec):
    """The model minus the simple reference model on the same patients (paired)."""

    metric: str
    model: Estimate
    reference: Estimate
    difference: Estimate


class ThresholdEvidence(Spec):
    """Net benefit at one threshold: of the model, of the better default, and their difference (paired)."""

    threshold: float
    model: Estimate
    treat_all: float
    difference: Estimate


class GroupEvidence(Spec):
    """The evidence for the patients of one subgroup, or of one intersection of subgroups.

    ``attribute`` is the subgroup's key in ``params.yaml``, or two joined by `` & ``; ``events`` counts events (by
    the horizon, for survival) and is None for a regression. ``comparisons`` are with the reference model on the same
    patients; ``net_benefit`` covers the declared range of thresholds, in the groups of attributes declared judged.
    """

    attribute: str
    label: str
    judged: bool
    n: int
    share: float
    events: int | None
    non_events: int | None
    metrics: dict[str, Estimate]
    comparisons: tuple[Comparison, ...] = ()
    net_benefit: tuple[ThresholdEvidence, ...] = ()

    @property
    def key(self) -> str:
        """How members of a family, metrics and messages name this group: ``sex=female``."""
        return f"{self.attribute}={self.label}"


class Contrast(Spec):
    """The difference of one metric between two groups of one attribute, `group` minus `other`."""

    metric: str
    attribute: str
    group: str
    other: str
    difference: Estimate

    @property
    def key(self) -> str:
        """The contrast's name: ``sex=female - sex=male``."""
        return f"{self.attribute}={self.group} - {self.attribute}={self.other}"


class Family(Spec):
    """Estimates that are judged together, and their correlation on their scales.

    ``members`` are ``<metric>`` (overall), ``<metric>[<group key>]`` or ``<metric>[<contrast key>]``, in the order of
    the rows of ``correlation``. Members whose error could not be estimated are left out.
    """

    members: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _square(self) -> Self:
        n = len(self.members)
        if len(self.correlation) != n or any(len(row) != n for row in self.correlation):
            raise ValueError("a family's correlation matrix has one row and one column per member")
        return self

    def among(self, members: Sequence[str]) -> "Family":
        """Return the family of those `members` that this family has."""
        kept = [index for index, member in enumerate(self.members) if member in set(members)]
        rows = tuple(tuple(self.correlation[i][j] for j in kept) for i in kept)
        return Family(members=tuple(self.members[i] for i in kept), correlation=rows)


class ScenarioEvidence(Spec):
    """How a declared stress of the inputs changes the metrics: stressed minus clean, on the same patients."""

    name: str
    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]


class StabilityEvidence(Spec):
    """How much one patient's prediction hangs on which patients the model happened to learn from.

    ``difference`` is the mean absolute difference between the prediction of a refit on a bootstrap sample and that of
    the released model, over patients and refits (Riley, Collins, Biom J 2023;65:2200302). ``optimism`` is how much
    better a refit does on its own sample than on all patients, by metric; it is reported and never judged.
    """

    refits: int
    difference: Estimate
    optimism: dict[str, Estimate]


class AttackEvidence(Spec):
    """How well one attack tells members from non-members.

    ``auc``: how often a member has the higher score of the two; .5 is chance. ``true_positive_rate``: the share of
    members who are recognised where 5% of non-members are taken for members.
    """

    auc: Estimate
    true_positive_rate: Estimate


class MembershipEvidence(Spec):
    """A membership-inference audit: models of the recipe, each fitted to a random half of the patients and attacked.

    ``models`` counts them; ``patients`` are those in the audit, and ``non_members`` the fewest whom a model did not
    learn from: with under `FEWEST_NON_MEMBERS` of them no true positive rate is measured. ``attacks`` are
    ``likelihood_ratio`` and, where an outcome is seen, ``loss``.
    """

    models: int
    patients: int
    non_members: int
    attacks: dict[str, AttackEvidence]


class ChampionEvidence(Spec):
    """The model against the champion's recipe, fitted again in the same folds: neither learned from who is compared.

    In ``comparisons`` the champion takes the place of the reference. ``recipe_sha256`` is the digest of the recipe
    that was fitted, for whoever releases to hold it against the one that the champion's attestation has signed.
    """

    model_sha256: str
    recipe_sha256: str
    family: str
    same_cohort: bool
    comparisons: tuple[Comparison, ...]
    why: str = ""


class Curve(Spec):
    """Points of a figure; ``lower`` and ``upper`` are pointwise 95% limits where there are any."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


class CohortFacts(Spec):
    """How much there is to learn from. For survival, ``events`` counts those by the horizon."""

    sha256: str
    patients: int
    events: int | None
    non_events: int | None
    censored_before_horizon: int | None = None
    simulated: bool = False


class DataFacts(Spec):
    """What validation found. Expectations are named by their id in the suite."""

    suite_sha256: str
    expectations: int
    critical: tuple[str, ...]
    warnings: tuple[str, ...]
    leakage: tuple[str, ...]


class TreatmentArm(Spec):
    """The patients of one arm; ``events`` and ``non_events`` are None for a quantity, or where they are few."""

    treated: bool
    n: int
    events: int | None
    non_events: int | None


class OverlapEvidence(Spec):
    """Whether treated patients and controls can be compared, by their (known or estimated) chance of treatment.

    ``outside`` is the share of patients whose chance of treatment is below 0.1 or above 0.9. ``effective`` is how many
    patients the weighted arms are worth (controls, treated). ``before`` and ``after`` are the absolute standardised
    differences of each feature's mean between the arms, as they are and weighted by the inverse chance of the arm. They
    describe these patients and have no sampling error (Austin, Stat Med 2009;28:3083).
    """

    outside: Estimate
    effective: tuple[float, float]
    before: dict[str, float]
    after: dict[str, float]

    @property
    def worst_after(self) -> tuple[str, float]:
        """The feature that is least balanced after weighting, and its difference."""
        return max(self.after.items(), key=lambda item: (item[1], item[0]))


class SimultaneousBand(Spec):
    """Limits within which the average effects of all groups lie at once, in 95 of 100 studies."""

    lower: float
    upper: float


class TreatmentEvidence(Spec):
    """What is known of a treatment besides the metrics of its prediction.

    ``crude`` is the difference between the arms as they are, freed of censoring and of nothing else. ``hazard_ratio``
    is the separate check by Cox regression (treated to control; None without a time), and ``adjusted_for`` says of how
    many columns it is adjusted. ``bands`` are by group key; ``critical`` is their critical value.
    """

    assigned: Literal["at_random", "in_practice"]
    effect: Literal["event", "restricted_mean", "mean"]
    unit: str
    arms: tuple[TreatmentArm, ...]
    propensity: float | None
    overlap: OverlapEvidence
    crude: Estimate
    hazard_ratio: Estimate | None
    adjusted_for: int
    bands: dict[str, SimultaneousBand]
    critical: float


class Evidence(Spec):
    """Everything that the gates may know about a model.

    ``report_only`` names the metrics that are shown and never judged. ``stability`` and ``membership`` are None
    where they were not measured, ``champion`` where there is none: a first release; ``treatment`` where no treatments
    are compared.
    """

    version: Literal[3] = 3
    study: str
    task: TaskName
    horizon: float | None = None
    cohort: CohortFacts
    data: DataFacts
    predictions_sha256: str
    model_sha256: str
    family: str
    reference_family: str
    report_only: tuple[str, ...] = ()
    overall: dict[str, Estimate]
    comparisons: tuple[Comparison, ...]
    groups: tuple[GroupEvidence, ...]
    contrasts: tuple[Contrast, ...]
    families: dict[str, Family]
    net_benefit: tuple[ThresholdEvidence, ...] = ()
    scenarios: tuple[ScenarioEvidence, ...] = ()
    repeats: dict[str, tuple[float, ...]] = Field(default={})
    curves: dict[str, Curve] = Field(default={})
    stability: StabilityEvidence | None = None
    membership: MembershipEvidence | None = None
    champion: ChampionEvidence | None = None
    treatment: TreatmentEvidence | None = None

    def group_estimates(self, metric: str) -> list[tuple[GroupEvidence, Estimate]]:
        """Return every subgroup with its estimate of `metric`; absent where the metric was not measured."""
        missing = Estimate.absent("not measured for this group")
        return [(group, group.metrics.get(metric, missing)) for group in self.groups]
