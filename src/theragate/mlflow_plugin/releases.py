"""Release events as transactions: decide, write the event, and let MLflow's method do its part, all or nothing."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
from sqlalchemy.orm import Session

from theragate.mlflow_plugin.configuration import Configuration, sealed_location
from theragate.mlflow_plugin.dossiers import Dossiers
from theragate.mlflow_plugin.identity import present_actor
from theragate.mlflow_plugin.ledger import Ledger, now
from theragate.mlflow_plugin.names import APPROVED, ATTESTATION, RELEASED, REVOKED
from theragate.mlflow_plugin.originals import original
from theragate.mlflow_plugin.sealing import Vault
from theragate.mlflow_plugin.transactions import Transactions
from theragate.release import admission
from theragate.release.examination import Submission, read_unverified
from theragate.release.ledger import Event
from theragate.release.model_files import Package
from theragate.release.refusals import Refusal
from theragate.release.state import LedgerState
from theragate.release.trust import Trust

__all__ = ["Releases"]

Decide = Callable[[LedgerState, Trust], Event]
_APPROVAL = re.compile(r"\s*([0-9A-Fa-f]+)\s*:(.*)", re.DOTALL)


@dataclass(frozen=True)
class _Sealed:
    package: Package
    address: str


class Releases:
    """The release events of one registry."""

    def __init__(self, transactions: Transactions, dossiers: Dossiers, *, database: str) -> None:
        self._transactions, self._dossiers, self._database = transactions, dossiers, database
        self._ledger = Ledger()

    @contextmanager
    def promotion(self, version: ModelVersion, *, address: str) -> Iterator[None]:
        """Let the block set the alias to `version`: as a promotion, or as the rollback to the last champion.

        The files, which are at `address`, are copied and hashed before the lock is taken, and everything is decided
        again under it.

        Raises
        ------
        Refusal
            If the rules of release do not let it happen.
        """
        attestation = dict(version.tags).get(ATTESTATION)
        target = self._state_now().of(str(version.name)).rollback_target
        if target is not None and target.version == str(version.version):
            sealed = self._seal(address, target.package_sha256)
            decide = self._rollback(version)
        else:
            submission = self._dossiers.submission(version)
            claimed = read_unverified(submission.envelope)
            # First with the claimed digests: nothing is copied for a version that could not be promoted anyway.
            self._promote(submission, claimed.package_sha256, claimed.model_sha256)(*self._known())
            sealed = self._seal(address, claimed.package_sha256)
            decide = self._promote(submission, sealed.package.sha256, sealed.package.model_sha256)
        with self._event(decide) as (session, event):
            if event.package_sha256 != sealed.package.sha256 or _attestation_now(session, event) != attestation:
                raise _overtaken(event)
            yield
            _move(session, event, f"{sealed.address}/{sealed.package.sha256}")
            _note(session, event, RELEASED)

    def approve(self, version: ModelVersion, value: str) -> None:
        """Carry out an approval, `DIGEST: reason`.

        Raises
        ------
        Refusal
            If the rules of approval do not let it count, or it is written in another way.
        """
        submission, approval = self._dossiers.submission(version), _APPROVAL.fullmatch(value)
        if approval is None:
            evidence = read_unverified(submission.envelope).evidence_sha256[:12]
            raise Refusal(
                f"`{version.name}` version {version.version}",
                rule="an approval is written as the first 12 digits of the evidence's SHA-256, a colon, and the reason",
                received="another text",
                remedy=f"Write for example `{evidence}: read the card, fit for the clinic`.",
            )
        digest, reason = approval.groups()

        def decide(state: LedgerState, trust: Trust) -> Event:
            return admission.approve(submission, state, trust, present_actor(), digest=digest, reason=reason, now=now())

        with self._event(decide) as (session, event):
            _note(session, event, APPROVED)

    @contextmanager
    def withdrawal(self, study: str, *, reason: str, version: str | None = None) -> Iterator[None]:
        """Let the block take the alias away, so that there is no champion.

        Raises
        ------
        Refusal
            If there is none, or `version` is not the champion.
        """

        def decide(state: LedgerState, trust: Trust) -> Event:
            event = admission.withdraw(state, trust, present_actor(), study=study, now=now(), reason=reason)
            if version is not None and event.version != version:
                raise Refusal(
                    f"`{study}` version {version}",
                    rule="the champion is withdrawn",
                    received=f"another version; the champion is {event.version}",
                    remedy=f"Set the tag on version {event.version}.",
                )
            return event

        with self._event(decide) as (session, event):
            yield
            _note(session, event, RELEASED)

    @contextmanager
    def revocation(self, version: ModelVersion, *, reason: str) -> Iterator[bool]:
        """Revoke a version; the block gets whether it leaves service by that, and then takes the alias away.

        Raises
        ------
        Refusal
            If the rules of release do not let it happen.
        """
        study, number = str(version.name), str(version.version)
        try:
            submission = self._dossiers.submission(version)
        except Refusal:
            submission = None  # a champion can be revoked even where its dossier is lost
        leaves = False

        def decide(state: LedgerState, trust: Trust) -> Event:
            nonlocal leaves
            event = admission.revoke(
                state,
                trust,
                present_actor(),
                study=study,
                version=number,
                reason=reason,
                now=now(),
                submission=submission,
            )
            before = state.of(study)
            leaves = before.champion is not None and before.after(event).champion is None
            return event

        with self._event(decide) as (session, event):
            yield leaves
            _note(session, event, REVOKED)

    @contextmanager
    def _event(self, decide: Decide) -> Iterator[tuple[Session, Event]]:
        with self._transactions.decision() as session:
            trust = Configuration.now().trust()
            state = self._ledger.read(session, trust)
            event = decide(state, trust)
            yield session, event
            row = self._ledger.append(session, state, event, trust)
        self._ledger.remember(state.after(row))

    def _known(self) -> tuple[LedgerState, Trust]:
        trust = Configuration.now().trust()
        with self._transactions.session() as session:
            state = self._ledger.read(session, trust)
        self._ledger.remember(state)
        return state, trust

    def _state_now(self) -> LedgerState:
        return self._known()[0]

    def _seal(self, address: str, expected: str) -> _Sealed:
        place = sealed_location(Configuration.now().environ, self._database)
        vault = Vault(place.folder)
        found = vault.find(expected)
        if found is None:
            with original(address) as source:
                found = vault.seal(source, expected=expected)
        return _Sealed(found, place.address)

    @staticmethod
    def _promote(submission: Submission, package_sha256: str, model_sha256: str) -> Decide:
        def decide(state: LedgerState, trust: Trust) -> Event:
            return admission.promote(
                submission,
                state,
                trust,
                present_actor(),
                package_sha256=package_sha256,
                model_sha256=model_sha256,
                now=now(),
            )

        return decide

    @staticmethod
    def _rollback(version: ModelVersion) -> Decide:
        def decide(state: LedgerState, trust: Trust) -> Event:
            return admission.rollback(
                state, trust, present_actor(), study=str(version.name), version=str(version.version), now=now()
            )

        return decide


def _move(session: Session, event: Event, address: str) -> None:
    """Let the version's files be served from the sealed copy."""
    key = (SqlModelVersion.name == event.study, SqlModelVersion.version == int(event.version))
    session.query(SqlModelVersion).filter(*key).update({"storage_location": address})


def _attestation_now(session: Session, event: Event) -> str | None:
    """Return what the version carries under the lock: what is in service can never be given another attestation."""
    key = {"name": event.study, "version": int(event.version), "key": ATTESTATION}
    found = session.query(SqlModelVersionTag.value).filter_by(**key).scalar()
    return None if found is None else str(found)


def _note(session: Session, event: Event, tag: str) -> None:
    """Say on the version, for people, who did what and when."""
    words = {"approve": "approved", "promote": "promoted", "rollback": "rolled back to", "revoke": "revoked"}
    text = f"{words.get(event.kind, 'withdrawn')} by {event.actor} on {event.at:%Y-%m-%d %H:%M} UTC"
    if event.identity == "claimed":
        text += " (a name that was claimed, not signed in)"
    if event.reason:
        text += f": {event.reason}"
    key = {"name": event.study, "version": int(event.version), "key": tag}
    workspace = (
        session.query(SqlModelVersion.workspace).filter_by(name=event.study, version=int(event.version)).scalar()
    )
    session.merge(SqlModelVersionTag(workspace=workspace, value=text, **key))


def _overtaken(event: Event) -> Refusal:
    return Refusal(
        f"`{event.study}` version {event.version}",
        rule="nobody else decides about it at the same time",
        received="another decision in between",
        remedy="Look at the present champion, then try again.",
    )
