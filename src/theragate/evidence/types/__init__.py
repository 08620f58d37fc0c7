"""The form of evidence: estimates with intervals, overall and per subgroup, and how they vary together. Light."""

from theragate.evidence.types.censoring import CensoringEvidence
from theragate.evidence.types.clusters import ClusterEvidence, ClusterSummary
from theragate.evidence.types.estimate import Z95, Estimate, Scale, from_scale, to_scale
from theragate.evidence.types.evidence import CohortFacts, DataFacts, Evidence
from theragate.evidence.types.measured import (
    Comparison,
    Contrast,
    Curve,
    Family,
    GroupEvidence,
    ScenarioEvidence,
    ThresholdEvidence,
)
from theragate.evidence.types.refits import (
    AUDITED_MODELS,
    AttackEvidence,
    AuditSample,
    ChampionEvidence,
    MembershipEvidence,
    StabilityEvidence,
)
from theragate.evidence.types.treatment import OverlapEvidence, SimultaneousBand, TreatmentArm, TreatmentEvidence

__all__ = [
    "AUDITED_MODELS",
    "Z95",
    "AttackEvidence",
    "AuditSample",
    "CensoringEvidence",
    "ChampionEvidence",
    "ClusterEvidence",
    "ClusterSummary",
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
    "Scale",
    "ScenarioEvidence",
    "SimultaneousBand",
    "StabilityEvidence",
    "ThresholdEvidence",
    "TreatmentArm",
    "TreatmentEvidence",
    "from_scale",
    "to_scale",
]
