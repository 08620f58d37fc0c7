"""One version with its papers, and a challenger beside the champion."""

from typing import Any

from pydantic import ValidationError

from theragate.errors import EvidenceError, TheragateError
from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Evidence
from theragate.registry.session import ATTESTATION, Desk
from theragate.release.admission import Dossier
from theragate.release.dossier import read_dossier
from theragate.release.rules import admissible
from theragate.reports.headline import estimate_text, headline
from theragate.tracking.registry import StoreRefusal, VersionFacts

__all__ = ["compared", "dossier_of", "published", "shown"]


def shown(desk: Desk, facts: VersionFacts) -> dict[str, Any]:
    """Return what is known of a version, as JSON values, in the order in which a person reads it.

    ``obstacle`` is why it could not be promoted now but for an approval; empty where nothing stands in the way, None
    where that cannot be known here, because the full evidence is only for release managers.
    """
    attested, evidence = desk.attested(facts), published(desk, facts)
    known: dict[str, Any] = {
        "study": facts.study,
        "version": facts.number,
        "aliases": list(facts.aliases),
        "author": facts.tags.get("theragate.author", ""),
        "approved_by": list(desk.approvers(facts, attested)),
        "obstacle": _obstacle(desk, facts),
        "signed_by": attested.key,
        "why_not": attested.why_not,
    }
    if attested.stated is not None:
        known |= {"statement_sha256": attested.stated.sha256, **attested.stated.attestation.model_dump(mode="json")}
    if evidence is not None:
        known["metrics"] = headline(evidence)
    return known


def compared(desk: Desk, facts: VersionFacts) -> dict[str, Any]:
    """Return a challenger beside the champion: paired differences where they were measured, and what changed.

    Raises
    ------
    StoreError
        If there is no champion.
    EvidenceError
        If the challenger's published evidence is not in the registry.
    """
    champion = desk.champion(facts.study)
    evidence = published(desk, facts)
    if evidence is None:
        raise EvidenceError(
            f"`{facts.study}` version {facts.number}",
            rule="its run holds the published evidence",
            received="none",
            remedy="Register it with `dvc repro`, or `theragate sync`.",
        )
    measured = evidence.champion
    paired = measured is not None and measured.model_sha256 == champion.model_sha256
    before = desk.version(facts.study, champion.version)
    return {
        "study": facts.study,
        "challenger": facts.number,
        "champion": champion.version,
        "paired": paired,
        "why_not_paired": "" if paired else _unpaired(evidence),
        "differences": {
            METRICS[item.metric].title: estimate_text(item.metric, item.difference, difference=True)
            for item in (measured.comparisons if measured is not None and paired else ())
        },
        "changed": {
            name: [before.tags.get(tag, ""), facts.tags.get(tag, "")]
            for name, tag in _CHANGES.items()
            if before.tags.get(tag) != facts.tags.get(tag)
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


def published(desk: Desk, facts: VersionFacts) -> Evidence | None:
    """Return the published evidence of a version's run; None where it has none that can be read."""
    content = desk.registry.read_artifact(facts.run_id, "evidence.json")
    if content is None:
        return None
    try:
        return Evidence.model_validate_json(content)
    except ValidationError:
        return None


def dossier_of(desk: Desk, facts: VersionFacts) -> Dossier:
    """Return a version with its papers, as the registry hands them out; nothing of it is believed.

    Raises
    ------
    StoreRefusal
        If the registry shows them to others only.
    Refusal
        If the version is not attested, or its papers are of another form.
    """
    attested = desk.attested(facts)
    sha256 = "" if attested.stated is None else attested.stated.attestation.dossier_sha256
    evidence, policy = read_dossier(desk.registry.dossier(sha256))
    return Dossier(
        study=facts.study,
        version=facts.number,
        author=facts.tags.get("theragate.author", ""),
        envelope=facts.tags.get(ATTESTATION, ""),
        evidence=evidence,
        policy=policy,
    )


def _obstacle(desk: Desk, facts: VersionFacts) -> str | None:
    attested = desk.attested(facts)
    if attested.stated is None or attested.why_not:
        return attested.why_not
    try:
        admissible(dossier_of(desk, facts), desk.state, desk.trust, desk.now)
    except StoreRefusal:
        return None
    except TheragateError as error:
        return str(error)
    return ""


def _unpaired(evidence: Evidence) -> str:
    if evidence.champion is None:
        return f"it was judged as a first release; run `theragate champion {evidence.study}` and `dvc repro`"
    return f"it was compared with another model, {evidence.champion.model_sha256[:12]}"
