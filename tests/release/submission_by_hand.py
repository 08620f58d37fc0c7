"""A submission made by hand that passes every check, and ways to spoil it."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence, overall

from theragate.digests import canonical_json, sha256_bytes, sha256_json
from theragate.evidence.types import Evidence
from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.release.admission import Actor, Refusal, approve, promote
from theragate.release.attestation import Attestation, sign_attestation, statement_of
from theragate.release.dossier import dossier_bytes
from theragate.release.examination import Submission
from theragate.release.keys import SigningKey
from theragate.release.ledger import Event, Row, append
from theragate.release.state import LedgerState, fold
from theragate.release.trust import Holder, Trust, TrustedKey
from theragate.release.waivers import Waiver

STUDY = STUDIES["survival"]
NAME = STUDY.name
POLICY = read_policy(STUDY)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PACKAGE = "a" * 64


def a_key(number: int) -> SigningKey:
    """The same key each time, so that tests have the same names in every process."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


EVALUATOR, LEDGER, STRANGER = a_key(1), a_key(2), a_key(3)
AUTHOR = "Ada Lovelace <ada@example.org>"
BOB, EVE, ADA = (Actor(name, "signed_in") for name in ("bob", "eve", "ada"))
REASON = "I have read all the evidence"


def first_release(**parts: Any) -> Evidence:
    """Evidence that passes, of a model that no champion stands before."""
    return changed(good_evidence(STUDY), **{"champion": None} | parts)


def blocked_release() -> Evidence:
    """Evidence that TG003 and TG004 block."""
    return overall(first_release(), concordance_index=estimate(0.5, 0.01), calibration_slope=estimate(0.3, 0.05))


def as_json(value: Any) -> Any:
    """JSON as a server reads it: sorted keys, lists instead of tuples."""
    return json.loads(canonical_json(value))


def recipe_of(model_sha256: str) -> str:
    """The digest of a recipe of the model, which only has to be its own."""
    return sha256_json({"recipe of": model_sha256})


def key_entry(key: SigningKey, *roles: str, name: str = "key", **more: Any) -> TrustedKey:
    return TrustedKey(name=name, public=key.public.base64, roles=frozenset(roles), **more)


def holders(*names: str) -> tuple[Holder, ...]:
    """Sign-in names with a right in all studies."""
    return tuple(Holder(name=name) for name in names)


def trust(**changes: Any) -> Trust:
    fields = {
        "keys": (key_entry(EVALUATOR, "evaluator", name="ci"), key_entry(LEDGER, "ledger", name="server")),
        "release_managers": holders("bob", "eve", "ada"),
        "policies": {NAME: (POLICY.sha256,)},
    }
    return Trust(**fields | changes)


def waiver(verdict: Verdict, code: str, **changes: Any) -> Waiver:
    finding = next(finding for finding in verdict.findings if finding.code == code)
    fields = {
        "study": NAME,
        "code": code,
        "gate": finding.gate,
        "status": finding.status,
        "evidence_sha256": verdict.evidence_sha256,
        "policy_sha256": verdict.policy_sha256,
        "reason": REASON,
        "by": "bob",
        "issued": NOW.date(),
        "expires": NOW.date() + timedelta(days=30),
    }
    return Waiver(**fields | changes)


@dataclass(frozen=True)
class DraftSubmission:
    """A version with all that a release asks for; `signed` changes what is signed, `sent` what the server gets."""

    evidence: Evidence = field(default_factory=first_release)
    version: str = "1"
    author: str = "ada"
    key: SigningKey = EVALUATOR
    policy: Any = field(default_factory=lambda: as_json(POLICY.document))
    signed: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> "DraftSubmission":
        return replace(self, **changes)

    def signing(self, **changes: Any) -> "DraftSubmission":
        return replace(self, signed=self.signed | changes)

    @cached_property
    def raw(self) -> Any:
        return as_json(self.evidence.model_dump(mode="json"))

    @cached_property
    def verdict(self) -> Verdict:
        evidence = Evidence.model_validate_json(canonical_json(self.raw))
        return decide(evidence, POLICY, evidence_sha256=sha256_json(self.raw))

    @cached_property
    def attestation(self) -> Attestation:
        verdict = self.verdict
        fields = {
            "study": NAME,
            "task": "survival",
            "simulated": self.evidence.cohort.simulated,
            "model_sha256": verdict.model_sha256,
            "package_sha256": PACKAGE,
            "cohort_sha256": verdict.cohort_sha256,
            "predictions_sha256": verdict.predictions_sha256,
            "evidence_sha256": verdict.evidence_sha256,
            "published_sha256": "b" * 64,
            "dossier_sha256": sha256_bytes(dossier_bytes(self.raw, self.policy)),
            "policy_sha256": verdict.policy_sha256,
            "verdict_sha256": sha256_json(verdict.model_dump(mode="json")),
            "recipe_sha256": recipe_of(verdict.model_sha256),
            "decision": verdict.decision,
            "comparator": verdict.comparator,
            "waivers": (),
            "conditions": {"lineage": "pass", "held_out_use": "pass"},
            "looks": 1,
            "commit": "c" * 40,
            "environment_sha256": "d" * 64,
            "author": AUTHOR,
            "recomputed": True,
            "issued": NOW - timedelta(days=1),
            "expires": NOW + timedelta(days=60),
        }
        return Attestation(**fields | self.signed)

    @cached_property
    def statement_sha256(self) -> str:
        return sha256_bytes(statement_of(self.attestation))

    @cached_property
    def submission(self) -> Submission:
        envelope = sign_attestation(self.attestation, self.key).text
        sent = Submission(NAME, self.version, self.author, envelope, self.raw, self.policy)
        return replace(sent, **self.sent)


class Release:
    """A ledger that events are written to, and the trust under which they are judged."""

    def __init__(self, **changes: Any) -> None:
        self.trust = trust(**changes)
        self.rows: list[Row] = []

    @property
    def state(self) -> LedgerState:
        return fold(self.rows)

    def write(self, event: Event) -> Event:
        self.rows.append(append(self.rows[-1] if self.rows else None, event, LEDGER))
        return event

    def approve(self, draft: DraftSubmission, actor: Actor = BOB, *, now: datetime = NOW, **changes: Any) -> Event:
        given = {"digest": draft.attestation.evidence_sha256[:12], "reason": REASON} | changes
        return self.write(approve(draft.submission, self.state, self.trust, actor, now=now, **given))

    def promote(self, draft: DraftSubmission, actor: Actor = EVE, *, now: datetime = NOW, **changes: Any) -> Event:
        signed = draft.attestation
        given = {"package_sha256": signed.package_sha256, "model_sha256": signed.model_sha256} | changes
        return self.write(promote(draft.submission, self.state, self.trust, actor, now=now, **given))

    def release(self, draft: DraftSubmission) -> Event:
        self.approve(draft)
        return self.promote(draft)


def challenger(champion: DraftSubmission, number: int) -> DraftSubmission:
    """A submission of another model, compared with `champion`."""
    before = good_evidence(STUDY).champion
    assert before is not None
    signed = champion.attestation
    compared = before.model_copy(update={"model_sha256": signed.model_sha256, "recipe_sha256": signed.recipe_sha256})
    evidence = first_release(champion=compared, model_sha256=f"{number:064x}")
    return DraftSubmission(evidence=evidence, version=str(number))


PASSING = DraftSubmission()
APPROVAL = Release().approve(PASSING)


def refused(match: str) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, match=match)


def approved(draft: DraftSubmission, **changes: Any) -> Release:
    """A release in which `draft` is approved, even where it breaks a rule."""
    release = Release(**changes)
    forged = APPROVAL.model_copy(update={"statement_sha256": draft.statement_sha256, "version": draft.version})
    release.write(forged)
    return release
