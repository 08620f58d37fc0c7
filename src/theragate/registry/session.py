"""An open registry with its ledger, verified by this client."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from theragate.errors import ConfigurationError, StoreError, did_you_mean
from theragate.registry.pinned_head import Memory
from theragate.release.attestation import ParsedStatement
from theragate.release.examination import verify_statement
from theragate.release.ledger import Event, Row, first_day, releasing, verify_rows
from theragate.release.refusals import Refusal
from theragate.release.state import LedgerState, StudyState, fold
from theragate.release.trust import Trust
from theragate.release.waivers import Waiver, expired
from theragate.study import spec_of
from theragate.tracking.attested import ATTESTATION, SIGNER
from theragate.tracking.champion import CHAMPION
from theragate.tracking.registry import RegisteredVersion, Registry, connected
from theragate.tracking.store import Stores

__all__ = [
    "ATTESTATION",
    "CHAMPION",
    "AttestationStatus",
    "Session",
    "author_of",
    "check_ledger",
    "expiry_alerts",
    "open_session",
    "read_rows",
    "remedy_of",
]

_MOST_ROWS = 1_000_000
_AUTHOR = "theragate.author"  # only a guarded registry writes it: who had signed in when the version was registered


@dataclass(frozen=True)
class AttestationStatus:
    """What a version's attestation states, the name of the key that signed it, and why it does not count.

    ``statement`` is None where no trusted key has signed it; ``why_not`` is empty where the attestation counts.
    """

    statement: ParsedStatement | None
    key: str
    why_not: str


_WAIVER = "the waiver of"


def expiry_alerts(waivers: Iterable[Waiver], today: date) -> tuple[str, ...]:
    """Return a sentence, without its full stop, about each of `waivers` that has expired."""
    return tuple(
        f"{_WAIVER} {waiver.code} {waiver.gate} by {waiver.by} expired after {waiver.expires}"
        for waiver in expired(waivers, today)
    )


def remedy_of(alert: str) -> str:
    """Return what to do about an alert."""
    if alert.startswith(_WAIVER):
        return "Accept the finding again in a new version, or withdraw this one."
    return "Withdraw it, and find out who has written to the registry's database, or revoked a key."


@dataclass(frozen=True)
class Session:
    """An open registry, its verified ledger, and the trust of this client."""

    registry: Registry
    trust: Trust
    rows: tuple[Row, ...]
    state: LedgerState
    now: datetime

    @property
    def today(self) -> date:
        """The day in UTC."""
        return self.now.date()

    def near(self, study: str) -> str:
        """Ask about the registered study that may be meant, as the beginning of a remedy; empty where none is."""
        known = self.registry.studies()
        return "" if study in known else did_you_mean(study, known)

    def check(self, study: str) -> None:
        """Refuse the name of a study that is not registered, while one is that may be meant.

        Raises
        ------
        ConfigurationError
            If it is such a name.
        """
        near = self.near(study)
        if near:
            raise ConfigurationError(
                f"`{study}`",
                rule="a study in the registry has a registered model",
                received="a name that none has",
                remedy=f"{near}See `theragate release list`.",
            )

    def study(self, name: str) -> StudyState:
        """Return the release state of a study, from the ledger."""
        return self.state.of(name)

    def version(self, study: str, number: str | None) -> RegisteredVersion:
        """Return a version by its number or alias; the newest where `number` is None.

        Raises
        ------
        ConfigurationError
            If there is no such version.
        """
        versions = self.registry.versions(study)
        for version in versions:
            if number is None or number == version.number or number in version.aliases:
                return version
        numbers = ", ".join(version.number for version in reversed(versions))
        raise ConfigurationError(
            f"`{study}`" if number is None else f"`{study}` version {number}",
            rule="a version of a registered model is named by its number or an alias",
            received=f"`{number}`, while the registry has {numbers}"
            if number and versions
            else "no registered version" + (", or none that you may READ" if self.registry.signs_in else ""),
            remedy=f"{'' if versions else self.near(study)}See `theragate release list`.",
        )

    def attested(self, version: RegisteredVersion) -> AttestationStatus:
        """Read the version's attestation, and whether it counts today."""
        envelope = version.tags.get(ATTESTATION)
        if envelope is None:
            return AttestationStatus(None, "", "not attested")
        try:
            statement, key_id = verify_statement(envelope, self.trust, self.today)
        except Refusal as error:
            return AttestationStatus(None, "", f"attested, which does not count here: received {error.received}")
        key, signed = self.trust.key_name(key_id), statement.attestation
        if author_of(version) and SIGNER not in version.tags:
            return AttestationStatus(
                None, key, "not attested: what was signed is not about these files, or has expired"
            )
        if signed.study != version.study:
            return AttestationStatus(None, key, f"attested for another study, {signed.study}")
        event = releasing(version.study, version.number, self.rows)
        if event is not None and event.statement_sha256 != statement.sha256:
            return AttestationStatus(None, key, "attested in another statement than the one that was released")
        if signed.expires <= self.now:
            return AttestationStatus(statement, key, f"its attestation expired on {signed.expires:%Y-%m-%d}")
        return AttestationStatus(statement, key, "")

    def signed(self, version: RegisteredVersion) -> ParsedStatement:
        """Return what a trusted key has signed of a version, even if it has expired since.

        Raises
        ------
        Refusal
            If none has.
        """
        attested = self.attested(version)
        if attested.statement is None:
            raise Refusal(
                f"`{version.study}` version {version.number}",
                rule="a version is approved, or compared with the champion, by what a trusted key has signed of it",
                received=f"one that is {attested.why_not}",
                remedy=f"Let the evaluator sign: `theragate attest {version.study}`.",
            )
        return attested.statement

    def approvers(self, version: RegisteredVersion, attested: AttestationStatus) -> tuple[str, ...]:
        """Return who has approved the version's present attestation."""
        if attested.statement is None:
            return ()
        approvals = self.study(version.study).approvals.get(attested.statement.sha256, ())
        return tuple(dict.fromkeys(approval.actor for approval in approvals if approval.version == version.number))

    def alerts(self, study: str) -> tuple[str, ...]:
        """Return what somebody has to look at in the version that is in service: it stays there all the same."""
        event = self.study(study).champion
        if event is None:
            return ()
        served = next((one for one in self.registry.versions(study) if one.number == event.version), None)
        if served is None:
            return ("the registry has no such version any more",)
        try:  # as whoever loads it does: the key must have counted on the day of the first release
            statement, _ = verify_statement(served.tags.get(ATTESTATION, ""), self.trust, first_day(event, self.rows))
        except Refusal as error:
            return (f"no attestation of it counts any more: received {error.received}",)
        if statement.sha256 != event.statement_sha256:
            return ("its attestation is not the one with which it was released",)
        return expiry_alerts(statement.attestation.waivers, self.today)

    def champion(self, study: str) -> Event:
        """Return the event that put the study's champion into service.

        Raises
        ------
        StoreError
            If there is no champion, or alias and ledger name different versions.
        """
        event, named = self.study(study).champion, self.registry.with_alias(study, CHAMPION)
        if event is None and named is None:
            raise StoreError(
                f"`{study}`",
                rule="a champion is in service",
                received="no champion",
                remedy=f"{self.near(study)}See what could be promoted: `theragate release list {study}`.",
            )
        if event is None or event.version != named:
            alias = "no version" if named is None else f"version {named}"
            ledger = "no version" if event is None else f"version {event.version}"
            raise StoreError(
                f"`{study}`",
                rule="the alias `champion` names the version that the ledger names",
                received=f"{alias} from the alias, {ledger} from the ledger",
                remedy="Use neither: somebody has written to the registry's database. See docs/threat-model.md.",
            )
        return event


def author_of(version: RegisteredVersion) -> str:
    """Return who registered a version, as the registry has recorded it; never what git says of a commit."""
    return version.tags.get(_AUTHOR, "")


@contextmanager
def open_session(stores: Stores, trust: Trust, memory: Memory | None, now: datetime | None = None) -> Iterator[Session]:
    """Open the registry, verify its whole ledger, and hold it against what was seen of it before.

    Parameters
    ----------
    memory
        Where the last row is pinned; None only for whoever is about to accept another ledger.

    Raises
    ------
    StoreError
        If the registry cannot be used, or a row of the ledger is invalid, of which the first one is named; or the
        ledger lacks a row that was seen before.
    StoreRefusal
        If the registry refuses what the block asks for.
    """
    with connected(stores) as registry:
        seen = None if memory is None else memory.recall()
        rows = _verified_rows(registry, trust)
        if seen is not None:
            seen.check(stores.registry, rows)
        yield Session(registry, trust, rows, fold(rows), now or datetime.now(UTC))


def check_ledger(stores: Stores, trust: Trust, memory: Memory) -> None:
    """Hold the ledger of a guarded registry against what was seen of it, before anything is written there.

    Without a trust file nobody can tell whose rows a server has signed; whoever reads its ledger is told so.

    Raises
    ------
    StoreError
        If the registry cannot be used, or its ledger is not the one that was seen, grown or as it was.
    """
    if trust.development and stores.registry.startswith(("http://", "https://")):
        return
    with connected(stores) as registry:
        if registry.api.guarded:
            seen = memory.recall()
            rows = _verified_rows(registry, trust)
            seen.check(stores.registry, rows)


def _verified_rows(registry: Registry, trust: Trust) -> tuple[Row, ...]:
    """Return the whole ledger, verified page by page: of a forged one no more than a page is read."""
    rows: list[Row] = []
    while page := read_rows(registry.api.ledger(len(rows)), after=len(rows)):
        verify_rows(page, trust, after=rows[-1] if rows else None)
        rows += page
        if len(rows) > _MOST_ROWS:
            raise StoreError(
                "the registry's ledger",
                rule=f"it has {_MOST_ROWS:,} rows at most",
                received="more",
                remedy="Find out who writes to it.",
            )
    return tuple(rows)


def read_rows(raw: Sequence[object], *, after: int = 0) -> tuple[Row, ...]:
    """Parse the rows of a ledger as a registry returns them, those after number `after`.

    Raises
    ------
    StoreError
        If a row is malformed; its number is named.
    """
    remedy = "Release nothing; compare the ledger with its backup, and find out who wrote to the database."
    return tuple(
        spec_of(Row, row, subject=f"ledger, row {number}", remedy=remedy, error=StoreError)
        for number, row in enumerate(raw, start=after + 1)
    )
