"""What is measured of a model: in groups, against another, under a stress, at thresholds; and what varies together."""

import operator
from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from theragate.evidence.types.estimate import Estimate
from theragate.study import Spec

__all__ = ["Comparison", "Contrast", "Curve", "Family", "GroupEvidence", "ScenarioEvidence", "ThresholdEvidence"]


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


class Curve(Spec):
    """Points of a figure; ``lower`` and ``upper`` are pointwise 95% limits where there are any.

    Between ``band_lower`` and ``band_upper`` the whole curve is meant to lie in 95 of 100 studies, and lies in fewer
    (``docs/statistics.md``); they are empty where there is no such band.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    band_lower: tuple[float, ...] = Field(default=(), exclude_if=operator.not_)
    band_upper: tuple[float, ...] = Field(default=(), exclude_if=operator.not_)
