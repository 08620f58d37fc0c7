"""Verifying a released version with one's own keys, online or offline; nothing the registry says is trusted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from theragate.errors import DataError, EvidenceError, StoreError
from theragate.files import read_bytes, whole_directory, write_json, write_text
from theragate.registry.pinned_head import Memory
from theragate.registry.session import ATTESTATION, CHAMPION, Session, author_of, read_rows
from theragate.release.attestation import ParsedStatement
from theragate.release.dossier import read_dossier
from theragate.release.examination import Examination, Submission, examine, verify_statement
from theragate.release.ledger import Event, Row, first_day, releasing, verify_rows
from theragate.release.model_files import inspect_package
from theragate.release.package_rules import check_listed
from theragate.release.state import StudyState, fold
from theragate.release.trust import Trust
from theragate.tracking.registry import RegisteredVersion

__all__ = [
    "VerificationMaterial",
    "check_package",
    "check_statement",
    "fetch_material",
    "read_material",
    "save_material",
    "verify",
]

# The files of a folder of saved material.
_LEDGER, _VERSION, _ENVELOPE = "ledger.json", "version.json", "attestation.json"
_DOSSIER, _PACKAGE = "dossier.json", "package"
_MOST_SMALL, _MOST_DOSSIER, _MOST_LEDGER = 1 << 20, 32 << 20, 64 << 20  # bytes; a row has about 1,000


@dataclass(frozen=True)
class VerificationMaterial:
    """All that a release rests on: the event that released the version, its envelope, its dossier and its files.

    ``rows`` are those of the ledger, verified; ``day`` is the day of the version's first release, and ``later`` the
    number of a row that was seen here and comes after them all; 0 where none was.
    """

    event: Event
    author: str
    envelope: str
    dossier: bytes
    package: Path
    rows: tuple[Row, ...]
    day: date
    later: int = 0


def verify(material: VerificationMaterial, trust: Trust) -> list[str]:
    """Check everything; return one line for each check that holds, which names the study and the version.

    Signatures count as they did on the day of the first release: an attestation's expiry bounds promotion, not use.

    Raises
    ------
    Refusal, StoreError, EvidenceError
        At the first check that fails.
    """
    event = material.event
    statement = check_statement(event, material.envelope, trust, day=material.day)
    reading = _judged_again(material, trust, material.day)
    if reading.attestation.policy_sha256 not in trust.policies.get(event.study, ()):
        raise EvidenceError(
            f"`{event.study}` version {event.version}, policy",
            rule="it was judged under a policy that is trusted today",
            received=f"policy {reading.attestation.policy_sha256[:12]}",
            remedy="Review whether the model should stay in service; if so, add the policy's digest to the trust file.",
        )
    check_package(event, material.package)
    _check_not_revoked(event, material.rows)
    signed = statement.attestation
    later = f"; row {material.later} was seen here, which may have revoked it" if material.later else ""
    held = [
        f"ledger: {len(material.rows)} rows, each signed and chained to the one before{later}",
        f"released: {event.kind} by {event.actor} on {event.at:%Y-%m-%d %H:%M} UTC, row signed; "
        f"{_standing(event, material.rows)}",
        f"attestation: signed by {trust.key_name(reading.key_id)}, issued {signed.issued:%Y-%m-%d}",
        f"evidence: {signed.evidence_sha256[:12]}, judged again: {signed.decision}",
        f"policy: {signed.policy_sha256[:12]}, trusted",
        f"model: {signed.package_sha256[:12]}, its files are those that were attested",
    ]
    return [f"{event.study} version {event.version}, {line}" for line in held]


def _check_not_revoked(event: Event, rows: Sequence[Row]) -> None:
    if not fold(rows).of(event.study).is_revoked(event):
        return
    revoking = next(
        row.event
        for row in reversed(rows)
        if row.event.kind == "revoke"
        and row.event.study == event.study
        and (row.event.version == event.version or row.event.model_sha256 == event.model_sha256)
    )
    raise StoreError(
        f"`{event.study}` version {event.version}",
        rule="what was released, and is what it says it is, was not revoked since",
        received=f"a revocation by {revoking.actor} on {revoking.at:%Y-%m-%d %H:%M} UTC",
        remedy="Never use it again.",
    )


def _standing(event: Event, rows: Sequence[Row]) -> str:
    champion = fold(rows).of(event.study).champion
    if champion is not None and champion.version == event.version:
        return "in service at the ledger's end"
    return "no longer in service at the ledger's end"


def check_statement(event: Event, envelope: str, trust: Trust, *, day: date) -> ParsedStatement:
    """Return the statement in `envelope` if an evaluator has signed it and `event` released it.

    Parameters
    ----------
    day
        The day of the version's first release (`theragate.release.ledger.first_day`).

    Raises
    ------
    Refusal
        If no key that counted on that day has signed it.
    StoreError
        If `event` released another statement.
    """
    statement, _ = verify_statement(envelope, trust, day)
    if statement.sha256 != event.statement_sha256:
        rule = f"the attestation is the one that was released (SHA-256 {event.statement_sha256[:12]}…)"
        raise _changed(event, rule, f"another one (SHA-256 {statement.sha256[:12]}…)")
    return statement


def check_package(event: Event, package: Path) -> None:
    """Check that the files below `package` are the released ones, before anything loads them.

    Raises
    ------
    Refusal
        If a file is among them that a model may not contain.
    StoreError
        If they are not the released ones.
    """
    inspected = inspect_package(package)
    if (inspected.sha256, inspected.model_sha256) != (event.package_sha256, event.model_sha256):
        rule = f"the files are those that were released (SHA-256 {event.package_sha256[:12]}…)"
        raise _changed(event, rule, f"other files (SHA-256 {inspected.sha256[:12]}…)")


def fetch_material(session: Session, version: RegisteredVersion, folder: Path) -> VerificationMaterial:
    """Fetch what verifies a released version; its files go into `folder`.

    Raises
    ------
    StoreError
        If the version was never champion.
    StoreRefusal
        If the registry does not show this person the dossier.
    """
    event = releasing(version.study, version.number, session.rows)
    if event is None:
        raise _never_released(version.study, version.number)
    envelope = version.tags.get(ATTESTATION, "")
    day = first_day(event, session.rows)
    statement = check_statement(event, envelope, session.trust, day=day)
    return VerificationMaterial(
        event=event,
        author=author_of(version),
        envelope=envelope,
        dossier=session.registry.api.dossier(statement.attestation.dossier_sha256),
        package=session.registry.fetch_package(
            version.study, version.number, folder, check=check_listed, sealed=event.package_sha256
        ),
        rows=session.rows,
        day=day,
    )


def save_material(session: Session, version: RegisteredVersion, folder: Path) -> None:
    """Save what verifies a released version in `folder`, for `read_material` on a machine without a registry.

    Raises
    ------
    StoreError
        If the version was never champion, or the files cannot be written.
    """
    with whole_directory(folder) as temporary:
        fetched = temporary / ".fetched"
        fetched.mkdir()
        material = fetch_material(session, version, fetched)
        material.package.rename(temporary / _PACKAGE)
        if fetched.exists():
            fetched.rmdir()
        write_json(temporary / _LEDGER, [row.model_dump(mode="json") for row in session.rows])
        write_json(temporary / _VERSION, {"study": version.study, "version": version.number, "author": material.author})
        write_text(temporary / _ENVELOPE, material.envelope)
        dossier = temporary / _DOSSIER
        dossier.touch(mode=0o600)  # it can describe small groups of patients
        dossier.write_bytes(material.dossier)


def read_material(
    folder: Path, trust: Trust, *, study: str, version: str | None, memory: Memory | None = None
) -> VerificationMaterial:
    """Read what `save_material` has saved of the version that is meant, and verify the ledger in it.

    Parameters
    ----------
    memory
        What was seen here of ledgers; None of a reader who has seen none.
    study, version
        What the reader wants to have verified: the version by its number, or `champion` for the one that is in service
        by the saved ledger; None takes the version that was saved.

    Raises
    ------
    DataError
        If a file is missing, too large or of another form, or another study or version was saved.
    StoreError
        If a row of the ledger is invalid or is another one than was seen here, or no row releases the version.
    """
    remedy = "Save them again: `theragate release show STUDY --save FOLDER`."
    rows = read_rows(_saved_json(folder / _LEDGER, most=_MOST_LEDGER, remedy=remedy))
    verify_rows(rows, trust)
    later = 0 if memory is None else memory.recall().later_than(rows)
    about = _saved_json(folder / _VERSION, most=_MOST_SMALL, remedy=remedy)
    try:
        saved, number, author = (str(about[key]) for key in ("study", "version", "author"))
        envelope = read_bytes(folder / _ENVELOPE, most=_MOST_SMALL).decode("utf-8")
        dossier = read_bytes(folder / _DOSSIER, most=_MOST_DOSSIER)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"`{folder}`",
            rule="it holds the files that verify a released version",
            received=_cause(error),
            remedy=remedy,
        ) from error
    known = fold(rows).of(saved)
    _check_meant(folder, (saved, number), known, study=study, version=version)
    event = releasing(saved, number, rows)
    if event is None:
        raise _never_released(saved, number)
    day = first_day(event, rows)
    return VerificationMaterial(event, author, envelope, dossier, folder / _PACKAGE, rows=rows, day=day, later=later)


def _saved_json(path: Path, *, most: int, remedy: str) -> Any:
    try:
        return json.loads(read_bytes(path, most=most))
    except (OSError, ValueError, RecursionError) as error:
        received = _cause(error) if isinstance(error, OSError) else "a file that is not valid JSON"
        raise DataError(str(path), rule="the file is readable JSON", received=received, remedy=remedy) from error


def _check_meant(folder: Path, saved: tuple[str, str], known: StudyState, *, study: str, version: str | None) -> None:
    """Refuse a folder with another study or version than the reader has named."""
    champion = "none" if known.champion is None else known.champion.version
    meant = champion if version == CHAMPION else version
    if study == saved[0] and meant in (None, saved[1]):
        return
    named = f" version {version}" if version else ""
    if version == CHAMPION:
        named = f", whose champion was {'none' if known.champion is None else f'version {champion}'} by this ledger"
    raise DataError(
        f"`{folder}`",
        rule=f"what was saved in it is `{study}`{named}",
        received=f"`{saved[0]}` version {saved[1]}",
        remedy="Name the study and the version that were saved, or another folder.",
    )


def _judged_again(material: VerificationMaterial, trust: Trust, day: date) -> Examination:
    evidence, policy = read_dossier(material.dossier)
    dossier = Submission(
        study=material.event.study,
        version=material.event.version,
        author=material.author,
        envelope=material.envelope,
        evidence=evidence,
        policy=policy,
    )
    return examine(dossier, trust, day)


def _never_released(study: str, version: str) -> StoreError:
    return StoreError(
        f"`{study}` version {version}",
        rule="the ledger has an event that released it",
        received="no such event",
        remedy="Verify a version that is or was champion: `theragate release audit`.",
    )


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"`{Path(error.filename or '').name}`, which cannot be read ({error.strerror or type(error).__name__})"
    return (
        f"a `{_VERSION}` without {error}"
        if isinstance(error, KeyError)
        else f"a malformed file ({type(error).__name__})"
    )


def _changed(event: Event, rule: str, received: str) -> StoreError:
    return StoreError(
        f"`{event.study}` version {event.version}",
        rule=rule,
        received=received,
        remedy="Do not use it; find out who changed it, then roll back or promote a version that is intact.",
    )
