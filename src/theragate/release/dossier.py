"""What a server needs to judge a version again, and what it finds when it reads it: everything in it is untrusted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from theragate.digests import canonical_json, sha256_bytes, sha256_json
from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.gates import Policy, decide
from theragate.gates.types import Verdict
from theragate.release.attestation import PAYLOAD_TYPE, Attestation, Stated, read_statement
from theragate.release.dsse import read_envelope, verify
from theragate.release.refusals import Refusal
from theragate.release.trust import Trust
from theragate.study import spec_of

__all__ = [
    "Dossier",
    "Reading",
    "claimed",
    "dossier_bytes",
    "dossier_sha256",
    "examine",
    "read_dossier",
    "read_statement_of",
]


@dataclass(frozen=True)
class Dossier:
    """One version with its papers.

    Parameters
    ----------
    study, version
        The name of the registered model and the version's number, as the registry has them.
    author
        Who registered the version, as the server has recorded it.
    envelope
        The text of the tag ``theragate.attestation``, which anybody may have written.
    evidence, policy
        The content of the dossier's file: the full evidence, and the policy as `Policy.document` gives it.
    """

    study: str
    version: str
    author: str
    envelope: str
    evidence: Any
    policy: Any


@dataclass(frozen=True)
class Reading:
    """A dossier that was read and judged again: what a trusted key says of it, and what the gates say now."""

    stated: Stated
    key_id: str
    evidence: Evidence
    policy: Policy
    verdict: Verdict

    @property
    def attestation(self) -> Attestation:
        """What the key says."""
        return self.stated.attestation


def dossier_bytes(evidence: Any, policy: Any) -> bytes:
    """Return the content of a dossier's file: canonical JSON, which its SHA-256 names."""
    return canonical_json({"evidence": evidence, "policy": policy})


def dossier_sha256(dossier: Dossier) -> str:
    """Return the digest of the file that `dossier` was read from.

    Raises
    ------
    Refusal
        If it is not JSON.
    """
    try:
        return sha256_bytes(dossier_bytes(dossier.evidence, dossier.policy))
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused("what is not JSON") from error


def read_dossier(content: bytes) -> tuple[Any, Any]:
    """Read a dossier's file; return evidence and policy, not yet judged.

    Raises
    ------
    Refusal
        If it is of another form, or not canonical JSON.
    """
    try:
        raw = json.loads(content)
        whole = isinstance(raw, dict) and set(raw) == {"evidence", "policy"} and canonical_json(raw) == content
    except (ValueError, RecursionError) as error:
        raise _refused("what is not JSON") from error
    if not whole:
        raise _refused("another text")
    return raw["evidence"], raw["policy"]


def claimed(envelope: str) -> Attestation:
    """Return what an envelope says without asking who says it: to find its dossier, never to decide anything.

    Raises
    ------
    Refusal
        If it is not an envelope with a statement of ours.
    """
    return read_statement(read_envelope(envelope).content).attestation


def read_statement_of(envelope: str, trust: Trust, today: date) -> tuple[Stated, str]:
    """Return what a trusted evaluator has stated in `envelope`, and the id of its key.

    Raises
    ------
    Refusal
        If no key that counts on the day `today` has signed it, or it is another statement than ours.
    """
    verified = verify(read_envelope(envelope), trust.evaluators(today), payload_type=PAYLOAD_TYPE)
    return read_statement(verified.payload), verified.key_id


def examine(dossier: Dossier, trust: Trust, today: date) -> Reading:
    """Verify the signature, and judge the evidence again under the policy; nothing that a dossier claims is believed.

    Raises
    ------
    Refusal
        If the papers do not belong together, or the gates say now another thing than what was signed.
    """
    stated, key_id = read_statement_of(dossier.envelope, trust, today)
    signed = stated.attestation
    if signed.study != dossier.study:
        raise _mismatch(dossier, "it is of the study of this model", f"one of `{signed.study}`")
    if signed.dossier_sha256 != dossier_sha256(dossier):
        raise _mismatch(dossier, "the dossier is the one that was signed", "another evidence or policy")
    try:
        evidence, policy, verdict = _judged(dossier_bytes(dossier.evidence, dossier.policy))
    except EvidenceError as error:
        raise _mismatch(dossier, f"{error.subject}: {error.rule}", error.received) from error
    named = _named(signed)
    for name, value in _found(verdict, evidence).items():
        if named[name] != value:
            rule = f"what it says of the {name} follows from the evidence and the policy"
            raise _mismatch(dossier, rule, "another statement")
    return Reading(stated=stated, key_id=key_id, evidence=evidence, policy=policy, verdict=verdict)


def _named(signed: Attestation) -> Mapping[str, object]:
    return {
        "study": signed.study,
        "task": signed.task,
        "cohort": signed.cohort_sha256,
        "label of simulated patients": signed.simulated,
        "predictions": signed.predictions_sha256,
        "model": signed.model_sha256,
        "evidence": signed.evidence_sha256,
        "policy": signed.policy_sha256,
        "comparator": signed.comparator,
        "decision": signed.decision,
        "verdict": signed.verdict_sha256,
    }


def _found(verdict: Verdict, evidence: Evidence) -> Mapping[str, object]:
    return {
        "study": verdict.study,
        "task": evidence.task,
        "cohort": verdict.cohort_sha256,
        "label of simulated patients": evidence.cohort.simulated,
        "predictions": verdict.predictions_sha256,
        "model": verdict.model_sha256,
        "evidence": verdict.evidence_sha256,
        "policy": verdict.policy_sha256,
        "comparator": verdict.comparator,
        "decision": verdict.decision,
        "verdict": sha256_json(verdict.model_dump(mode="json")),
    }


@lru_cache(maxsize=64)
def _judged(content: bytes) -> tuple[Evidence, Policy, Verdict]:
    """Judge a dossier's file. The same bytes give the same verdict, so that a server judges each of them once."""
    evidence_json, policy_json = read_dossier(content)
    remedy = "Attest the version again with this version of Theragate."
    evidence = spec_of(
        Evidence, evidence_json, subject="the evidence", remedy=remedy, error=EvidenceError, private=True
    )
    policy = Policy.of_json(policy_json)
    try:
        verdict = decide(evidence, policy, evidence_sha256=sha256_json(evidence_json))
    except EvidenceError as error:
        raise EvidenceError(
            "the dossier", rule="evidence and policy are of one study", received="those of two", remedy=error.remedy
        ) from error
    return evidence, policy, verdict


def _mismatch(dossier: Dossier, rule: str, received: str) -> Refusal:
    return Refusal(
        f"`{dossier.study}` version {dossier.version}, attestation",
        rule=rule,
        received=received,
        remedy=f"Attest this version again: `theragate attest {dossier.study}`.",
    )


def _refused(received: str) -> Refusal:
    return Refusal(
        "the dossier",
        rule="it holds evidence and policy in canonical JSON, as `theragate` writes them",
        received=received,
        remedy="Attest the version again: `theragate attest STUDY`.",
    )
