"""The published evidence of a version, as far as it is the one that was signed.

It is an artifact of the run, which the run's author can overwrite at any time. What has another digest than the signed
one is read by nobody.
"""

import json
from dataclasses import dataclass

from pydantic import ValidationError

from theragate.digests import canonical_json, sha256_bytes
from theragate.errors import StoreError
from theragate.evidence.types import Evidence
from theragate.registry.session import Session
from theragate.release.attestation import Attestation
from theragate.tracking.registry import RegisteredVersion

__all__ = ["ARTIFACT", "SignedEvidence", "read_signed_evidence"]

ARTIFACT = "evidence.json"


@dataclass(frozen=True)
class SignedEvidence:
    """The evidence with the digest that was signed, or None and, in a sentence, why none is shown."""

    evidence: Evidence | None
    why_not: str


def read_signed_evidence(session: Session, version: RegisteredVersion, signed: Attestation | None) -> SignedEvidence:
    """Return the published evidence of a version's run, if it is the one that `signed` names."""
    if signed is None:
        return SignedEvidence(None, "No number is shown: no trusted key has signed any evidence of this version.")
    try:
        content = session.registry.read_artifact(version.run_id, ARTIFACT)
    except StoreError as error:  # all else can be shown all the same
        return SignedEvidence(None, f"No number is shown: {error}")
    if content is None:
        return SignedEvidence(
            None, f"No number is shown: the run has no `{ARTIFACT}`, of which {_digits(signed)} was signed."
        )
    canonical = _canonical(content)
    digest = sha256_bytes(content if canonical is None else canonical)
    if canonical is None or digest != signed.published_sha256:
        return SignedEvidence(
            None,
            f"No number is shown: the run's `{ARTIFACT}` was changed after it was signed (SHA-256 {digest[:12]}, "
            f"signed was {_digits(signed)}). Approve nothing before you know who has changed it.",
        )
    try:
        return SignedEvidence(Evidence.model_validate_json(canonical), "")
    except ValidationError:
        return SignedEvidence(
            None, f"No number is shown: `{ARTIFACT}` is of another version of Theragate than this one."
        )


def _canonical(content: bytes) -> bytes | None:
    """Return JSON in canonical form, which is what is signed and then read; None where it is no JSON."""
    try:
        return canonical_json(json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return None


def _digits(signed: Attestation) -> str:
    return signed.published_sha256[:12]
