"""Who may do what to a version, and on what evidence: the only place that allows a release event.

Pure: no files, no clock, and no claim is taken on trust. Each function returns the event to record, or raises `Refusal`
with a sentence for the release manager. A server asks twice, before and inside the transaction that records the event;
the second answer counts.
"""

import re
from datetime import datetime

from theragate.release.attestation import Attestation, ParsedStatement
from theragate.release.examination import Examination, Submission, examine, verify_statement
from theragate.release.ledger import Event
from theragate.release.names import same_person
from theragate.release.new_events import checked_reason, event_about, event_repeating
from theragate.release.refusals import Refusal
from theragate.release.rules import (
    FEWEST_DIGITS,
    Actor,
    admissible,
    approvals_of,
    author_among,
    check_approved,
    check_manager,
    subject_of,
    today_of,
)
from theragate.release.state import Approval, LedgerState
from theragate.release.trust import Trust

__all__ = [
    "FEWEST_DIGITS",
    "Actor",
    "Refusal",
    "Submission",
    "accept",
    "approve",
    "promote",
    "revoke",
    "rollback",
    "withdraw",
]


def accept(
    submission: Submission, trust: Trust, *, package_sha256: str, model_sha256: str, now: datetime
) -> Examination:
    """Return the examination of a version whose attestation counts: what it states may be presented as attested.

    That is less than a release needs: what is attested may be BLOCKED, or wait for an approval.

    Parameters
    ----------
    package_sha256, model_sha256
        The digests of the version's files and of the estimator among them, computed by the caller.

    Raises
    ------
    Refusal
        If no trusted key has signed it, it has expired, or it is about another study, evidence, policy or package.
    """
    examination = examine(submission, trust, today_of(now))
    signed = examination.attestation
    if now >= signed.expires:
        raise Refusal(
            subject_of(submission),
            rule="what is presented as attested is still valid",
            received=f"an attestation that expired on {signed.expires:%Y-%m-%d}",
            remedy=f"Attest it again: `theragate attest {submission.study}`.",
        )
    _check_files(submission, signed, package_sha256=package_sha256, model_sha256=model_sha256)
    return examination


def approve(
    submission: Submission, state: LedgerState, trust: Trust, actor: Actor, *, digest: str, reason: str, now: datetime
) -> Event:
    """Let `actor` approve the statement of `submission`; `digest` names the evidence that was read.

    Only a version that could be promoted now can be approved, so that nobody approves what the gates have blocked.

    Raises
    ------
    Refusal
        If `actor` is not a release manager or is an author, the reason is too short, the digest is of other evidence,
        or anything but a missing approval stands in the way of a promotion.
    """
    check_manager(trust, actor, submission.study, "approves")
    _check_challenger(submission, state, "approved")
    examination = admissible(submission, state, trust, now)
    signed, subject = examination.attestation, subject_of(submission)
    author = author_among(actor.name, submission, signed)
    if author is not None:
        raise Refusal(
            subject,
            rule="a model is approved by someone other than its author",
            received=f"an approval by `{actor.name}`, who is its author: {author.part}",
            remedy="Ask another release manager to read the evidence and approve it.",
        )
    _check_digest(subject, digest, signed.evidence_sha256)
    if any(_is_by(approval, actor) for approval in approvals_of(submission, state, examination)):
        raise Refusal(
            subject,
            rule="a person approves a version once",
            received=f"a second approval by `{actor.name}`",
            remedy="Nothing needs to be done; the first one counts.",
        )
    reason = checked_reason(subject, reason)
    return event_about(examination.statement, "approve", actor, version=submission.version, reason=reason, now=now)


def promote(
    submission: Submission,
    state: LedgerState,
    trust: Trust,
    actor: Actor,
    *,
    package_sha256: str,
    model_sha256: str,
    now: datetime,
    reason: str = "",
) -> Event:
    """Let `actor` make the version of `submission` the champion.

    Parameters
    ----------
    package_sha256, model_sha256
        The digests of the package and of its estimator, computed by the caller from the copy that will be served
        (`theragate.release.model_files.inspect_package`).

    Raises
    ------
    Refusal
        If any rule of release is not met.
    """
    check_manager(trust, actor, submission.study, "promotes")
    _check_challenger(submission, state, "promoted")
    examination = admissible(submission, state, trust, now)
    _check_files(submission, examination.attestation, package_sha256=package_sha256, model_sha256=model_sha256)
    check_approved(submission, state, trust, examination)
    champion = state.of(submission.study).champion
    replaces = None if champion is None else champion.version
    return event_about(
        examination.statement,
        "promote",
        actor,
        version=submission.version,
        reason=reason,
        now=now,
        replaces=replaces,
    )


def rollback(
    state: LedgerState, trust: Trust, actor: Actor, *, study: str, version: str, now: datetime, reason: str = ""
) -> Event:
    """Let `actor` put the last champion that is not revoked back into service; no new approval is needed.

    Raises
    ------
    Refusal
        If `actor` is not a release manager, or `version` is not that champion.
    """
    check_manager(trust, actor, study, "rolls back")
    known = state.of(study)
    target = known.rollback_target
    if target is None or target.version != version:
        raise Refusal(
            f"`{study}` version {version}",
            rule="a rollback goes one step back, to the last champion that is not revoked",
            received="no such champion" if target is None else f"version {version}; the target is {target.version}",
            remedy="Promote an attested and approved version."
            if target is None
            else f"Roll back to version {target.version}.",
        )
    replaces = None if known.champion is None else known.champion.version
    return event_repeating(target, "rollback", actor, reason=reason, now=now, replaces=replaces)


def revoke(
    state: LedgerState,
    trust: Trust,
    actor: Actor,
    *,
    study: str,
    version: str,
    reason: str,
    now: datetime,
    submission: Submission | None = None,
) -> Event:
    """Let `actor` revoke a version for good: neither it nor its estimator under another number is champion again.

    The event also takes a champion that is revoked out of service; whoever records it removes the alias.

    Parameters
    ----------
    submission
        The version with its attestation and dossier, needed where it has never been champion.

    Raises
    ------
    Refusal
        If `actor` is not a release manager, the reason is too short, the version is already revoked, or it was never
        champion and has no attestation that counts.
    """
    check_manager(trust, actor, study, "revokes")
    known, subject = state.of(study), f"`{study}` version {version}"
    if version in known.revoked:
        raise Refusal(
            subject,
            rule="a version is revoked once",
            received="a version that is already revoked",
            remedy="Nothing needs to be done.",
        )
    reason = checked_reason(subject, reason)
    released = [event for event in (known.champion, *known.past) if event is not None and event.version == version]
    if released:
        return event_repeating(released[0], "revoke", actor, reason=reason, now=now)
    statement = _attested(submission, trust, now, study=study, version=version)
    return event_about(statement, "revoke", actor, version=version, reason=reason, now=now)


def withdraw(state: LedgerState, trust: Trust, actor: Actor, *, study: str, now: datetime, reason: str = "") -> Event:
    """Let `actor` take the champion out of service at once, leaving none; it can be rolled back to.

    Raises
    ------
    Refusal
        If `actor` is not a release manager, or there is no champion.
    """
    check_manager(trust, actor, study, "withdraws")
    champion = state.of(study).champion
    if champion is None:
        raise Refusal(
            f"`{study}`",
            rule="a champion is withdrawn",
            received="no champion in service",
            remedy="Nothing needs to be done.",
        )
    return event_repeating(champion, "withdraw", actor, reason=reason, now=now)


def _check_challenger(submission: Submission, state: LedgerState, verb: str) -> None:
    """Refuse the champion itself: an approval is of one promotion, and given before it."""
    champion = state.of(submission.study).champion
    if champion is not None and champion.version == submission.version:
        raise Refusal(
            subject_of(submission),
            rule=f"a challenger is {verb}",
            received="the champion itself",
            remedy="Nothing needs to be done.",
        )


def _check_files(submission: Submission, signed: Attestation, *, package_sha256: str, model_sha256: str) -> None:
    if (package_sha256, model_sha256) != (signed.package_sha256, signed.model_sha256):
        raise Refusal(
            subject_of(submission),
            rule=f"the files of the version are those that were attested (SHA-256 {signed.package_sha256[:12]}…)",
            received=f"other files (SHA-256 {package_sha256[:12]}…)",
            remedy="Somebody has changed them: find out who, then register the model again.",
        )


def _attested(
    submission: Submission | None, trust: Trust, now: datetime, *, study: str, version: str
) -> ParsedStatement:
    """Return the statement of a version that was never champion, if a trusted key has attested it."""
    subject = f"`{study}` version {version}"
    if submission is None or (submission.study, submission.version) != (study, version):
        raise Refusal(
            subject,
            rule="only a version that was champion or is attested can be revoked",
            received="a version that is neither",
            remedy="Nothing needs to be done: without an attestation nobody can promote it.",
        )
    statement, _ = verify_statement(submission.envelope, trust, today_of(now))
    if statement.attestation.study != study:
        raise Refusal(
            subject,
            rule="its attestation is about this study",
            received=f"one about `{statement.attestation.study}`",
            remedy="Nothing needs to be done: nobody can promote it.",
        )
    return statement


def _is_by(approval: Approval, actor: Actor) -> bool:
    return same_person(approval.actor, actor.name) and approval.identity == actor.identity


def _check_digest(subject: str, digest: str, evidence_sha256: str) -> None:
    """Refuse an approval that does not name the evidence by enough digits of its digest."""
    digits = digest.strip().casefold()
    hexadecimal = re.fullmatch(r"[0-9a-f]*", digits) is not None
    if hexadecimal and FEWEST_DIGITS <= len(digits) <= 64 and evidence_sha256.startswith(digits):
        return
    if not hexadecimal:
        received = "text that is not hexadecimal"
    elif len(digits) < FEWEST_DIGITS:
        received = f"{len(digits)} digits"
    else:
        received = f"another digest, `{digits[:FEWEST_DIGITS]}`"
    raise Refusal(
        subject,
        rule=f"an approval names the evidence that was read, by the first {FEWEST_DIGITS} digits of its SHA-256",
        received=received,
        remedy=f"Read the evidence of this version, `{evidence_sha256[:FEWEST_DIGITS]}`, then approve it.",
    )
