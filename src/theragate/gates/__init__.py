"""Gates and release conditions: pure rules that judge evidence and facts. They see no data, no model, no clock."""

from theragate.gates._base import Declared, Gate
from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates._critical import critical_value
from theragate.gates._decide import decide
from theragate.gates._held_out_use import chance_words
from theragate.gates._policy import Policy, read_policy
from theragate.gates._registry import CONDITIONS, GATES
from theragate.gates._release import conditions
from theragate.gates._shared_level import shared_critical

__all__ = [
    "CONDITIONS",
    "GATES",
    "Condition",
    "Declared",
    "Gate",
    "Policy",
    "ReleaseFacts",
    "chance_words",
    "conditions",
    "critical_value",
    "decide",
    "read_policy",
    "shared_critical",
]
