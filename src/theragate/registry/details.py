"""All about one version, and a challenger beside the champion."""

from typing import Any

from pydantic import ValidationError

from theragate.errors import EvidenceError, TheragateError
from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Evidence
from theragate.registry.session import ATTESTATION, Session
from theragate.release.dossier import read_dossier
from theragate.release.examination import Submission
from theragate.release.rules import admissible
from theragate.reports.headline import estimate_text, headline
from theragate.tracking.registry import RegisteredVersion
from theragate.tracking.release_api import StoreRefusal

__all__ = ["compared", "published", "shown", "submission_of"]


def shown(session: Session, version: RegisteredVersion) -> dict[str, Any]:
    """Return what is known about a version as JSON values, in reading order.

    ``obstacle`` is what, apart from a missing approval, prevents a promotion now: empty where nothing does, None where
    it cannot be told, because only release managers may read the full evidence.
    """
    attested, evidence = session.attested(version), published(session, version)
    details: dict[str, Any] = {
        "study": version.study,
        "version": version.number,
        "aliases": list(version.aliases),
        "author": version.tags.get("theragate.author", ""),
        "approved_by": list(session.approvers(version, attested)),
        "obstacle": _obstacle(session, version),
        "signed_by": attested.key,
        "why_not": attested.why_not,
    }
    if attested.statement is not None:
        details |= {
            "statement_sha256": attested.statement.sha256,
            **attested.statement.attestation.model_dump(mode="json"),
        }
    if evidence is not None:
        details["metrics"] = headline(evidence)
    return details


def compared(session: Session, version: RegisteredVersion) -> dict[str, Any]:
    """Return a challenger beside the champion: paired differences where they were measured, and what has changed.

    Raises
    ------
    StoreError
        If there is no champion.
    EvidenceError
        If the challenger's published evidence is not in the registry.
    """
    champion = session.champion(version.study)
    evidence = published(session, version)
    if evidence is None:
        raise EvidenceError(
            f"`{version.study}` version {version.number}",
            rule="its run has the published evidence",
            received="no `evidence.json`",
            remedy="Register it with `dvc repro`, or run `theragate sync`.",
        )
    measured = evidence.champion
    paired = measured is not None and measured.model_sha256 == champion.model_sha256
    released = session.version(version.study, champion.version)
    return {
        "study": version.study,
        "challenger": version.number,
        "champion": champion.version,
        "paired": paired,
        "why_not_paired": "" if paired else _unpaired(evidence),
        "differences": {
            METRICS[item.metric].title: estimate_text(item.metric, item.difference, difference=True)
            for item in (measured.comparisons if measured is not None and paired else ())
        },
        "changed": {
            name: [released.tags.get(tag, ""), version.tags.get(tag, "")]
            for name, tag in _CHANGES.items()
            if released.tags.get(tag) != version.tags.get(tag)
        },
    }


_CHANGES = {
    "data": "sha256.data",
    "policy": "sha256.policy",
    "model": "sha256.model",
    "evidence": "sha256.evidence",
    "commit": "git.commit",
    "verdict": "theragate.verdict",
}


def published(session: Session, version: RegisteredVersion) -> Evidence | None:
    """Return the published evidence of a version's run; None where there is none, or it cannot be read."""
    content = session.registry.read_artifact(version.run_id, "evidence.json")
    if content is None:
        return None
    try:
        return Evidence.model_validate_json(content)
    except ValidationError:
        return None


def submission_of(session: Session, version: RegisteredVersion) -> Submission:
    """Return a version as it would be submitted for release, unverified.

    Raises
    ------
    StoreRefusal
        If the registry does not show this person the dossier.
    Refusal
        If the version is not attested, or its dossier is malformed.
    """
    attested = session.attested(version)
    sha256 = "" if attested.statement is None else attested.statement.attestation.dossier_sha256
    evidence, policy = read_dossier(session.registry.api.dossier(sha256))
    return Submission(
        study=version.study,
        version=version.number,
        author=version.tags.get("theragate.author", ""),
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


def _unpaired(evidence: Evidence) -> str:
    if evidence.champion is None:
        return f"it was judged as a first release: run `theragate champion {evidence.study}` and `dvc repro`"
    return f"it was compared with another model, {evidence.champion.model_sha256[:12]}"
