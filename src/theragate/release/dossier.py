"""The dossier of a version: the full evidence and the policy in one file, which its SHA-256 names."""

import json
from typing import Any

from theragate.digests import canonical_json, sha256_bytes
from theragate.release.refusals import Refusal

__all__ = ["dossier_bytes", "dossier_sha256", "read_dossier"]


def dossier_bytes(evidence: Any, policy: Any) -> bytes:
    """Return the content of the file, in canonical JSON."""
    return canonical_json({"evidence": evidence, "policy": policy})


def dossier_sha256(evidence: Any, policy: Any) -> str:
    """Return the digest of the file with this content.

    Raises
    ------
    Refusal
        If the content is not JSON.
    """
    try:
        return sha256_bytes(dossier_bytes(evidence, policy))
    except (TypeError, ValueError, RecursionError) as error:
        raise _malformed("content that is not JSON") from error


def read_dossier(content: bytes) -> tuple[Any, Any]:
    """Return the evidence and the policy in a dossier's file, unverified.

    Raises
    ------
    Refusal
        If the file has another form or is not canonical JSON.
    """
    try:
        document = json.loads(content)
        entries = sorted(document) if isinstance(document, dict) else None
        canonical = canonical_json(document) == content
    except (ValueError, RecursionError) as error:
        raise _malformed("content that is not JSON") from error
    if entries != ["evidence", "policy"]:
        raise _malformed(f"JSON of type {type(document).__name__}" if entries is None else f"{len(entries)} entries")
    if not canonical:
        raise _malformed("JSON that is not canonical")
    return document["evidence"], document["policy"]


def _malformed(received: str) -> Refusal:
    return Refusal(
        "the dossier",
        rule="it holds the entries `evidence` and `policy` in canonical JSON, as Theragate writes them",
        received=received,
        remedy="Attest the version again: `theragate attest STUDY`.",
    )
