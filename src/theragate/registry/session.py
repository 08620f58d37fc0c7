"""The release manager's desk: what the registry holds of a study, beside the ledger, verified on this side."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from theragate.errors import ConfigurationError, StoreError
from theragate.release.attestation import Stated
from theragate.release.dossier import read_statement_of
from theragate.release.ledger import Event, Row, verify_rows
from theragate.release.refusals import Refusal
from theragate.release.state import ReleaseState, StudyState, fold
from theragate.release.trust import Trust
from theragate.study import spec_of
from theragate.tracking.registry import Registry, VersionFacts, connected
from theragate.tracking.store import Stores

__all__ = ["ATTESTATION", "CHAMPION", "Attested", "Desk", "at_desk", "read_rows"]

ATTESTATION, CHAMPION = "theragate.attestation", "champion"


@dataclass(frozen=True)
class Attested:
    """What a version's attestation amounts to: what it says, whose key signed it, and why it does not count, if so.

    ``stated`` is None where no key that counts has signed it.
    """

    stated: Stated | None
    key: str
    why_not: str


@dataclass(frozen=True)
class Desk:
    """An open registry, its verified ledger, and whom this side trusts."""

    registry: Registry
    trust: Trust
    rows: tuple[Row, ...]
    state: ReleaseState
    now: datetime

    @property
    def today(self) -> date:
        """The day in UTC."""
        return self.now.date()

    def study(self, name: str) -> StudyState:
        """Return what the ledger says of a study."""
        return self.state.of(name)

    def version(self, study: str, number: str | None) -> VersionFacts:
        """Return a version by its number or alias; None: the newest.

        Raises
        ------
        ConfigurationError
            If there is no such version.
        """
        versions = self.registry.versions(study)
        for facts in versions:
            if number is None or number == facts.number or number in facts.aliases:
                return facts
        raise ConfigurationError(
            f"`{study}`" if number is None else f"`{study}` version {number}",
            rule="it is a version of a registered model, by its number or an alias",
            received=f"versions {', '.join(facts.number for facts in reversed(versions))}" if versions else "none",
            remedy="See `theragate release list`.",
        )

    def attested(self, facts: VersionFacts) -> Attested:
        """Return what the version's attestation says, and whether that counts today."""
        envelope = facts.tags.get(ATTESTATION)
        if envelope is None:
            return Attested(None, "", "not attested")
        try:
            stated, key_id = read_statement_of(envelope, self.trust, self.today)
        except Refusal as error:
            return Attested(None, "", f"attested by {error.received}")
        key, signed = self.trust.key_name(key_id), stated.attestation
        if signed.study != facts.study:
            return Attested(None, key, "attested for another study")
        if signed.expires <= self.now:
            return Attested(stated, key, f"its attestation expired on {signed.expires:%Y-%m-%d}")
        return Attested(stated, key, "")

    def approvers(self, facts: VersionFacts, attested: Attested) -> tuple[str, ...]:
        """Return who has approved what the version's attestation, read already, says."""
        if attested.stated is None:
            return ()
        given = self.study(facts.study).approvals.get(attested.stated.sha256, ())
        return tuple(dict.fromkeys(approval.actor for approval in given if approval.version == facts.number))

    def champion(self, study: str) -> Event:
        """Return the event that put the study's champion into service.

        Raises
        ------
        StoreError
            If there is no champion, or the registry's alias names another version than the ledger.
        """
        event, named = self.study(study).champion, self.registry.named(study, CHAMPION)
        if event is None and named is None:
            raise StoreError(
                f"`{study}`",
                rule="a champion is in service",
                received="none",
                remedy=f"See what could be promoted: `theragate release list {study}`.",
            )
        if event is None or event.version != named:
            alias = "no version" if named is None else f"version {named}"
            ledger = "nobody" if event is None else f"version {event.version}"
            raise StoreError(
                f"`{study}`",
                rule="the alias `champion` names whom the ledger names",
                received=f"the alias at {alias}, the ledger at {ledger}",
                remedy="Use neither; somebody has written to the registry's database. See docs/threat-model.md.",
            )
        return event


@contextmanager
def at_desk(stores: Stores, trust: Trust, now: datetime | None = None) -> Iterator[Desk]:
    """Open the registry and verify its ledger from the first row on.

    Raises
    ------
    StoreError
        If the registry cannot be used, or a row of the ledger is bad; the first one is named.
    StoreRefusal
        If the registry refuses what the block asks for.
    """
    with connected(stores) as registry:
        rows = read_rows(registry.ledger())
        verify_rows(rows, trust)
        yield Desk(registry, trust, rows, fold(rows), now or datetime.now(UTC))


def read_rows(raw: Sequence[object]) -> tuple[Row, ...]:
    """Read rows of a ledger as a registry hands them out.

    Raises
    ------
    StoreError
        If one is of another form; it is named by its place.
    """
    remedy = "Release nothing; compare the ledger with its backup, and find out who wrote to the database."
    return tuple(
        spec_of(Row, row, subject=f"ledger, row {number}", remedy=remedy, error=StoreError)
        for number, row in enumerate(raw, start=1)
    )
