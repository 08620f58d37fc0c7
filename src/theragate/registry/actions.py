"""What a release manager does: each is one call to the registry, which decides."""

from theragate.errors import StoreError
from theragate.registry.session import CHAMPION, Desk
from theragate.release.refusals import Refusal
from theragate.release.rules import FEWEST_DIGITS
from theragate.tracking.registry import VersionFacts

__all__ = ["approve", "promote", "revoke", "rollback", "withdraw"]


def approve(desk: Desk, facts: VersionFacts, *, digest: str | None, reason: str) -> str:
    """Approve a version in the name of whoever is signed in; return one line.

    Parameters
    ----------
    digest
        The first digits of the evidence that was read; None takes that of the version as it is now.

    Raises
    ------
    Refusal
        If the version has no attestation that counts.
    StoreRefusal
        If the registry refuses.
    """
    attested = desk.attested(facts)
    if attested.stated is None:
        raise Refusal(
            f"`{facts.study}` version {facts.number}",
            rule="what is approved is attested by a key that counts",
            received=attested.why_not,
            remedy=f"Let the evaluator sign: `theragate attest {facts.study}`.",
        )
    read = digest or attested.stated.attestation.evidence_sha256
    desk.registry.tell(facts.study, facts.number, "theragate.approve", f"{read}: {reason}")
    return f"{facts.study} version {facts.number}: approved, evidence {read[:FEWEST_DIGITS]}"


def promote(desk: Desk, facts: VersionFacts) -> str:
    """Make a version the champion; return one line."""
    before = desk.study(facts.study).champion
    desk.registry.point(facts.study, CHAMPION, facts.number)
    instead = "" if before is None else f" in place of version {before.version}"
    return f"{facts.study} version {facts.number}: champion{instead}"


def rollback(desk: Desk, study: str) -> str:
    """Put the last champion that is not revoked back into service; return one line.

    Raises
    ------
    Refusal
        If there is none.
    """
    target = desk.study(study).rollback_target
    if target is None:
        raise Refusal(
            f"`{study}`",
            rule="a rollback goes to the last champion that is not revoked",
            received="no such champion",
            remedy=f"Promote another version, or have no champion: `theragate release withdraw {study}`.",
        )
    desk.registry.point(study, CHAMPION, target.version)
    return f"{study}: rolled back to version {target.version}"


def revoke(desk: Desk, facts: VersionFacts, *, reason: str) -> str:
    """Revoke a version for good; a champion leaves service with it. Return one line."""
    desk.registry.tell(facts.study, facts.number, "theragate.revoke", reason)
    served = CHAMPION in facts.aliases
    left = f"; nobody is in service now: `theragate release rollback {facts.study}`" if served else ""
    return f"{facts.study} version {facts.number}: revoked{left}"


def withdraw(desk: Desk, study: str, *, reason: str) -> str:
    """Take the champion out of service at once; return one line.

    Raises
    ------
    StoreError
        If there is no champion.
    """
    event = desk.study(study).champion
    if event is None:
        raise StoreError(
            f"`{study}`",
            rule="a champion is withdrawn",
            received="no champion in service",
            remedy="Nothing needs to be done.",
        )
    desk.registry.tell(study, event.version, "theragate.withdraw", reason)
    return f"{study}: version {event.version} withdrawn; there is no champion"
