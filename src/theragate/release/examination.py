"""Examining a version that is submitted for release: nothing in it is trusted before it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from theragate.digests import sha256_json
from theragate.errors import EvidenceError, ExtensionError
from theragate.evidence.types import Evidence
from theragate.extensions import use
from theragate.gates import Policy, decide
from theragate.gates.types import Verdict
from theragate.release.attestation import PAYLOAD_TYPE, Attestation, ParsedStatement, read_statement
from theragate.release.dossier import dossier_bytes, dossier_sha256, read_dossier
from theragate.release.dsse import read_envelope, verify
from theragate.release.refusals import Refusal
from theragate.release.trust import Trust
from theragate.study import spec_of

__all__ = ["Author", "Examination", "Submission", "examine", "read_unverified", "verify_statement"]


@dataclass(frozen=True)
class Author:
    """Somebody who had a part in making a version, and which: `registered it`."""

    name: str
    part: str


@dataclass(frozen=True)
class Submission:
    """A version submitted for release, with its attestation and its dossier, all unverified.

    Parameters
    ----------
    study, version
        The name of the registered model and the number of the version, from the registry.
    author
        Who registered the version, as recorded by the server.
    envelope
        The text of the tag ``theragate.attestation``, which anybody may have written.
    evidence, policy
        The content of the dossier: the full evidence, and the policy as `Policy.document` returns it.
    others
        Who else had a part in the same model, as recorded by the server: registered it under any name or number, or
        made its run.
    """

    study: str
    version: str
    author: str
    envelope: str
    evidence: Any
    policy: Any
    others: tuple[Author, ...] = ()

    def authors(self, signed: Attestation) -> tuple[Author, ...]:
        """Return everybody who had a part in making the version, of which `signed` is attested."""
        own = Author(self.author, "registered it"), Author(signed.author, "made the commit")
        return (*own, *self.others)


@dataclass(frozen=True)
class Examination:
    """The result of examining a submission: what a trusted key states about it, and what the gates decide now."""

    statement: ParsedStatement
    key_id: str
    evidence: Evidence
    policy: Policy
    verdict: Verdict

    @property
    def attestation(self) -> Attestation:
        """The attestation that the key has signed."""
        return self.statement.attestation


def read_unverified(envelope: str) -> Attestation:
    """Return the attestation in an envelope without verifying its signature: to find the dossier, never to decide.

    Raises
    ------
    Refusal
        If it is not an envelope, or holds no statement about a release.
    """
    return read_statement(read_envelope(envelope).content).attestation


def verify_statement(envelope: str, trust: Trust, today: date) -> tuple[ParsedStatement, str]:
    """Return the statement in `envelope` and the id of the trusted evaluator's key that has signed it.

    Raises
    ------
    Refusal
        If no key that is trusted on the day `today`, for the study that it is about, has signed it, or it is no
        statement about a release.
    """
    parsed = read_envelope(envelope)
    verified = verify(parsed, trust.evaluators(today), payload_type=PAYLOAD_TYPE)
    statement = read_statement(verified.payload)
    study = statement.attestation.study
    keys = trust.evaluators(today, study)
    try:  # again: of several signatures, one may be by a key of this study
        return statement, verify(parsed, keys, payload_type=PAYLOAD_TYPE).key_id
    except Refusal as error:
        raise Refusal(
            "the attestation's signature",
            rule=f"it is that of a key which may attest the study `{study}`",
            received=f"that of key `{trust.key_name(verified.key_id)}`, which is limited to other studies",
            remedy="Let the evaluator of this study sign, or widen the key's `studies` in the trust file.",
        ) from error


def examine(submission: Submission, trust: Trust, today: date) -> Examination:
    """Verify the signature and judge the evidence again under the policy; no claim in the submission is believed.

    An extension that the policy names is imported only where `trust` lists the digest of what is installed here.

    Raises
    ------
    Refusal
        If attestation and dossier do not belong together, the policy names an extension that is not trusted or not
        installed here, or the gates do not decide now what was signed.
    """
    statement, key_id = verify_statement(submission.envelope, trust, today)
    signed = statement.attestation
    if signed.study != submission.study:
        raise _mismatch(submission, "it is about the study of this model", f"one about `{signed.study}`")
    sha256 = dossier_sha256(submission.evidence, submission.policy)
    if signed.dossier_sha256 != sha256:
        rule = f"the dossier is the one that was signed (SHA-256 {signed.dossier_sha256[:12]}…)"
        raise _mismatch(submission, rule, f"a dossier with other evidence or another policy (SHA-256 {sha256[:12]}…)")
    try:
        present = _admitted(submission.policy, trust)
        evidence, policy, verdict = _judge(dossier_bytes(submission.evidence, submission.policy), present)
    except ExtensionError as error:
        raise Refusal(error.subject, rule=error.rule, received=error.received, remedy=error.remedy) from error
    except EvidenceError as error:
        raise _mismatch(submission, f"{error.subject}: {error.rule}", error.received) from error
    stated, derived = _stated(signed), _derived(verdict, evidence)
    for name, value in derived.items():
        if stated[name] != value:
            rule = f"the {name} that it states follows from the evidence and the policy"
            raise _mismatch(submission, rule, f"`{stated[name]}`, but `{value}` follows")
    return Examination(statement=statement, key_id=key_id, evidence=evidence, policy=policy, verdict=verdict)


def _stated(signed: Attestation) -> Mapping[str, object]:
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


def _derived(verdict: Verdict, evidence: Evidence) -> Mapping[str, object]:
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


def _admitted(policy: Any, trust: Trust) -> tuple[str, ...]:
    """Let this process import the extensions that a policy names, where each is trusted; return their digests.

    `policy` is what somebody has sent: that it names an extension alone has nothing looked up, and nothing imported.

    Raises
    ------
    ExtensionError
        If one is not trusted, or what is installed here is not what is trusted.
    """
    declared = policy.get("declared") if isinstance(policy, dict) else None
    named = declared.get("extensions") if isinstance(declared, dict) else None
    if not isinstance(named, dict):
        return ()  # there are none, or the form of the policy is wrong and is refused
    for name, said in named.items():
        digest = said.get("sha256") if isinstance(said, dict) else None
        trusted = trust.extensions.get(name, ())
        if not isinstance(digest, str) or digest not in trusted:
            raise ExtensionError(
                f"extension `{ascii(name)[1:-1][:80]}`",
                rule="a policy names only extensions that are trusted here, each by its digest",
                received="no digest"
                if not isinstance(digest, str)
                else f"`{ascii(digest)[1:-1][:64]}`, "
                + (f"trusted is {' or '.join(trusted)}" if trusted else "while none of it is trusted"),
                remedy="Read the extension's code, then list the digest under `extensions` in release/trust.json.",
            )
    return tuple(use(name, trusted=trust.extensions[name]).sha256 for name in sorted(named))


@lru_cache(maxsize=64)
def _judge(content: bytes, extensions: tuple[str, ...]) -> tuple[Evidence, Policy, Verdict]:  # noqa: ARG001 - a key
    """Judge a dossier's file; a server judges the same bytes once, since they always give the same verdict.

    That holds as long as the `extensions`, of which these are the digests, are the same.
    """
    evidence_json, policy_json = read_dossier(content)
    remedy = "Attest the version again with this version of Theragate."
    evidence = spec_of(
        Evidence, evidence_json, subject="the evidence", remedy=remedy, error=EvidenceError, private=True
    )
    policy = Policy.of_json(policy_json)
    return evidence, policy, decide(evidence, policy, evidence_sha256=sha256_json(evidence_json))


def _mismatch(submission: Submission, rule: str, received: str) -> Refusal:
    return Refusal(
        f"`{submission.study}` version {submission.version}, attestation",
        rule=rule,
        received=received,
        remedy=f"Attest this version again: `theragate attest {submission.study}`.",
    )
