"""The ledger of release events: append-only, hash-chained, signed row by row.

Changing, removing, adding or reordering rows without the ledger's key is detected, and the first invalid row is named.
Rows cut off at the end leave a valid chain; readers who pin the last row (`theragate.registry.pinned_head`) notice.
"""

import base64
from collections.abc import Iterable
from datetime import UTC, date
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from theragate.digests import canonical_json, sha256_bytes
from theragate.errors import StoreError
from theragate.release.attestation import Moment
from theragate.release.dsse import pae
from theragate.release.keys import SigningKey
from theragate.release.trust import Trust, TrustedKey
from theragate.release.waivers import Digest, plain
from theragate.study import Name, Spec

__all__ = [
    "GENESIS",
    "Event",
    "Identity",
    "Kind",
    "Row",
    "UserName",
    "Version",
    "append",
    "first_day",
    "releasing",
    "verify_rows",
]

Kind = Literal["approve", "promote", "rollback", "revoke", "withdraw"]
Identity = Literal["signed_in", "claimed"]
UserName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(plain)]
Version = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]

GENESIS = "0" * 64  # the hash before the first row
_ROW_TYPE = "application/vnd.theragate.ledger-row.v1"


class Event(Spec):
    """What somebody has decided about one version.

    ``identity`` says whether ``actor`` had signed in to the server, or the name is only claimed. The digests are those
    of the attestation that the decision rests on; ``replaces`` is the champion that a promotion or a rollback replaced.
    """

    model_config = ConfigDict(strict=True)

    study: Name
    kind: Kind
    version: Version
    actor: UserName
    identity: Identity
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(plain)]
    at: Moment
    package_sha256: Digest
    model_sha256: Digest
    statement_sha256: Digest
    evidence_sha256: Digest
    policy_sha256: Digest
    recipe_sha256: Digest
    replaces: Version | None = None


class Row(Spec):
    """An event with its number, the hash of the row before, its own hash, and its signature."""

    model_config = ConfigDict(strict=True)

    seq: Annotated[int, Field(ge=1)]
    previous_hash: Digest
    event: Event
    hash: Digest
    key_id: Digest
    signature: str

    @property
    def content_hash(self) -> str:
        """The hash that the row should have: that of number, previous hash and event."""
        return sha256_bytes(canonical_json([self.seq, self.previous_hash, self.event.model_dump(mode="json")]))


def append(head: Row | None, event: Event, key: SigningKey) -> Row:
    """Return the row that appends `event` to the ledger, whose last row is `head`, None where it is empty.

    Time never runs backwards in a ledger: where this server's clock is behind, the event gets the time of the last row.
    """
    if head is not None and event.at < head.event.at:
        event = event.model_copy(update={"at": head.event.at})
    unsigned = Row(
        seq=1 if head is None else head.seq + 1,
        previous_hash=GENESIS if head is None else head.hash,
        event=event,
        hash=GENESIS,
        key_id=key.key_id,
        signature="",
    )
    digest = unsigned.content_hash
    signature = base64.b64encode(key.sign(_message(digest))).decode()
    return unsigned.model_copy(update={"hash": digest, "signature": signature})


def releasing(study: str, version: str, rows: Iterable[Row]) -> Event | None:
    """Return the latest event that put a version into service; None where none ever did."""
    events = [row.event for row in rows if row.event.kind in ("promote", "rollback")]
    return next((one for one in reversed(events) if (one.study, one.version) == (study, version)), None)


def first_day(event: Event, rows: Iterable[Row]) -> date:
    """Return the day (UTC) on which the statement of `event` first came into service.

    A rollback returns to what was promoted earlier: the evaluator's key must have counted then, and may have been
    rotated since.
    """
    same = (event.study, event.version, event.statement_sha256)
    first = next(
        (
            row.event
            for row in rows
            if row.event.kind == "promote" and (row.event.study, row.event.version, row.event.statement_sha256) == same
        ),
        event,
    )
    return first.at.astimezone(UTC).date()


_INVESTIGATE = "Release nothing; compare the ledger with its backup, and find out who wrote to the database."
_NO_TRUST_FILE = (
    "Without a trust file only this machine's development key counts: set THERAGATE_TRUST to the trust file of "
    "the team whose registry this is."
)


def verify_rows(rows: Iterable[Row], trust: Trust, *, after: Row | None = None) -> Row | None:
    """Check that `rows` are unchanged, in order and signed by a key of the ledger; return the last one.

    Parameters
    ----------
    trust
        Whom to trust. Rows that a key has signed before the day of its revocation still count; since time never runs
        backwards in a ledger, it cannot have signed later ones.
    after
        The last verified row, where `rows` begin after it.

    Raises
    ------
    StoreError
        If a row is invalid; the first one is named.
    """
    known = {entry.key.key_id: entry for entry in trust.of_role("ledger")}
    head = after
    for row in rows:
        why = _fault(row, head, known)
        if why:
            expected = 1 if head is None else head.seq + 1
            raise StoreError(
                f"ledger, row {expected}",
                rule="each row follows from the one before and is signed by a key of the ledger",
                received=f"a row {why}",
                remedy=_NO_TRUST_FILE if trust.development and row.key_id not in known else _INVESTIGATE,
            )
        head = row
    return head


def _fault(row: Row, head: Row | None, known: dict[str, TrustedKey]) -> str:
    """Return what is wrong with a row that follows `head`; empty where nothing is."""
    expected = 1 if head is None else head.seq + 1
    if row.seq != expected:
        return f"with the number {row.seq}: one was removed, added or moved"
    if row.previous_hash != (GENESIS if head is None else head.hash):
        return "that does not follow from the one before"
    if row.hash != row.content_hash:
        return "that was changed"
    if head is not None and row.event.at < head.event.at:
        return "that is older than the one before"
    entry = known.get(row.key_id)
    if entry is None:
        return f"signed by key {row.key_id[:12]}, which is not one of the ledger's"
    if entry.revoked is not None and row.event.at.astimezone(UTC).date() >= entry.revoked:
        return f"signed by key {row.key_id[:12]} after its revocation on {entry.revoked}"
    try:
        signature = base64.b64decode(row.signature, validate=True)
    except ValueError:
        signature = b""
    return "" if entry.key.verifies(_message(row.hash), signature) else "with a forged signature"


def _message(digest: str) -> bytes:
    return pae(_ROW_TYPE, bytes.fromhex(digest))
