"""From evidence and policy to a verdict: the one judge."""

from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.gates._base import Gate
from theragate.gates._policy import Policy
from theragate.gates._registry import GATES
from theragate.gates._review import review
from theragate.gates.types import Finding, Verdict

__all__ = ["decide"]


def decide(evidence: Evidence, policy: Policy, *, evidence_sha256: str) -> Verdict:
    """Judge `evidence` under `policy`.

    The decision is ``PASS`` only where every gate of the registry is in the policy and passes or does not apply. A
    gate that the policy lacks is listed as ``insufficient``, so that an empty policy blocks. What is marked as not
    reviewed comes first, see `review`.

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
    judged = [gates[name].judge(evidence) if name in gates else _left_out(kind) for name, kind in GATES.items()]
    findings = (*review(declared), *judged)
    let_through = all(finding.status in ("pass", "not_applicable") for finding in findings)
    return Verdict(
        study=evidence.study,
        decision="PASS" if let_through else "BLOCKED",
        findings=findings,
        evidence_sha256=evidence_sha256,
        policy_sha256=policy.sha256,
        cohort_sha256=evidence.cohort.sha256,
        predictions_sha256=evidence.predictions_sha256,
        model_sha256=evidence.model_sha256,
        comparator=f"champion {evidence.champion.model_sha256}" if evidence.champion else "none: first release",
    )


def _left_out(gate: type[Gate]) -> Finding:
    return Finding(
        code=gate.code, gate=gate.name, title=gate.title, severity=gate.severity, protects=gate.protects,
        status="insufficient", reason="The policy gives none.",
        summary="The policy leaves this gate out, so nothing was judged.",
        next_step="Declare the gate with its limits and their reason.",
    )  # fmt: skip
