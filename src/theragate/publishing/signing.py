"""What is signed about a registered version, and by which key: drafted from the files, bound to the packaged model."""

import getpass
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from theragate.digests import sha256_bytes, sha256_json
from theragate.project.documents import JudgedStudy
from theragate.project.snapshot import Snapshot
from theragate.release.attestation import VALIDITY, Attestation, sign_attestation
from theragate.release.dossier import dossier_bytes
from theragate.release.examination import read_unverified, verify_statement
from theragate.release.keys import SigningKey, development_key
from theragate.release.names import as_seen
from theragate.release.package_rules import check_listed
from theragate.release.rebuilt import InspectedPackage, check_rebuilt
from theragate.release.refusals import Refusal
from theragate.release.trust import Trust, development_trust, trust_path
from theragate.release.waivers import mismatch
from theragate.settings import Settings
from theragate.tracking.attested import DEVELOPMENT, AttestationTags, SignedAttestation, UncountedError, attach
from theragate.tracking.bundle import Bundle
from theragate.tracking.content import recipe
from theragate.tracking.packages import write_package
from theragate.tracking.store import Stores

__all__ = ["Draft", "Signer", "development_signer", "draft", "put_to_version", "sign_for_development"]


@dataclass(frozen=True)
class Signer:
    """A key, what it is called, and under which trust it counts."""

    key: SigningKey
    words: str
    trust: Trust

    @property
    def validity(self) -> timedelta:
        """How long what it signs is valid: what is usual, or less where the trust says so."""
        return min(VALIDITY, timedelta(days=self.trust.most_days))


@dataclass(frozen=True)
class Draft:
    """All that is signed but the time, with the package and the dossier that it is about."""

    fields: Mapping[str, Any]
    package: InspectedPackage
    dossier: bytes

    def issued(self, issued: datetime, *, validity: timedelta) -> Attestation:
        """Return the attestation, issued at one moment."""
        return Attestation(**self.fields, issued=issued, expires=issued + validity)


def development_signer(settings: Settings) -> Signer:
    """Return this machine's own key, which is made on first use."""
    key, _ = development_key(settings.private)
    words = f"{DEVELOPMENT} {key.key_id[:12]} of one machine, which proves nothing to anybody else"
    return Signer(key, words, development_trust(key.public, {}))


def draft(judged: JudgedStudy, bundle: Bundle, snapshot: Snapshot, *, recomputed: bool) -> Draft:
    """Draft what is to be signed of a judged study, which `bundle` was gathered from.

    The package is made here, from the study's own files, and nothing else is ever signed.

    Raises
    ------
    Refusal
        If such a package may not be released.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_package(bundle, Path(folder, "package"))
        package = InspectedPackage.of(Path(folder, "package"))
    verdict, study = judged.verdict, judged.study
    dossier = dossier_bytes(judged.evidence.model_dump(mode="json"), judged.policy.document)
    fields = {
        "study": study.name,
        "task": study.task,
        "simulated": bundle.evidence.cohort.simulated,
        "model_sha256": verdict.model_sha256,
        "package_sha256": package.package.sha256,
        "cohort_sha256": verdict.cohort_sha256,
        "predictions_sha256": verdict.predictions_sha256,
        "evidence_sha256": verdict.evidence_sha256,
        "published_sha256": sha256_json(bundle.evidence.model_dump(mode="json")),
        "dossier_sha256": sha256_bytes(dossier),
        "policy_sha256": verdict.policy_sha256,
        "verdict_sha256": sha256_json(verdict.model_dump(mode="json")),
        "recipe_sha256": sha256_json(recipe(bundle)),
        "decision": verdict.decision,
        "comparator": verdict.comparator,
        "conditions": dict(bundle.conditions),
        "looks": bundle.looks,
        "waivers": tuple(waiver for waiver in judged.waivers if not mismatch(waiver, verdict)),
        "commit": bundle.commit,
        "environment_sha256": snapshot.environment.sha256,
        "author": _author(snapshot),
        "recomputed": recomputed,
    }
    return Draft(fields, package, dossier)


def sign_for_development(
    judged: JudgedStudy,
    settings: Settings,
    bundle: Bundle,
    *,
    version: str,
    snapshot: Snapshot,
    environ: Mapping[str, str],
) -> str:
    """Attest a version that was just registered, with the development key, where there is no trust file.

    What the version says already stays as long as it is good for a release, so that an approval of it stays too.

    Returns
    -------
    What to tell the user, beginning with a semicolon.
    """
    if trust_path(environ, settings.home) is not None:
        return f"; not attested here: the evaluator does it, with `theragate attest {judged.study.name}`"
    signer = development_signer(settings)
    try:
        prepared = draft(judged, bundle, snapshot, recomputed=False)
        put_to_version(settings, prepared, signer, version=version, snapshot=snapshot, renew=False)
    except Refusal as refusal:  # it stays in MLflow as evidence, and is never released
        return f"; not attested: {refusal}"
    except UncountedError:  # a team's server knows no development key
        return (
            f"; not attested: this registry does not count the {signer.words}; let its evaluator run `theragate attest "
            f"{judged.study.name}`"
        )
    return f"; attested with the {signer.words}"


def put_to_version(
    settings: Settings, prepared: Draft, signer: Signer, *, version: str, snapshot: Snapshot, renew: bool
) -> bool:
    """Sign a draft about `version`, which holds the drafted package, unless what stands there is as good.

    Parameters
    ----------
    renew
        Whether to sign again what would say something else by now, or ends within a third of its validity.

    Returns
    -------
    Whether something was signed.

    Raises
    ------
    Refusal
        If the registered package may not be released, or is another than the drafted one.
    """
    now = datetime.fromtimestamp(snapshot.now // 1000, UTC)

    def sign(folder: Path) -> SignedAttestation:
        about = f"`{prepared.fields['study']}` version {version}"
        check_rebuilt(InspectedPackage.of(folder), prepared.package, version=about)
        attestation = prepared.issued(now, validity=signer.validity)
        return SignedAttestation(sign_attestation(attestation, signer.key).text, signer.words, prepared.dossier)

    def keep(tagged: AttestationTags) -> bool:
        return _stands(tagged, prepared, signer, now=now, renew=renew)

    study, stores = prepared.fields["study"], Stores.of(settings)
    return attach(stores, study, version, keep=keep, sign=sign, check=check_listed) is not None


def _stands(tagged: AttestationTags, prepared: Draft, signer: Signer, *, now: datetime, renew: bool) -> bool:
    """Return whether what a version says may stay."""
    try:
        stated, _ = verify_statement(tagged.envelope, _alone(signer), _day(now))
    except Refusal:
        return not renew and not tagged.signer.startswith(DEVELOPMENT) and _is_statement(tagged.envelope)
    signed = stated.attestation
    fresh = prepared.issued(now, validity=signer.validity)
    if renew:
        return signed.same_but_for_time(fresh) and now < signed.expires - signer.validity / 3
    if now >= signed.expires:
        return False
    # A project moves on; what was signed of it when every condition was met stays true.
    whole = set(signed.conditions.values()) == {"pass"}
    moving = ("commit", "conditions", "looks", "environment_sha256", "author")
    then = fresh.model_copy(update={name: getattr(signed, name) for name in moving}) if whole else fresh
    return signed.same_but_for_time(then)


def _alone(signer: Signer) -> Trust:
    return development_trust(signer.key.public, {})


def _is_statement(envelope: str) -> bool:
    try:
        read_unverified(envelope)
    except Refusal:
        return False
    return True


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _author(snapshot: Snapshot) -> str:
    """Return who made the commit, or who is at work where there is none, in one line of plain text."""
    name = snapshot.code.author
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):
            name = ""
    plain = " ".join(as_seen(name).split())[:200].strip()
    named = len(plain) > 1 and any(sign.isalnum() for sign in plain)
    return plain if named else f"{plain or 'nobody'} (unnamed)"
