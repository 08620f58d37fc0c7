"""From facts and policy to the findings of the release conditions."""

from theragate.gates._conditions import ReleaseFacts
from theragate.gates._finding import left_out
from theragate.gates._policy import Policy
from theragate.gates._registry import CONDITIONS
from theragate.gates.types import Finding

__all__ = ["conditions"]


def conditions(facts: ReleaseFacts, policy: Policy) -> tuple[Finding, ...]:
    """Judge `facts` under `policy`.

    A verdict does not depend on them: it is about files, and stays what it is when the project moves on. What the
    policy leaves out is listed as ``insufficient``, so that an empty policy lets nothing through.

    Returns
    -------
    One finding for each entry of ``CONDITIONS``, in its order. All have to be ``pass`` for a release.
    """
    declared = {condition.name: condition for condition in policy.conditions}
    return tuple(
        declared[name].judge(facts) if name in declared else left_out(kind, "condition")
        for name, kind in CONDITIONS.items()
    )
