"""The versions of the registry, and what each of them is waiting for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from theragate.registry.session import CHAMPION, AttestationStatus, Session, author_of
from theragate.tracking.registry import RegisteredVersion

__all__ = ["PENDING", "ListedVersion", "as_json", "list_versions"]

PENDING = ("waits for approval", "waits for promotion")


@dataclass(frozen=True)
class ListedVersion:
    """A version in one line; what an attestation states is empty where no trusted key has signed it.

    ``aliases`` and ``registered_by`` are what the registry says, which nobody has signed.
    """

    study: str
    version: str
    verdict: str
    aliases: tuple[str, ...]
    evidence: str
    signed_by: str
    expires: str
    registered_by: str
    committed_by: str
    approved_by: tuple[str, ...]
    state: str


def list_versions(session: Session, studies: Sequence[str], *, pending: bool) -> list[ListedVersion]:
    """Return the versions of `studies`, or of every study where none is named, the newest first.

    Parameters
    ----------
    pending
        Return only the versions that wait for an approval or a promotion.

    Raises
    ------
    ConfigurationError
        If a study is not registered, while one is whose name is nearly the same.
    """
    for study in studies:
        session.check(study)
    names = list(studies) or sorted(session.registry.studies())
    listed = [_listed(session, version) for name in names for version in session.registry.versions(name)]
    return [row for row in listed if row.state in PENDING] if pending else listed


def as_json(rows: Sequence[ListedVersion]) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    return [asdict(row) for row in rows]


def _listed(session: Session, version: RegisteredVersion) -> ListedVersion:
    attested = session.attested(version)
    approvers = session.approvers(version, attested)
    signed = None if attested.statement is None else attested.statement.attestation
    return ListedVersion(
        study=version.study,
        version=version.number,
        verdict="" if signed is None else signed.decision,
        aliases=version.aliases,
        evidence="" if signed is None else signed.evidence_sha256,
        signed_by=attested.key,
        expires="" if signed is None else f"{signed.expires:%Y-%m-%d}",
        registered_by=author_of(version),
        committed_by="" if signed is None else signed.author,
        approved_by=approvers,
        state=_state(session, version, attested, approved=bool(approvers)),
    )


def _state(session: Session, version: RegisteredVersion, attested: AttestationStatus, *, approved: bool) -> str:
    known = session.study(version.study)
    in_service = known.champion is not None and known.champion.version == version.number
    if CHAMPION in version.aliases and not in_service:
        return f"not in service: it has the alias `{CHAMPION}`, and the ledger has no release"
    if version.number in known.revoked:
        return "revoked"
    if in_service:
        alert = "".join(f"; {said}" for said in session.alerts(version.study))
        return ("in service" if CHAMPION in version.aliases else "in service, but without the alias") + alert
    target = known.rollback_target
    if target is not None and target.version == version.number:
        return "rollback target"
    if any(event.version == version.number for event in known.past):
        return "was in service"
    if attested.statement is None or attested.why_not:
        return attested.why_not
    signed = attested.statement.attestation
    if signed.simulated:
        return "simulated: never released"
    if signed.decision != "PASS" and not signed.waivers:
        return "blocked"
    unmet = [name.replace("_", " ") for name, status in signed.conditions.items() if status != "pass"]
    if unmet:
        return f"release condition not met: {', '.join(unmet)}"
    return "waits for promotion" if approved else "waits for approval"
