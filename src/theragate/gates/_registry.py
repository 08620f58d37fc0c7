"""The gates and the release conditions of Theragate, in the order in which a verdict lists them."""

from theragate.gates._base import Gate
from theragate.gates._calibration import Calibration
from theragate.gates._comparability import Comparability
from theragate.gates._conditions import Condition
from theragate.gates._data_quality import DataQuality
from theragate.gates._discrimination import Discrimination
from theragate.gates._fairness import Fairness
from theragate.gates._held_out_use import HeldOutUse
from theragate.gates._lineage import Lineage
from theragate.gates._non_inferiority import NonInferiority
from theragate.gates._personalisation import Personalisation
from theragate.gates._privacy import Privacy
from theragate.gates._robustness import Robustness
from theragate.gates._stability import Stability
from theragate.gates._subgroup_adequacy import SubgroupAdequacy
from theragate.gates._suspicious_performance import SuspiciousPerformance
from theragate.gates._utility import Utility

__all__ = ["CONDITIONS", "GATES"]

GATES: dict[str, type[Gate]] = {
    "data_quality": DataQuality,
    "suspicious_performance": SuspiciousPerformance,
    "discrimination": Discrimination,
    "calibration": Calibration,
    "utility": Utility,
    "fairness": Fairness,
    "subgroup_adequacy": SubgroupAdequacy,
    "robustness": Robustness,
    "stability": Stability,
    "non_inferiority": NonInferiority,
    "personalisation": Personalisation,
    "comparability": Comparability,
    "privacy": Privacy,
}

# The release conditions, in the order in which they are listed after the gates.
CONDITIONS: dict[str, type[Condition]] = {
    "lineage": Lineage,
    "held_out_use": HeldOutUse,
}
