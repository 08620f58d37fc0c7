"""All about one version, and a challenger beside the champion: what is signed, and what only the registry says."""

from typing import Any

from theragate.errors import StoreError, TheragateError
from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Evidence
from theragate.registry.session import ATTESTATION, Session, author_of
from theragate.registry.signed_evidence import read_signed_evidence
from theragate.registry.verification import check_statement
from theragate.release.attestation import Attestation
from theragate.release.dossier import read_dossier
from theragate.release.examination import Submission
from theragate.release.ledger import first_day
from theragate.release.rules import admissible
from theragate.reports.headline import estimate_text, headline
from theragate.tracking.registry import RegisteredVersion
from theragate.tracking.release_api import StoreRefusal

__all__ = ["compared", "shown", "submission_of"]


def shown(session: Session, version: RegisteredVersion) -> dict[str, Any]:
    """Return what is known about a version as JSON values, in reading order.

    Nothing comes from what the author can write. Under ``unsigned`` is what the registry alone says; everything else is
    in the ledger, in a statement that a trusted key has signed, or has the digest that is signed there. ``metrics`` are
    missing where the evidence has another digest, and ``evidence_problem`` then says so in a sentence. ``obstacle`` is
    what, apart from a missing approval, prevents a promotion now: empty where nothing does, None where it cannot be
    told, because only release managers may read the full evidence. ``in_service`` is who has put the version into
    service, and when, empty of any other than the champion; ``alerts`` are about a version in service.
    """
    attested = session.attested(version)
    signed = None if attested.statement is None else attested.statement.attestation
    numbers = read_signed_evidence(session, version, signed)
    details: dict[str, Any] = {
        "study": version.study,
        "version": version.number,
        "unsigned": {"aliases": list(version.aliases), "registered_by": author_of(version)},
        "approved_by": list(session.approvers(version, attested)),
        "alerts": list(_alerts(session, version)),
        "in_service": _in_service(session, version),
        "obstacle": _obstacle(session, version),
        "signed_by": attested.key,
        "why_not": attested.why_not,
    }
    if attested.statement is not None and signed is not None:
        stated = signed.model_dump(mode="json")
        details |= {
            "statement_sha256": attested.statement.sha256,
            "committed_by": stated.pop("author"),
            **stated,
        }
    details["evidence_problem"] = numbers.why_not
    if numbers.evidence is not None:
        details["metrics"] = headline(numbers.evidence)
    return details


def _in_service(session: Session, version: RegisteredVersion) -> str:
    champion = session.study(version.study).champion
    if champion is None or champion.version != version.number:
        return ""
    done = "put back" if champion.kind == "rollback" else "promoted"
    return f"{done} by {champion.actor} on {champion.at:%Y-%m-%d %H:%M} UTC"


def _alerts(session: Session, version: RegisteredVersion) -> tuple[str, ...]:
    champion = session.study(version.study).champion
    return session.alerts(version.study) if champion is not None and champion.version == version.number else ()


def compared(session: Session, version: RegisteredVersion) -> dict[str, Any]:
    """Return a challenger beside the champion: paired differences where they were measured, and what has changed.

    Everything is in the statement that was signed of each of them, or has the digest that is signed there.

    Raises
    ------
    StoreError
        If there is no champion, it is the version itself, or its attestation is another one than was released.
    Refusal
        If no trusted key has attested the challenger.
    """
    champion = session.champion(version.study)
    if champion.version == version.number:
        raise StoreError(
            f"`{version.study}` version {version.number}",
            rule="a challenger is compared with the champion",
            received="the champion itself",
            remedy=f"Name another version: `theragate release list {version.study}`.",
        )
    challenger = session.signed(version).attestation
    envelope = session.version(version.study, champion.version).tags.get(ATTESTATION, "")
    day = first_day(champion, session.rows)
    released = check_statement(champion, envelope, session.trust, day=day).attestation
    numbers = read_signed_evidence(session, version, challenger)
    measured = None if numbers.evidence is None else numbers.evidence.champion
    paired = measured is not None and measured.model_sha256 == champion.model_sha256
    return {
        "study": version.study,
        "challenger": version.number,
        "champion": champion.version,
        "paired": paired,
        "why_not_paired": "" if paired else numbers.why_not or _unpaired(numbers.evidence, challenger),
        "differences": {
            METRICS[item.metric].title: estimate_text(item.metric, item.difference, difference=True)
            for item in (measured.comparisons if measured is not None and paired else ())
        },
        "changed": {
            name: [getattr(released, field) or "", getattr(challenger, field) or ""]
            for name, field in _CHANGES.items()
            if getattr(released, field) != getattr(challenger, field)
        },
    }


_CHANGES = {
    "data": "cohort_sha256",
    "policy": "policy_sha256",
    "model": "model_sha256",
    "evidence": "evidence_sha256",
    "commit": "commit",
    "verdict": "decision",
}


def submission_of(session: Session, version: RegisteredVersion) -> Submission:
    """Return a version as it would be submitted for release, unverified.

    Raises
    ------
    StoreRefusal
        If the registry does not show this person the dossier.
    Refusal
        If the version is not attested, or its dossier is malformed.
    """
    signed = session.signed(version).attestation
    evidence, policy = read_dossier(session.registry.api.dossier(signed.dossier_sha256))
    return Submission(
        study=version.study,
        version=version.number,
        author=author_of(version),
        envelope=version.tags.get(ATTESTATION, ""),
        evidence=evidence,
        policy=policy,
    )


def _obstacle(session: Session, version: RegisteredVersion) -> str | None:
    attested = session.attested(version)
    if attested.statement is None or attested.why_not:
        return attested.why_not
    try:
        admissible(submission_of(session, version), session.state, session.trust, session.now)
    except StoreRefusal:
        return None
    except TheragateError as error:
        return str(error)
    return ""


def _unpaired(evidence: Evidence | None, signed: Attestation) -> str:
    if evidence is None or evidence.champion is None:
        return f"It was judged as a first release: run `theragate champion {signed.study}` and `dvc repro`."
    return f"It was compared with another model, {evidence.champion.model_sha256[:12]}."
