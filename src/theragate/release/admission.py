"""Who may do what to a version, and on what evidence: the one place that lets a release event happen.

Pure: it reads no file and no clock and believes nobody. Each function returns the event to write, or raises `Refusal`
with a sentence that a release manager understands. A server calls it twice, before and inside the transaction that
writes the event: the second answer counts.
"""

import re
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from theragate.release.dossier import Dossier, Reading, read_statement_of
from theragate.release.ledger import Event, Kind
from theragate.release.names import same_person
from theragate.release.refusals import Refusal
from theragate.release.rules import (
    FEWEST_DIGITS,
    Actor,
    admissible,
    approvals_of,
    check_approved,
    check_manager,
    subject_of,
    today_of,
)
from theragate.release.state import Approval, ReleaseState
from theragate.release.trust import Trust
from theragate.release.waivers import FEWEST_WORDS, Reason
from theragate.study import first_flaw

__all__ = ["FEWEST_DIGITS", "Actor", "Dossier", "Refusal", "approve", "promote", "revoke", "rollback", "withdraw"]

_REASON: TypeAdapter[str] = TypeAdapter(Reason)


def approve(
    dossier: Dossier, state: ReleaseState, trust: Trust, actor: Actor, *, digest: str, reason: str, now: datetime
) -> Event:
    """Let `actor` approve the statement of `dossier`, naming the evidence that was read by its `digest`.

    Only what could be promoted now is approved, so that nobody approves what the gates have blocked.

    Raises
    ------
    Refusal
        If `actor` is no release manager or is the author, the reason is short, the digest is of other evidence, or
        the version could not be promoted for another reason than a lacking approval.
    """
    check_manager(trust, actor, dossier.study, "approves")
    reading = admissible(dossier, state, trust, now)
    signed, subject = reading.attestation, subject_of(dossier)
    if same_person(actor.name, dossier.author) or same_person(actor.name, signed.author):
        raise Refusal(
            subject,
            rule="somebody else than its author must approve a model",
            received=f"an approval by `{actor.name}`, who is its author",
            remedy="Ask another release manager to read the evidence and approve it.",
        )
    given = digest.strip().casefold()
    if not re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", given) or not signed.evidence_sha256.startswith(given):
        raise Refusal(
            subject,
            rule=f"an approval names the evidence that was read, by the first {FEWEST_DIGITS} digits of its SHA-256",
            received="another digest" if len(given) >= FEWEST_DIGITS else "a shorter one",
            remedy=f"Read the evidence of this version, `{signed.evidence_sha256[:FEWEST_DIGITS]}`, then approve it.",
        )
    if any(_is(approval, actor) for approval in approvals_of(dossier, state, reading)):
        raise Refusal(
            subject,
            rule="a person approves a version once",
            received=f"a second approval by `{actor.name}`",
            remedy="Nothing needs to be done; it counts already.",
        )
    return _event(dossier, "approve", actor, reading, reason=_reason(subject, reason), now=now)


def promote(
    dossier: Dossier,
    state: ReleaseState,
    trust: Trust,
    actor: Actor,
    *,
    package_sha256: str,
    model_sha256: str,
    now: datetime,
    reason: str = "",
) -> Event:
    """Let `actor` make the version of `dossier` the champion.

    Parameters
    ----------
    package_sha256, model_sha256
        The digests of the package and of its estimator that the caller has computed itself, from the copy that will
        be served (`theragate.release.model_files.inspect_package`).

    Raises
    ------
    Refusal
        If any rule of release is not met.
    """
    check_manager(trust, actor, dossier.study, "promotes")
    study = state.of(dossier.study)
    if study.champion is not None and study.champion.version == dossier.version:
        raise Refusal(
            subject_of(dossier),
            rule="a challenger is promoted",
            received="the champion itself",
            remedy="Nothing needs to be done.",
        )
    reading = admissible(dossier, state, trust, now)
    signed = reading.attestation
    if (package_sha256, model_sha256) != (signed.package_sha256, signed.model_sha256):
        raise Refusal(
            subject_of(dossier),
            rule="the files of the version must be those that were attested",
            received="other files",
            remedy="Somebody has changed them: find out who, and register the model anew.",
        )
    check_approved(dossier, state, trust, reading)
    replaces = None if study.champion is None else study.champion.version
    return _event(dossier, "promote", actor, reading, reason=reason, now=now, replaces=replaces)


def rollback(
    state: ReleaseState, trust: Trust, actor: Actor, *, study: str, version: str, now: datetime, reason: str = ""
) -> Event:
    """Let `actor` put the last champion that is not revoked back into service; no new approval is needed.

    Raises
    ------
    Refusal
        If `actor` is no release manager, or `version` is not that champion.
    """
    check_manager(trust, actor, study, "rolls back")
    known = state.of(study)
    target = known.rollback_target
    if target is None or target.version != version:
        raise Refusal(
            f"`{study}` version {version}",
            rule="a rollback goes one step, to the last champion that is not revoked",
            received="no such champion" if target is None else f"version {version}; it would be {target.version}",
            remedy="Promote a version with an attestation and an approval."
            if target is None
            else f"Roll back to version {target.version}.",
        )
    replaces = None if known.champion is None else known.champion.version
    return _copied(target, "rollback", actor, reason=reason, now=now, replaces=replaces)


def revoke(
    state: ReleaseState,
    trust: Trust,
    actor: Actor,
    *,
    study: str,
    version: str,
    reason: str,
    now: datetime,
    dossier: Dossier | None = None,
) -> Event:
    """Let `actor` revoke a version for good: neither it nor its estimator under another number is champion again.

    A champion that is revoked leaves service with the same event; whoever writes the event takes the alias away.

    Parameters
    ----------
    dossier
        The version's papers, where it has never been champion.

    Raises
    ------
    Refusal
        If `actor` is no release manager, the reason is short, the version is revoked already, or nothing is known of
        it that could be revoked.
    """
    check_manager(trust, actor, study, "revokes")
    known, subject = state.of(study), f"`{study}` version {version}"
    if version in known.revoked:
        raise Refusal(
            subject,
            rule="a version is revoked once",
            received="a version that is revoked",
            remedy="Nothing needs to be done.",
        )
    text = _reason(subject, reason)
    served = [event for event in (known.champion, *known.past) if event is not None and event.version == version]
    if served:
        return _copied(served[0], "revoke", actor, reason=text, now=now)
    if dossier is None or (dossier.study, dossier.version) != (study, version):
        raise Refusal(
            subject,
            rule="what is revoked was champion, or is attested",
            received="a version that is neither",
            remedy="Nothing needs to be done: without an attestation nobody can promote it.",
        )
    stated, _ = read_statement_of(dossier.envelope, trust, today_of(now))
    signed = stated.attestation
    if signed.study != study:
        raise Refusal(
            subject,
            rule="its attestation is of this study",
            received=f"one of `{signed.study}`",
            remedy="Nothing needs to be done: nobody can promote it.",
        )
    return _made(
        study=study,
        kind="revoke",
        version=version,
        actor=actor.name,
        identity=actor.identity,
        reason=text,
        at=now,
        package_sha256=signed.package_sha256,
        model_sha256=signed.model_sha256,
        statement_sha256=stated.sha256,
        evidence_sha256=signed.evidence_sha256,
        policy_sha256=signed.policy_sha256,
        recipe_sha256=signed.recipe_sha256,
    )


def withdraw(state: ReleaseState, trust: Trust, actor: Actor, *, study: str, now: datetime, reason: str = "") -> Event:
    """Let `actor` take the champion out of service at once, so that there is none; it can be rolled back to.

    Raises
    ------
    Refusal
        If `actor` is no release manager, or there is no champion.
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
    return _copied(champion, "withdraw", actor, reason=reason, now=now)


def _is(approval: Approval, actor: Actor) -> bool:
    return same_person(approval.actor, actor.name) and approval.identity == actor.identity


def _reason(subject: str, text: str) -> str:
    try:
        return _REASON.validate_python(text)
    except ValidationError as error:
        raise Refusal(
            subject,
            rule=f"a reason is given, in {FEWEST_WORDS} words or more and one line of plain text",
            received=f"{len(text.split())} words" if len(text.split()) < FEWEST_WORDS else "another text",
            remedy="Say why, so that somebody who reads the ledger in a year understands.",
        ) from error


def _event(
    dossier: Dossier,
    kind: Kind,
    actor: Actor,
    reading: Reading,
    *,
    reason: str,
    now: datetime,
    replaces: str | None = None,
) -> Event:
    signed = reading.attestation
    return _made(
        study=dossier.study,
        kind=kind,
        version=dossier.version,
        actor=actor.name,
        identity=actor.identity,
        reason=reason,
        at=now,
        package_sha256=signed.package_sha256,
        model_sha256=signed.model_sha256,
        statement_sha256=reading.stated.sha256,
        evidence_sha256=signed.evidence_sha256,
        policy_sha256=signed.policy_sha256,
        recipe_sha256=signed.recipe_sha256,
        replaces=replaces,
    )


def _copied(
    former: Event, kind: Kind, actor: Actor, *, reason: str, now: datetime, replaces: str | None = None
) -> Event:
    return _made(
        **former.model_dump(exclude={"kind", "actor", "identity", "reason", "at", "replaces"}),
        kind=kind,
        actor=actor.name,
        identity=actor.identity,
        reason=reason,
        at=now,
        replaces=replaces,
    )


def _made(**fields: object) -> Event:
    try:
        return Event.model_validate(fields)
    except ValidationError as error:
        raise Refusal(
            f"release event, {first_flaw(error).key.replace('_', ' ')}",
            rule="it is one line of plain text, and not too long",
            received="another text",
            remedy="Write it in another way.",
        ) from error
