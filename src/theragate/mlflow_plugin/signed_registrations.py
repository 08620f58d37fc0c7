"""Registrations with the server's signature: what is written past the server says nothing about who registered what.

Whoever has the password of the server's role can add rows to its database, but has no key that the trust file lists.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlflow.utils.uri import is_local_uri
from sqlalchemy import select
from sqlalchemy.orm import Session

from theragate.digests import canonical_json, sha256_bytes
from theragate.mlflow_plugin.tables import REGISTRATIONS, SIGNATURES
from theragate.release.dsse import pae
from theragate.release.keys import SigningKey
from theragate.release.trust import Trust

__all__ = ["Registered", "add_registration", "counted"]

Registered = Mapping[str, Any]  # a row of the table of registrations

_TYPE = "application/vnd.theragate.registration.v1"
_TOGETHER = 500  # digests that one query asks for
_PLACES = ("source", "location")


def add_registration(session: Session, row: Registered, key: SigningKey | None) -> None:
    """Add a row, signed by `key`; without one where nobody signs in, so that no name is more than claimed."""
    whole = {"runner": "", "package_sha256": None, "model_sha256": None} | dict(row)
    session.execute(REGISTRATIONS.insert().values(**whole))
    if key is not None:
        digest = _digest(whole)
        signature = base64.b64encode(key.sign(_message(digest))).decode()
        session.execute(SIGNATURES.insert().values(sha256=digest, key_id=key.key_id, signature=signature))


def counted(session: Session, rows: Iterable[Registered], trust: Trust) -> list[Registered]:
    """Return those of `rows` that a key of the ledger has signed, before it was revoked; in development, all."""
    found = list(rows)
    if trust.development:
        return found
    digests = [_digest(row) for row in found]
    signatures = _signatures(session, digests)
    return [
        row
        for row, digest in zip(found, digests, strict=True)
        if any(_is_signed(row, digest, key_id, signature, trust) for key_id, signature in signatures.get(digest, ()))
    ]


def _signatures(session: Session, digests: Sequence[str]) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    columns = SIGNATURES.c
    for start in range(0, len(digests), _TOGETHER):
        some = digests[start : start + _TOGETHER]
        query = select(columns.sha256, columns.key_id, columns.signature).where(columns.sha256.in_(some))
        for digest, key_id, signature in session.execute(query):
            found.setdefault(str(digest), set()).add((str(key_id), str(signature)))
    return found


def _is_signed(row: Registered, digest: str, key_id: str, signature: str, trust: Trust) -> bool:
    day = datetime.fromtimestamp(int(row["at"]), UTC).date()
    try:
        given = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    return any(
        entry.key.key_id == key_id
        and (entry.revoked is None or day < entry.revoked)
        and entry.key.verifies(_message(digest), given)
        for entry in trust.of_role("ledger")
    )


def _digest(row: Registered) -> str:
    """Return the digest of what a row says: all but its number, and places on this machine, which a project leaves."""
    said = {name: row[name] for name in REGISTRATIONS.c.keys() if name != "id"}  # noqa: SIM118 - columns, no mapping
    return sha256_bytes(canonical_json(said | {name: "" for name in _PLACES if is_local_uri(str(row[name]))}))


def _message(digest: str) -> bytes:
    return pae(_TYPE, bytes.fromhex(digest))
