"""Making the events that the ledger records, from an examined version or from a former event."""

from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from theragate.numbers import plural
from theragate.release.attestation import ParsedStatement
from theragate.release.ledger import Event, Kind
from theragate.release.names import unseen_in
from theragate.release.refusals import Refusal
from theragate.release.rules import Actor
from theragate.release.waivers import FEWEST_WORDS, Reason

__all__ = ["checked_reason", "event_about", "event_repeating"]

_REASON: TypeAdapter[str] = TypeAdapter(Reason)


def event_about(
    statement: ParsedStatement,
    kind: Kind,
    actor: Actor,
    *,
    version: str,
    reason: str,
    now: datetime,
    replaces: str | None = None,
) -> Event:
    """Return the event in which `actor` decides about the version that `statement` is about.

    Raises
    ------
    Refusal
        If the reason is too long or not one line of plain text.
    """
    signed = statement.attestation
    return _checked(
        study=signed.study,
        kind=kind,
        version=version,
        actor=actor.name,
        identity=actor.identity,
        reason=reason,
        at=now,
        package_sha256=signed.package_sha256,
        model_sha256=signed.model_sha256,
        statement_sha256=statement.sha256,
        evidence_sha256=signed.evidence_sha256,
        policy_sha256=signed.policy_sha256,
        recipe_sha256=signed.recipe_sha256,
        replaces=replaces,
    )


def event_repeating(
    former: Event, kind: Kind, actor: Actor, *, reason: str, now: datetime, replaces: str | None = None
) -> Event:
    """Return the event in which `actor` decides again about the version of `former`.

    Raises
    ------
    Refusal
        If the reason is too long or not one line of plain text.
    """
    return _checked(
        **former.model_dump(exclude={"kind", "actor", "identity", "reason", "at", "replaces"}),
        kind=kind,
        actor=actor.name,
        identity=actor.identity,
        reason=reason,
        at=now,
        replaces=replaces,
    )


def checked_reason(subject: str, text: str) -> str:
    """Return `text` as a reason that the ledger keeps.

    Raises
    ------
    Refusal
        If it has too few words, is too long, or is not one line of plain text.
    """
    try:
        return _REASON.validate_python(text)
    except ValidationError as error:
        words = len(text.split())
        raise Refusal(
            subject,
            rule=f"a reason is given, in at least {FEWEST_WORDS} words and one line of plain text",
            received=plural(words, "word") if words < FEWEST_WORDS else _described(text),
            remedy="Say why, so that someone who reads the ledger in a year understands.",
        ) from error


def _checked(**fields: object) -> Event:
    try:
        return Event.model_validate(fields)
    except ValidationError as error:
        key = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise Refusal(
            f"release event, {key.replace('_', ' ')}",
            rule="it is one line of plain text, and not too long",
            received=_described(fields[key]),
            remedy="Shorten it, or leave out line breaks and what is not seen.",
        ) from error


def _described(value: object) -> str:
    """Return what is wrong with a text without repeating it: it may be long, or hold control characters."""
    text = str(value).strip()
    return unseen_in(text) or f"{len(text):,} characters"
