"""Everything that the gates may know about a model, and on how many patients it rests."""

import operator
from typing import Literal

from pydantic import Field

from theragate.evidence.types.censoring import CensoringEvidence
from theragate.evidence.types.clusters import ClusterEvidence
from theragate.evidence.types.estimate import Estimate
from theragate.evidence.types.measured import (
    Comparison,
    Contrast,
    Curve,
    Family,
    GroupEvidence,
    ScenarioEvidence,
    ThresholdEvidence,
)
from theragate.evidence.types.refits import AuditSample, ChampionEvidence, MembershipEvidence, StabilityEvidence
from theragate.evidence.types.treatment import TreatmentEvidence
from theragate.study import Spec, TaskName

__all__ = ["CohortFacts", "DataFacts", "Evidence"]

_FAR = 2.0  # times as far as refits are, on average: chance takes no model of more than a few coefficients there


class CohortFacts(Spec):
    """How much there is to learn from. For survival, ``events`` counts those by the horizon."""

    sha256: str
    patients: int
    events: int | None
    non_events: int | None
    censored_before_horizon: int | None = None
    simulated: bool = False


class DataFacts(Spec):
    """What validation found. Expectations are named by their id in the suite.

    ``leakage`` names the features that give the outcome away, and ``suspected`` those that may;
    ``confounded`` names the batch with which the outcome, or the treatment, goes.
    """

    suite_sha256: str
    expectations: int
    critical: tuple[str, ...]
    warnings: tuple[str, ...]
    leakage: tuple[str, ...]
    suspected: tuple[str, ...] = Field(default=(), exclude_if=operator.not_)
    confounded: tuple[str, ...] = Field(default=(), exclude_if=operator.not_)


class Evidence(Spec):
    """Everything that the gates may know about a model.

    ``report_only`` names the metrics that are shown and never judged. ``stability`` and ``membership`` are None
    where they were not measured, ``audited`` where they were measured in all patients; ``champion`` where there is
    none: a first release; ``treatment`` where no treatments are compared; ``censoring`` where nobody was lost before a
    horizon; ``clusters`` where the study declares none.
    ``cross_validated``: the predicting models learned from the other patients of this very cohort.
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
    cross_validated: bool = Field(default=False, exclude_if=operator.not_)
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
    audited: AuditSample | None = Field(default=None, exclude_if=operator.not_)
    champion: ChampionEvidence | None = None
    treatment: TreatmentEvidence | None = None
    censoring: CensoringEvidence | None = Field(default=None, exclude_if=operator.not_)
    clusters: ClusterEvidence | None = Field(default=None, exclude_if=operator.not_)

    @property
    def unlike_sample(self) -> bool:
        """Whether the released model is farther from that of the audited sample than chance takes it.

        The mean distance of one model of the sample from the truth of its recipe is about that of a refit from it.
        """
        value = self.stability.difference.value if self.stability else None
        return self.audited is not None and value is not None and self.audited.apart > _FAR * value

    def group_estimates(self, metric: str) -> list[tuple[GroupEvidence, Estimate]]:
        """Return every subgroup with its estimate of `metric`; absent where the metric was not measured."""
        missing = Estimate.absent("not measured for this group")
        return [(group, group.metrics.get(metric, missing)) for group in self.groups]
