"""Which versions there are, and what each of them waits for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from theragate.registry.session import CHAMPION, Attested, Desk
from theragate.tracking.registry import VersionFacts

__all__ = ["PENDING", "Listed", "as_json", "list_versions"]

PENDING = ("waits for approval", "waits for promotion")


@dataclass(frozen=True)
class Listed:
    """A version in one line. Words like ``verdict`` are those of a trusted key; without one they are empty."""

    study: str
    version: str
    verdict: str
    aliases: tuple[str, ...]
    evidence: str
    signed_by: str
    expires: str
    author: str
    approved_by: tuple[str, ...]
    state: str


def list_versions(desk: Desk, studies: Sequence[str], *, pending: bool) -> list[Listed]:
    """Return the versions of `studies` (of all, where none is named), the newest first.

    Parameters
    ----------
    pending
        Whether only those are returned that somebody has to approve or to promote.
    """
    names = list(studies) or sorted(desk.registry.studies())
    listed = [_listed(desk, facts) for name in names for facts in desk.registry.versions(name)]
    return [row for row in listed if row.state in PENDING] if pending else listed


def as_json(rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    return [asdict(row) for row in rows]


def _listed(desk: Desk, facts: VersionFacts) -> Listed:
    attested = desk.attested(facts)
    approvers = desk.approvers(facts, attested)
    signed = None if attested.stated is None else attested.stated.attestation
    return Listed(
        study=facts.study,
        version=facts.number,
        verdict="" if signed is None else signed.decision,
        aliases=facts.aliases,
        evidence="" if signed is None else signed.evidence_sha256,
        signed_by=attested.key,
        expires="" if signed is None else f"{signed.expires:%Y-%m-%d}",
        author=facts.tags.get("theragate.author", "" if signed is None else signed.author),
        approved_by=approvers,
        state=_state(desk, facts, attested, approved=bool(approvers)),
    )


def _state(desk: Desk, facts: VersionFacts, attested: Attested, *, approved: bool) -> str:
    known = desk.study(facts.study)
    if facts.number in known.revoked:
        return "revoked"
    if known.champion is not None and known.champion.version == facts.number:
        return "in service" if CHAMPION in facts.aliases else "in service, but the alias is elsewhere"
    target = known.rollback_target
    if target is not None and target.version == facts.number:
        return "to roll back to"
    if any(event.version == facts.number for event in known.past):
        return "was in service"
    if attested.stated is None or attested.why_not:
        return attested.why_not
    signed = attested.stated.attestation
    if signed.simulated:
        return "simulated: never released"
    if signed.decision != "PASS" and not signed.waivers:
        return "blocked"
    unmet = [name.replace("_", " ") for name, status in signed.conditions.items() if status != "pass"]
    if unmet:
        return f"release condition not met: {', '.join(unmet)}"
    return "waits for promotion" if approved else "waits for approval"
