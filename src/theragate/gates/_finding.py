"""A finding under the name of what was asked, whether it was a gate or a condition of release."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from theragate.gates.types import Finding, Judged, Severity, Status

__all__ = ["Rule", "finding_of", "left_out"]


class Rule(Protocol):
    """What a gate and a condition have in common: who asks, and what for."""

    code: ClassVar[str]
    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    protects: ClassVar[str]
    waivable: ClassVar[bool]


def finding_of(
    rule: type[Rule],
    status: Status,
    summary: str,
    *,
    reason: str,
    next_step: str = "",
    comparisons: Sequence[Judged] = (),
    warnings: Sequence[str] = (),
) -> Finding:
    """Return a finding under the name of `rule`."""
    return Finding(
        code=rule.code,
        gate=rule.name,
        title=rule.title,
        severity=rule.severity,
        protects=rule.protects,
        reason=reason,
        status=status,
        summary=summary,
        next_step=next_step,
        comparisons=tuple(comparisons),
        warnings=tuple(warnings),
        waivable=rule.waivable,
    )


def left_out(rule: type[Rule], what: str) -> Finding:
    """Return the finding about a gate or condition (`what`) that the policy does not declare."""
    return finding_of(
        rule,
        "insufficient",
        f"The policy leaves this {what} out, so nothing was judged.",
        reason="The policy gives none.",
        next_step=f"Declare the {what} with its limits and their reason.",
    )
