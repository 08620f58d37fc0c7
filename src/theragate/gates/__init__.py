"""Gates: pure rules that judge evidence. They see no data, no model, no file and no clock."""

from theragate.gates._base import Gate
from theragate.gates._critical import critical_value
from theragate.gates._decide import decide
from theragate.gates._policy import Policy, read_policy
from theragate.gates._registry import GATES

__all__ = ["GATES", "Gate", "Policy", "critical_value", "decide", "read_policy"]
