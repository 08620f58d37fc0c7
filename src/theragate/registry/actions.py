"""What a release manager does: each action is one call to the registry, which decides."""

from theragate.errors import StoreError
from theragate.registry.session import CHAMPION, Session
from theragate.release.refusals import Refusal
from theragate.release.rules import FEWEST_DIGITS
from theragate.tracking.registry import RegisteredVersion

__all__ = ["approve", "promote", "revoke", "rollback", "withdraw"]


def approve(session: Session, version: RegisteredVersion, *, digest: str | None, reason: str) -> str:
    """Approve a version as the person who is signed in; return one line.

    Parameters
    ----------
    digest
        The first digits of the SHA-256 of the evidence that was read; None takes the version's present evidence.

    Raises
    ------
    Refusal
        If no trusted key has attested the version.
    StoreRefusal
        If the registry refuses.
    """
    signed = session.signed(version)
    read = digest or signed.attestation.evidence_sha256
    session.registry.set_tag(version.study, version.number, "theragate.approve", f"{read}: {reason}")
    return f"{version.study} version {version.number}: approved, evidence {read[:FEWEST_DIGITS]}"


def promote(session: Session, version: RegisteredVersion) -> str:
    """Make a version the champion; return one line."""
    former = session.study(version.study).champion
    session.registry.set_alias(version.study, CHAMPION, version.number)
    replaced = "" if former is None else f" in place of version {former.version}"
    return f"{version.study} version {version.number}: champion{replaced}"


def rollback(session: Session, study: str) -> str:
    """Put the last champion that is not revoked back into service; return one line.

    Raises
    ------
    Refusal
        If there is none.
    """
    target = session.study(study).rollback_target
    if target is None:
        raise Refusal(
            f"`{study}`",
            rule="a rollback goes to the last champion that is not revoked",
            received="no former champion",
            remedy=f"{session.near(study)}Promote another version, or withdraw the champion: "
            f"`theragate release withdraw {study}`.",
        )
    session.registry.set_alias(study, CHAMPION, target.version)
    return f"{study}: rolled back to version {target.version}"


def revoke(session: Session, version: RegisteredVersion, *, reason: str) -> str:
    """Revoke a version for good, taking it out of service if it is the champion; return one line."""
    session.registry.set_tag(version.study, version.number, "theragate.revoke", reason)
    in_service = CHAMPION in version.aliases
    vacancy = f"; there is no champion now: `theragate release rollback {version.study}`" if in_service else ""
    return f"{version.study} version {version.number}: revoked{vacancy}"


def withdraw(session: Session, study: str, *, reason: str) -> str:
    """Take the champion out of service at once, leaving none; return one line.

    Raises
    ------
    StoreError
        If there is no champion.
    """
    event = session.study(study).champion
    if event is None:
        near = session.near(study)
        raise StoreError(
            f"`{study}`",
            rule="a champion is withdrawn",
            received="no champion in service",
            remedy=f"{near}Nothing was withdrawn." if near else "Nothing needs to be done.",
        )
    session.registry.set_tag(study, event.version, "theragate.withdraw", reason)
    return f"{study}: version {event.version} withdrawn; there is no champion"
