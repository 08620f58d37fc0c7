"""From facts and policy to the findings of the release conditions."""

from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates._policy import CONDITIONS, Policy
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
        declared[name].judge(facts) if name in declared else _left_out(kind) for name, kind in CONDITIONS.items()
    )


def _left_out(kind: type[Condition]) -> Finding:
    return Finding(
        code=kind.code,
        gate=kind.name,
        title=kind.title,
        severity=kind.severity,
        protects=kind.protects,
        status="insufficient",
        reason="The policy gives none.",
        summary="The policy leaves this condition out, so nothing was judged.",
        next_step="Declare the condition with its limits and their reason.",
    )
