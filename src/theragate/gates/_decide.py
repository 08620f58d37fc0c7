"""From evidence and policy to a verdict: the one judge."""

from collections.abc import Sequence
from typing import Literal

from theragate.errors import EvidenceError, ExtensionError
from theragate.evidence.types import Evidence
from theragate.gates._base import Declared, Gate
from theragate.gates._comparability import Comparability
from theragate.gates._data_quality import DataQuality
from theragate.gates._finding import finding_of, left_out
from theragate.gates._personalisation import Personalisation
from theragate.gates._policy import Policy
from theragate.gates._registry import GATES
from theragate.gates._review import review
from theragate.gates._shared_level import widened
from theragate.gates.types import Finding, Verdict

__all__ = ["decide"]

# What a finding says of its gate, whatever the evidence.
_SAID = ("code", "gate", "title", "severity", "protects", "waivable")

# The findings by which an average effect stands or falls; the first is there only where a person has still to look.
OF_THE_AVERAGE = ("review", DataQuality.name, Comparability.name)


def decide(evidence: Evidence, policy: Policy, *, evidence_sha256: str) -> Verdict:
    """Judge `evidence` under `policy`.

    The decision is ``PASS`` only where every gate of the registry is in the policy and passes or does not apply. A
    gate that the policy lacks is listed as ``insufficient``, so that an empty policy blocks; one that is not asked of
    the study's task is listed as not applicable. What is marked as not reviewed comes first, see `review`. Where the
    policy shares the 5% out among several looks, every gate judges intervals that are that much wider.

    Parameters
    ----------
    evidence
        What was measured.
    policy
        From `read_policy`.
    evidence_sha256
        The digest of the evidence's file, which the verdict carries.

    Raises
    ------
    EvidenceError
        If the evidence is of another study or task than the policy.
    ExtensionError
        If a gate of an extension raises over the evidence, or gives no finding under its own name.
    """
    declared = policy.declared
    if (evidence.study, evidence.task) != (declared.study, declared.task):
        raise EvidenceError(
            f"study `{declared.study}`",
            rule=f"its evidence is of this study and of the task `{declared.task}`",
            received=f"evidence of `{evidence.study}`, task `{evidence.task}`",
            remedy=f"Run `dvc repro evaluate@{declared.study}`.",
        )
    gates = {gate.name: gate for gate in policy.gates}
    # Digests are those of the evidence as it was measured; what is judged may be wider.
    wide = widened(evidence, policy.shared_by)
    judged = [_finding(name, kind, gates, declared, wide) for name, kind in policy.asked.items()]
    findings = (*review(declared), *judged)
    return Verdict(
        study=evidence.study,
        decision=_decision(findings),
        findings=findings,
        evidence_sha256=evidence_sha256,
        policy_sha256=policy.sha256,
        cohort_sha256=evidence.cohort.sha256,
        predictions_sha256=evidence.predictions_sha256,
        model_sha256=evidence.model_sha256,
        comparator=f"champion {evidence.champion.model_sha256}" if evidence.champion else "none: first release",
    )


def _finding(name: str, kind: type[Gate], gates: dict[str, Gate], declared: Declared, evidence: Evidence) -> Finding:
    if declared.task not in kind.tasks:
        return finding_of(kind, "not_applicable", kind.elsewhere, reason=kind.elsewhere)
    if name not in gates:
        return left_out(kind, "gate")
    finding = gates[name].judge(evidence) if name in GATES else _judged_by_others(gates[name], evidence)
    if evidence.censoring is None or not kind.with_outcomes or finding.status == "not_applicable":
        return finding
    return finding.model_copy(update={"assumption": evidence.censoring.assumption})


def _judged_by_others(gate: Gate, evidence: Evidence) -> Finding:
    """Ask a gate of an extension: whatever it raises is one line, and its finding is under its own name."""
    try:
        finding = gate.judge(evidence)
        received = "" if isinstance(finding, Finding) else f"an object of type {type(finding).__name__}"
    except Exception as error:  # noqa: BLE001 - others' code may raise what it likes, and a verdict needs its answer
        received = f"the error {type(error).__name__}"
    own = finding_of(type(gate), "pass", "", reason="")
    if not received and any(getattr(finding, key) != getattr(own, key) for key in _SAID):
        received = f"one under the name `{finding.gate}`, {finding.code}"
    if received:
        raise ExtensionError(
            f"study `{evidence.study}`, gate {gate.code} `{gate.name}` of an extension",
            rule="it answers evidence with a finding under its own name",
            received=received,
            remedy="Tell its author, or judge without the extension.",
        )
    return finding


def _decision(findings: Sequence[Finding]) -> Literal["PASS", "NOT_PERSONALISED", "BLOCKED"]:
    """Return what follows: an average effect stands where its own gates pass, whatever becomes of the personal ones."""
    status = {finding.gate: finding.status for finding in findings}
    if findings and all(answer in ("pass", "not_applicable") for answer in status.values()):
        return "PASS"
    sound = all(status.get(name, "pass") in ("pass", "not_applicable") for name in OF_THE_AVERAGE)
    shown = status[Personalisation.name] in ("pass", "not_applicable")
    return "NOT_PERSONALISED" if sound and not shown else "BLOCKED"
