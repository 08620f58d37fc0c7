"""Release events as transactions: decide, write the event, and let MLflow's method do its part, all or nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from sqlalchemy.orm import Session

from theragate.mlflow_plugin.buckets import Bucket
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.dossiers import Dossiers
from theragate.mlflow_plugin.identity import confirmed_actor
from theragate.mlflow_plugin.ledger import Ledger, now
from theragate.mlflow_plugin.names import APPROVED, ATTESTATION, RELEASED, REVOKED, SIGNER
from theragate.mlflow_plugin.originals import original
from theragate.mlflow_plugin.presentation import Presentation, presentation_of
from theragate.mlflow_plugin.registrations import Registrations
from theragate.mlflow_plugin.sealed_location import SealedLocation, sealed_location
from theragate.mlflow_plugin.sealing import Vault
from theragate.mlflow_plugin.sealing_s3 import BucketVault
from theragate.mlflow_plugin.transactions import Transactions
from theragate.mlflow_plugin.version_rows import present_attestation, serve_from, tag_with_event
from theragate.release import admission
from theragate.release.admission import Actor
from theragate.release.examination import Submission, read_unverified
from theragate.release.ledger import Event
from theragate.release.model_files import Package, inspect_package
from theragate.release.refusals import Refusal
from theragate.release.state import LedgerState
from theragate.release.trust import Trust

__all__ = ["Releases"]

Decide = Callable[[LedgerState, Trust], Event]
_APPROVAL = re.compile(r"\s*([0-9A-Fa-f]+)\s*:(.*)", re.DOTALL)


@dataclass(frozen=True)
class _SealedCopy:
    package: Package
    uri: str


class Releases:
    """The release events of one registry."""

    def __init__(
        self,
        transactions: Transactions,
        dossiers: Dossiers,
        registrations: Registrations,
        configuration: Configuration,
        *,
        database: str,
    ) -> None:
        self._transactions, self._dossiers, self._registrations = transactions, dossiers, registrations
        self._configuration, self._database = configuration, database
        self._ledger = Ledger(configuration, database=database)

    @contextmanager
    def promotion(self, version: ModelVersion, *, files: str) -> Iterator[None]:
        """Let the block set the alias to `version`: as a promotion, or as the rollback to the last champion.

        The files at the URI `files` are copied and hashed before the lock is taken; under it, everything is decided
        again.

        Raises
        ------
        Refusal
            If the rules of release forbid it.
        """
        actor, attestation = self._actor(), dict(version.tags).get(ATTESTATION)
        target = self._present_state()[0].of(str(version.name)).rollback_target
        if target is not None and target.version == str(version.version):
            copy = self._seal(files, target.package_sha256)
            decide = self._rollback(version, actor)
        else:
            submission = self._dossiers.submission(version)
            claimed = read_unverified(submission.envelope)
            # First with the claimed digests: nothing is copied for a version that could not be promoted anyway.
            self._promote(submission, actor, claimed.package_sha256, claimed.model_sha256)(*self._present_state())
            copy = self._seal(files, claimed.package_sha256)
            decide = self._promote(submission, actor, copy.package.sha256, copy.package.model_sha256)
        with self._event(decide) as (session, event):
            if event.package_sha256 != copy.package.sha256 or present_attestation(session, event) != attestation:
                raise _overtaken(event)
            yield
            serve_from(session, event, f"{copy.uri}/{copy.package.sha256}")
            tag_with_event(session, event, RELEASED)

    def approve(self, version: ModelVersion, value: str) -> None:
        """Carry out an approval, written as `DIGEST: reason`.

        Raises
        ------
        Refusal
            If `value` is not written so, or the rules of release forbid the approval.
        """
        actor = self._actor()
        self._registrations.look_again(actor.name)
        submission, approval = self._dossiers.submission(version), _APPROVAL.fullmatch(value)
        if approval is None:
            evidence = read_unverified(submission.envelope).evidence_sha256[:12]
            raise Refusal(
                f"`{version.name}` version {version.version}",
                rule="an approval is written as the first 12 digits of the evidence's SHA-256, a colon, and the reason",
                received="text that does not begin with hexadecimal digits and a colon",
                remedy=f"Write for example `{evidence}: read the card, fit for the clinic`.",
            )
        digest, reason = approval.groups()

        def decide(state: LedgerState, trust: Trust) -> Event:
            event = admission.approve(submission, state, trust, actor, digest=digest, reason=reason, now=now())
            if SIGNER not in version.tags:
                raise Refusal(
                    f"`{version.name}` version {version.version}",
                    rule="what is approved is attested, and what was signed is about the files of this version",
                    received="an attestation that the registry did not count when it was handed in",
                    remedy=f"Let the evaluator sign: `theragate attest {version.name}`.",
                )
            return event

        with self._event(decide) as (session, event):
            tag_with_event(session, event, APPROVED)

    def examined(self, version: ModelVersion, envelope: str, *, files: str) -> Presentation:
        """Return how a version is presented with the attestation `envelope`; its files are hashed where they lie.

        Raises
        ------
        TheragateError
            If the attestation does not count.
        """
        submission, trust = self._dossiers.submission(version, envelope=envelope), self._configuration.trust()
        claimed = read_unverified(envelope)
        sha256 = (claimed.package_sha256, claimed.model_sha256)
        # First with the claimed digests: nothing is hashed for what no trusted key has signed.
        admission.accept(submission, trust, package_sha256=sha256[0], model_sha256=sha256[1], now=now())
        with original(files, self._configuration.environ) as folder:
            package = inspect_package(folder)
        examination = admission.accept(
            submission, trust, package_sha256=package.sha256, model_sha256=package.model_sha256, now=now()
        )
        return presentation_of(examination, trust, now())

    @contextmanager
    def withdrawal(self, study: str, *, reason: str, version: str | None = None) -> Iterator[None]:
        """Let the block remove the alias, so that there is no champion.

        Raises
        ------
        Refusal
            If there is no champion, or `version` is not it.
        """
        actor = self._actor()

        def decide(state: LedgerState, trust: Trust) -> Event:
            event = admission.withdraw(state, trust, actor, study=study, now=now(), reason=reason)
            if version is not None and event.version != version:
                raise Refusal(
                    f"`{study}` version {version}",
                    rule="the champion is withdrawn",
                    received=f"version {version}, while the champion is version {event.version}",
                    remedy=f"Set the tag on version {event.version}.",
                )
            return event

        with self._event(decide) as (session, event):
            yield
            tag_with_event(session, event, RELEASED)

    @contextmanager
    def revocation(self, version: ModelVersion, *, reason: str) -> Iterator[bool]:
        """Revoke a version; the block is told whether that ends its service, and then removes the alias.

        Raises
        ------
        Refusal
            If the rules of release forbid it.
        """
        actor, study, number = self._actor(), str(version.name), str(version.version)
        submission: Submission | None = None
        with suppress(Refusal):  # a champion can be revoked even where its dossier is lost
            submission = self._dossiers.submission(version)
        ends_service = False

        def decide(state: LedgerState, trust: Trust) -> Event:
            nonlocal ends_service
            event = admission.revoke(
                state,
                trust,
                actor,
                study=study,
                version=number,
                reason=reason,
                now=now(),
                submission=submission,
            )
            before = state.of(study)
            ends_service = before.champion is not None and before.after(event).champion is None
            return event

        with self._event(decide) as (session, event):
            yield ends_service
            tag_with_event(session, event, REVOKED)

    @contextmanager
    def _event(self, decide: Decide) -> Iterator[tuple[Session, Event]]:
        with self._transactions.decision() as session:
            trust = self._configuration.trust()
            state = self._ledger.read(session, trust)
            event = decide(state, trust)
            yield session, event
            row = self._ledger.append(session, state, event, trust)
        self._ledger.remember(state.after(row))
        self._ledger.pin(state.after(row), trust)

    def _present_state(self) -> tuple[LedgerState, Trust]:
        trust = self._configuration.trust()
        with self._transactions.session() as session:
            state = self._ledger.read(session, trust)
        self._ledger.remember(state)
        return state, trust

    def _seal(self, files: str, expected: str) -> _SealedCopy:
        environ = self._configuration.environ
        location = sealed_location(environ, self._database)
        vault = _vault(location, environ)
        package = vault.find(expected)
        if package is None:
            with original(files, environ) as source:
                package = vault.seal(source, expected=expected)
        return _SealedCopy(package, location.uri)

    def _actor(self) -> Actor:
        return confirmed_actor(self._configuration.environ, self._configuration.trust())

    def _promote(self, submission: Submission, actor: Actor, package_sha256: str, model_sha256: str) -> Decide:
        def decide(state: LedgerState, trust: Trust) -> Event:
            return admission.promote(
                submission,
                state,
                trust,
                actor,
                package_sha256=package_sha256,
                model_sha256=model_sha256,
                now=now(),
            )

        return decide

    def _rollback(self, version: ModelVersion, actor: Actor) -> Decide:
        def decide(state: LedgerState, trust: Trust) -> Event:
            return admission.rollback(
                state, trust, actor, study=str(version.name), version=str(version.version), now=now()
            )

        return decide


def _vault(location: SealedLocation, environ: Mapping[str, str]) -> Vault | BucketVault:
    if isinstance(location.place, Bucket):
        return BucketVault(location.place, environ)
    return Vault(location.place, loaded_in_place=location.uri.startswith("file:"))


def _overtaken(event: Event) -> Refusal:
    return Refusal(
        f"`{event.study}` version {event.version}",
        rule="nobody else decides about it at the same time",
        received="another decision in between",
        remedy="Look at the present champion, then try again.",
    )
