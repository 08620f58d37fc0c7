"""How much the clusters of a cohort differ: hospitals, practices or families, known by number only."""

from pydantic import Field

from theragate.evidence.types.estimate import Estimate, Scale
from theragate.evidence.types.measured import GroupEvidence
from theragate.study import Spec

__all__ = ["ClusterEvidence", "ClusterSummary"]


class ClusterSummary(Spec):
    """What the estimates of several clusters say together, by a random-effects model.

    ``mean`` is the mean over clusters; ``between`` the standard deviation of the clusters' true values, on ``scale``,
    and ``between_lower`` and ``between_upper`` its 95% limits; ``new_lower`` and ``new_upper`` hold what a new cluster
    would show in 95 of 100 cases, in the metric's unit. Without a mean there is none of them.
    """

    clusters: int
    mean: Estimate
    scale: Scale
    between: float | None = None
    between_lower: float | None = None
    between_upper: float | None = None
    new_lower: float | None = None
    new_upper: float | None = None


class ClusterEvidence(Spec):
    """The clusters of the patients held out, each predicted by models that had learned from none of its patients.

    ``effective`` is the number of clusters of one size that would know as much. ``each`` has the evidence of every
    cluster by number, where there are not too many to list; ``summaries`` goes by metric.
    """

    clusters: int
    effective: float
    smallest: int | None
    largest: int
    each: tuple[GroupEvidence, ...] = ()
    summaries: dict[str, ClusterSummary] = Field(default={})
