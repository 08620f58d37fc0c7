"""Whether a released version is what it is said to be: checked with one's own keys, believing no registry."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from theragate.errors import DataError, EvidenceError, StoreError
from theragate.files import read_json, whole_directory, write_json, write_text
from theragate.registry.session import ATTESTATION, Desk, read_rows
from theragate.release.admission import Dossier
from theragate.release.attestation import Stated
from theragate.release.dossier import Reading, examine, read_dossier, read_statement_of
from theragate.release.ledger import Event, first_day, verify_rows
from theragate.release.model_files import inspect_package
from theragate.release.state import fold
from theragate.release.trust import Trust
from theragate.tracking.registry import VersionFacts

__all__ = ["Papers", "check_package", "check_statement", "papers_at_desk", "read_papers", "save_papers", "verify"]

_LEDGER, _FACTS, _ENVELOPE, _DOSSIER, _PACKAGE = (
    "ledger.json",
    "version.json",
    "attestation.json",
    "dossier.json",
    "package",
)


@dataclass(frozen=True)
class Papers:
    """All that a release rests on: the event that released the version, its envelope, its dossier and its files.

    ``rows`` says how many rows of the ledger were verified on the way, ``day`` when the version was first released.
    """

    event: Event
    author: str
    envelope: str
    dossier: bytes
    package: Path
    rows: int
    day: date


def verify(papers: Papers, trust: Trust) -> list[str]:
    """Check everything; return one line for each thing that holds.

    Signatures count as they did on the day of the first release: an attestation's expiry bounds promotion, not use.

    Raises
    ------
    Refusal, StoreError, EvidenceError
        At the first thing that does not hold.
    """
    event = papers.event
    stated = check_statement(event, papers.envelope, trust, day=papers.day)
    reading = _judged_again(papers, trust, papers.day)
    if reading.attestation.policy_sha256 not in trust.policies.get(event.study, ()):
        raise EvidenceError(
            f"`{event.study}` version {event.version}, policy",
            rule="it was judged under a policy that is trusted now",
            received=f"policy {reading.attestation.policy_sha256[:12]}",
            remedy="Review whether the model should stay in service; if so, add the policy's digest to the trust file.",
        )
    check_package(event, papers.package)
    signed = stated.attestation
    return [
        f"ledger: {papers.rows} rows, each signed and following from the one before",
        f"released: {event.kind} by {event.actor} on {event.at:%Y-%m-%d %H:%M} UTC, row signed",
        f"attestation: signed by {trust.key_name(reading.key_id)}, issued {signed.issued:%Y-%m-%d}",
        f"evidence: {signed.evidence_sha256[:12]}, judged again: {signed.decision}",
        f"policy: {signed.policy_sha256[:12]}, trusted",
        f"model: {signed.package_sha256[:12]}, the files are those that were attested",
    ]


def check_statement(event: Event, envelope: str, trust: Trust, *, day: date) -> Stated:
    """Return what an evaluator has stated in `envelope`, if it is the statement that `event` released.

    Parameters
    ----------
    day
        That of the version's first release (`theragate.release.ledger.first_day`).

    Raises
    ------
    Refusal
        If no key that counted on that day has signed it.
    StoreError
        If it is another statement.
    """
    stated, _ = read_statement_of(envelope, trust, day)
    if stated.sha256 != event.statement_sha256:
        raise _changed(event, "the attestation is the one that was released", "another one")
    return stated


def check_package(event: Event, package: Path) -> None:
    """Check that the files below `package` are the released ones, before anything loads them.

    Raises
    ------
    Refusal
        If something is among them that may not be in a model.
    StoreError
        If they are others.
    """
    found = inspect_package(package)
    if (found.sha256, found.model_sha256) != (event.package_sha256, event.model_sha256):
        raise _changed(event, "the files are those that were released", "other files")


def papers_at_desk(desk: Desk, facts: VersionFacts, folder: Path) -> Papers:
    """Fetch the papers of a version that was released; its files go into `folder`.

    Raises
    ------
    StoreError
        If the version never was champion.
    StoreRefusal
        If the registry shows the dossier to others only.
    """
    event = _released(desk, facts)
    envelope = facts.tags.get(ATTESTATION, "")
    day = first_day(event, desk.rows)
    stated = check_statement(event, envelope, desk.trust, day=day)
    return Papers(
        event=event,
        author=facts.tags.get("theragate.author", ""),
        envelope=envelope,
        dossier=desk.registry.dossier(stated.attestation.dossier_sha256),
        package=desk.registry.fetch_package(facts.study, facts.number, folder),
        rows=len(desk.rows),
        day=day,
    )


def save_papers(desk: Desk, facts: VersionFacts, folder: Path) -> None:
    """Write the papers of a released version to `folder`, for `read_papers` on a machine without a registry.

    Raises
    ------
    StoreError
        If the version never was champion, or the disk does not take the files.
    """
    with whole_directory(folder) as temporary:
        fetched = temporary / ".fetched"
        fetched.mkdir()
        papers = papers_at_desk(desk, facts, fetched)
        papers.package.rename(temporary / _PACKAGE)
        if fetched.exists():
            fetched.rmdir()
        write_json(temporary / _LEDGER, [row.model_dump(mode="json") for row in desk.rows])
        write_json(temporary / _FACTS, {"study": facts.study, "version": facts.number, "author": papers.author})
        write_text(temporary / _ENVELOPE, papers.envelope)
        (temporary / _DOSSIER).write_bytes(papers.dossier)


def read_papers(folder: Path, trust: Trust) -> Papers:
    """Read saved papers, and verify the ledger among them.

    Raises
    ------
    DataError
        If a file is missing or of another form.
    StoreError
        If a row of the ledger is bad, or the ledger does not know the version as released.
    """
    remedy = "Save the papers again: `theragate release show STUDY --save FOLDER`."
    rows = read_rows(read_json(folder / _LEDGER, remedy=remedy))
    verify_rows(rows, trust)
    facts = read_json(folder / _FACTS, remedy=remedy)
    try:
        study, version, author = (str(facts[key]) for key in ("study", "version", "author"))
        envelope = (folder / _ENVELOPE).read_text(encoding="utf-8")
        dossier = (folder / _DOSSIER).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            str(folder), rule="it holds the papers of a released version", received="a part of them", remedy=remedy
        ) from error
    served = _served(fold(rows).of(study).champion, *fold(rows).of(study).past, version=version)
    if served is None:
        raise _never_released(study, version)
    return Papers(served, author, envelope, dossier, folder / _PACKAGE, rows=len(rows), day=first_day(served, rows))


def _judged_again(papers: Papers, trust: Trust, day: date) -> Reading:
    evidence, policy = read_dossier(papers.dossier)
    dossier = Dossier(
        study=papers.event.study,
        version=papers.event.version,
        author=papers.author,
        envelope=papers.envelope,
        evidence=evidence,
        policy=policy,
    )
    return examine(dossier, trust, day)


def _released(desk: Desk, facts: VersionFacts) -> Event:
    known = desk.study(facts.study)
    served = _served(known.champion, *known.past, version=facts.number)
    if served is None:
        raise _never_released(facts.study, facts.number)
    return served


def _served(*events: Event | None, version: str) -> Event | None:
    return next((event for event in events if event is not None and event.version == version), None)


def _never_released(study: str, version: str) -> StoreError:
    return StoreError(
        f"`{study}` version {version}",
        rule="the ledger has an event that released it",
        received="none",
        remedy="Verify a version that is or was champion: `theragate release audit`.",
    )


def _changed(event: Event, rule: str, received: str) -> StoreError:
    return StoreError(
        f"`{event.study}` version {event.version}",
        rule=rule,
        received=received,
        remedy="Do not use it; find out who changed it, and roll back or promote a version that is whole.",
    )
