"""The dossiers of versions, kept so that the server can judge again, and shown to few people."""

from collections.abc import Collection

from mlflow.entities.model_registry import ModelVersion
from sqlalchemy.orm import Session

from theragate.digests import sha256_bytes
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.identity import confirmed_actor, present_actor
from theragate.mlflow_plugin.limits import Limits, read_limits
from theragate.mlflow_plugin.names import ATTESTATION, AUTHOR
from theragate.mlflow_plugin.registrations import Registrations
from theragate.mlflow_plugin.tables import add_dossier, dossiers_of, find_dossier
from theragate.mlflow_plugin.transactions import Transactions
from theragate.mlflow_plugin.used_dossiers import used_dossiers
from theragate.release.dossier import read_dossier
from theragate.release.examination import Submission, read_unverified
from theragate.release.refusals import Refusal

__all__ = ["MOST_DOSSIER_BYTES", "Dossiers"]

MOST_DOSSIER_BYTES = 16 << 20  # the largest studies need about a sixteenth of it


class Dossiers:
    """The table of dossiers."""

    def __init__(self, transactions: Transactions, configuration: Configuration, registrations: Registrations) -> None:
        self._transactions, self._configuration = transactions, configuration
        self._registrations = registrations

    def put(self, content: bytes, *, named: str | None = None) -> str:
        """Keep a dossier and return its digest; everybody who signs in may, since only a signature makes it count.

        Raises
        ------
        Refusal
            If it is too large, malformed, or does not have the digest `named`.
        """
        if len(content) > MOST_DOSSIER_BYTES:
            raise _unusable(f"it has {MOST_DOSSIER_BYTES:,} bytes at most", f"{len(content):,} bytes")
        read_dossier(content)
        sha256 = sha256_bytes(content)
        if named not in (None, sha256):
            raise _unusable(f"it is named by its SHA-256 ({sha256[:12]}…)", f"another digest, `{named}`"[:80])
        sender = present_actor(self._configuration.environ).name
        with self._transactions.decision() as session:
            if find_dossier(session, sha256) is None:
                self._check_share(session, sender, len(content))
                add_dossier(session, sha256, content, sender=sender)
        return sha256

    def _check_share(self, session: Session, sender: str, size: int) -> None:
        """Refuse a dossier of somebody who has sent many that nobody has signed."""
        limits = read_limits(self._configuration.environ)
        sent = dossiers_of(session, sender)
        if _fits(sent.values(), size, limits):
            return
        used = used_dossiers(session, self._configuration.trust())
        sizes = [length for sha256, length in sent.items() if sha256 not in used]
        if _fits(sizes, size, limits):
            return
        raise Refusal(
            "the dossier",
            rule=f"of dossiers to which no signed attestation refers, the server keeps {limits.unused_dossiers} of "
            f"each person, of {limits.unused_dossier_bytes:,} bytes at most",
            received=f"one more from `{sender}`, who has sent {len(sizes)} of {sum(sizes):,} bytes",
            remedy="Let whoever runs the server remove old ones: `theragate server --clean`.",
        )

    def get(self, sha256: str) -> bytes:
        """Return a dossier.

        Raises
        ------
        Refusal
            If the person is neither a release manager nor a reader of its study, or there is no such dossier.
        """
        trust = self._configuration.trust()
        actor = confirmed_actor(self._configuration.environ, trust)
        if not trust.development and actor.name not in trust.listed_people:
            raise _not_shown(actor.name)
        content = self._find(sha256)
        if not trust.may_read(actor.name, _study_of(content)):
            raise _not_shown(actor.name)
        return content

    def submission(self, version: ModelVersion, *, envelope: str | None = None) -> Submission:
        """Return a version with its attestation and its dossier, unverified.

        Parameters
        ----------
        envelope
            The attestation that is being handed in; None takes the one that the version has.

        Raises
        ------
        Refusal
            If it has no attestation, its dossier was never sent, or its author is not recorded.
        """
        subject, tags = f"`{version.name}` version {version.version}", dict(version.tags)
        if envelope is not None:
            tags[ATTESTATION] = envelope
        if ATTESTATION not in tags:
            raise _missing(subject, "an evaluator has attested it", "a version without attestation")
        if AUTHOR not in tags:
            raise Refusal(
                subject,
                rule="the server has recorded who registered it",
                received="a version that was registered without the guarded registry",
                remedy="Register it again, through this server.",
            )
        self._registrations.check(version, tags[AUTHOR])
        attestation = read_unverified(tags[ATTESTATION])
        evidence, policy = read_dossier(self._find(attestation.dossier_sha256))
        return Submission(
            study=str(version.name),
            version=str(version.version),
            author=tags[AUTHOR],
            envelope=tags[ATTESTATION],
            evidence=evidence,
            policy=policy,
            others=self._registrations.others(version, attestation),
        )

    def _find(self, sha256: str) -> bytes:
        with self._transactions.session() as session:
            content = find_dossier(session, sha256)
        if content is None:
            raise _missing(f"dossier {sha256[:12]}…", "the server has it", "no dossier with this digest")
        return content


def _fits(sizes: Collection[int], size: int, limits: Limits) -> bool:
    return len(sizes) < limits.unused_dossiers and sum(sizes) + size <= limits.unused_dossier_bytes


def _study_of(content: bytes) -> str | None:
    """Return the study that a dossier is about; None where it does not say so."""
    evidence, _ = read_dossier(content)
    study = evidence.get("study") if isinstance(evidence, dict) else None
    return study if isinstance(study, str) else None


def _not_shown(person: str) -> Refusal:
    return Refusal(
        "the full evidence",
        rule="only release managers and readers of its study read it, because it can describe small groups of patients",
        received=f"`{person}`, who is neither",
        remedy="Read the published evidence, which is an artifact of the run, or be listed under `readers` in the "
        "trust file.",
    )


def _unusable(rule: str, received: str) -> Refusal:
    return Refusal("the dossier", rule=rule, received=received, remedy="Send what `theragate attest` writes.")


def _missing(subject: str, rule: str, received: str) -> Refusal:
    return Refusal(subject, rule=rule, received=received, remedy="Let the evaluator run `theragate attest STUDY`.")
