"""The ledger, the dossiers and the registrations: our own tables beside MLflow's, in the same transactions."""

import time
from collections.abc import Collection, Sequence

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from theragate.digests import canonical_json
from theragate.errors import StoreError
from theragate.release.ledger import Row

__all__ = [
    "REGISTRATIONS",
    "SIGNATURES",
    "add_dossier",
    "add_row",
    "create_tables",
    "dossiers_of",
    "find_dossier",
    "hash_of_row",
    "is_mentioned",
    "lock",
    "mentioned",
    "registered_models",
    "remove_dossiers",
    "rows_after",
    "said_by_database",
    "was_in_service",
]

_METADATA = MetaData()  # not MLflow's: its checks of its own schema never see these tables

# `study`, `kind` and `version` repeat what `event` holds, for triggers and for people who query the table.
LEDGER = Table(
    "theragate_ledger",
    _METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("study", String(256), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Index("theragate_ledger_study", "study", "version"),
)
DOSSIERS = Table(
    "theragate_dossiers",
    _METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("received", Integer, nullable=False),
    Column("sender", String(256), nullable=False),
)
# Who has registered what; a row more where the files of a version were hashed. Rows are only added.
REGISTRATIONS = Table(
    "theragate_registrations",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("name", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("person", String(256), nullable=False),
    Column("runner", Text, nullable=False, default=""),
    Column("source", String(1000), nullable=False),
    Column("location", String(1000), nullable=False),
    Column("run_id", String(64), nullable=False, index=True),
    Column("model_id", String(64), nullable=False),
    Column("package_sha256", String(64), nullable=True, index=True),
    Column("model_sha256", String(64), nullable=True, index=True),
    Index("theragate_registrations_version", "name", "version"),
    Index("theragate_registrations_source", "source"),
    Index("theragate_registrations_location", "location"),
)
# The server's signature of a registration, by the digest of what it says.
SIGNATURES = Table(
    "theragate_registration_signatures",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

_LOCK = 0x7468657261676174  # PostgreSQL's advisory lock for decisions about releases: "theragat" in ASCII
_LOCK_TIMEOUT = 60_000  # milliseconds that one decision waits for another


def create_tables(engine: Engine) -> None:
    """Create our tables where they are missing; of several processes at once, one creates them."""
    if _exist(engine):
        return
    with engine.begin() as connection:
        _lock_database(connection)
        _METADATA.create_all(connection)


def _exist(engine: Engine) -> bool:
    return set(_METADATA.tables) <= set(inspect(engine).get_table_names())


def lock(session: Session) -> None:
    """Take the lock for decisions about releases, as the first step of a transaction, whose end releases it."""
    _lock_database(session.connection())


def _lock_database(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA busy_timeout = {_LOCK_TIMEOUT}"))
        connection.execute(text("BEGIN IMMEDIATE"))
    else:
        connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT}"))
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def rows_after(session: Session, seq: int, limit: int | None = None) -> list[Row]:
    """Return the ledger's rows after number `seq`, all or `limit` of them, in their order, unverified.

    Raises
    ------
    StoreError
        If a row is malformed: somebody else has written to the table.
    """
    stored = session.execute(select(LEDGER).where(LEDGER.c.seq > seq).order_by(LEDGER.c.seq).limit(limit)).mappings()
    return [_row(dict(columns)) for columns in stored]


def hash_of_row(session: Session, seq: int) -> str | None:
    """Return the hash of a row of the ledger by its number; None where there is none."""
    return session.execute(select(LEDGER.c.hash).where(LEDGER.c.seq == seq)).scalar()


def _row(columns: dict[str, object]) -> Row:
    event = columns["event"]
    head = {key: columns[key] for key in ("seq", "previous_hash", "hash", "key_id", "signature")}
    try:
        row = Row.model_validate_json(canonical_json(head)[:-1] + b',"event":' + str(event).encode() + b"}")
        repeated = (row.event.study, row.event.kind, int(row.event.version))
        if repeated != (columns["study"], columns["kind"], columns["version"]):
            raise ValueError("the columns do not repeat the event")
    except ValueError as error:
        raise StoreError(
            f"ledger, row {columns['seq']}",
            rule="each row follows from the one before and is signed by a key of the ledger",
            received="a row that was changed",
            remedy="Release nothing; compare the ledger with its backup, and find out who wrote to the database.",
        ) from error
    return row


def add_row(session: Session, row: Row) -> None:
    """Append a row within the transaction of `session`."""
    event = row.event
    values = {
        "study": event.study,
        "kind": event.kind,
        "version": int(event.version),
        "event": canonical_json(event.model_dump(mode="json")).decode(),
    }
    session.execute(LEDGER.insert().values(**row.model_dump(exclude={"event"}), **values))


def was_in_service(session: Session, study: str, version: int) -> bool:
    """Return whether a version is or was champion."""
    return _has_row(session, study, [LEDGER.c.version == version, LEDGER.c.kind.in_(("promote", "rollback"))])


def is_mentioned(session: Session, study: str) -> bool:
    """Return whether the ledger mentions a registered model."""
    return _has_row(session, study, [])


def mentioned(session: Session) -> list[str]:
    """Return the registered models that the ledger mentions."""
    return [str(study) for study in session.execute(select(LEDGER.c.study).distinct()).scalars()]


def registered_models(session: Session) -> list[str]:
    """Return the names of MLflow's registered models, prompts included."""
    return [str(name) for name in session.execute(text("SELECT name FROM registered_models")).scalars()]


def _has_row(session: Session, study: str, conditions: Sequence[object]) -> bool:
    query = select(LEDGER.c.seq).where(LEDGER.c.study == study, *conditions).limit(1)  # type: ignore[arg-type]
    return session.execute(query).first() is not None


def add_dossier(session: Session, sha256: str, content: bytes, *, sender: str) -> None:
    """Keep a dossier; one that is kept already stays as it is."""
    if find_dossier(session, sha256) is None:
        values = {"sha256": sha256, "content": content, "received": int(time.time()), "sender": sender[:256]}
        session.execute(DOSSIERS.insert().values(**values))


def find_dossier(session: Session, sha256: str) -> bytes | None:
    """Return the content of a dossier, or None."""
    content = session.execute(select(DOSSIERS.c.content).where(DOSSIERS.c.sha256 == sha256)).scalar()
    return None if content is None else bytes(content)


def dossiers_of(session: Session, sender: str) -> dict[str, int]:
    """Return the digests of the dossiers that somebody has sent, each with its size in bytes."""
    query = select(DOSSIERS.c.sha256, func.length(DOSSIERS.c.content)).where(DOSSIERS.c.sender == sender[:256])
    return {str(sha256): int(size) for sha256, size in session.execute(query)}


def remove_dossiers(session: Session, used: Collection[str], *, before: int) -> tuple[int, int]:
    """Remove the dossiers received before a time (seconds since 1970), except those in `used`.

    Returns
    -------
    How many were removed, and how many bytes they had.
    """
    query = select(DOSSIERS.c.sha256, func.length(DOSSIERS.c.content)).where(DOSSIERS.c.received < before)
    found = {str(sha256): int(size) for sha256, size in session.execute(query) if sha256 not in used}
    for sha256 in found:
        session.execute(DOSSIERS.delete().where(DOSSIERS.c.sha256 == sha256))
    return len(found), sum(found.values())


def said_by_database(error: SQLAlchemyError) -> str:
    """Return the first line of what a database says of a failure, without the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0][:200]
