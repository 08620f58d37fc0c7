"""Packages made by hand and attested: evidence that the gates let through, attestations, a trust file."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gates.evidence_by_hand import STUDIES, changed, good_evidence

from theragate.digests import sha256_json, sha256_tree
from theragate.evidence.types import Evidence
from theragate.gates import Policy, decide, read_policy
from theragate.package_form import environment, written
from theragate.release.attestation import Attestation, sign_attestation
from theragate.release.dossier import dossier_bytes
from theragate.release.keys import SigningKey
from theragate.release.trust import Holder, Trust, TrustedKey, write_trust

FIRST = "none: first release"
DESCRIPTION = {
    "flavors": {
        "python_function": {
            "data": "data/estimator",
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": "theragate.serving",
            "python_version": "3.11",
            "streamable": False,
        }
    }
}


def write_package(folder: Path, content: str, *, size: int = 0) -> Path:
    """A model directory; `size` bytes more than the least."""
    estimator = folder / "data" / "estimator"
    estimator.mkdir(parents=True)
    (folder / "MLmodel").write_bytes(written(DESCRIPTION | {"metadata": {"key": content}}))
    for name, text in environment("3.11", ["theragate==0.1.0"]).items():
        (folder / name).write_bytes(text)
    (estimator / "model.json").write_text(json.dumps(content))
    if size:
        (estimator / "model.ubj").write_bytes(content.encode() * (size // len(content)))
    return folder


def policy_of(study: str) -> Policy:
    """The policy of a study like that of the heart attacks, under another name."""
    return read_policy(STUDIES["survival"].model_copy(update={"name": study}))


def evidence_of(study: str, model_sha256: str, **changes: Any) -> Evidence:
    """Evidence that every gate lets through, of a first release unless `changes` say otherwise."""
    found = good_evidence(STUDIES["survival"])
    return changed(found, **{"study": study, "model_sha256": model_sha256, "champion": None} | changes)


@dataclass
class Deployment:
    """The keys and the trust file of a server: two release managers, an author, an evaluator, an administrator."""

    folder: Path
    evaluator: SigningKey = field(default_factory=SigningKey.generate)
    ledger: SigningKey = field(default_factory=SigningKey.generate)
    policies: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def trust_file(self) -> Path:
        return self.folder / "trust.json"

    @property
    def ledger_file(self) -> Path:
        return self.folder / "ledger.pem"

    def trust(self, **changes: Any) -> Trust:
        keys = (
            TrustedKey(name="evaluator", public=self.evaluator.public.base64, roles=frozenset({"evaluator"})),
            TrustedKey(name="ledger", public=self.ledger.public.base64, roles=frozenset({"ledger"})),
        )
        fields = {
            "keys": keys,
            "release_managers": (Holder(name="ada"), Holder(name="grace")),
            "readers": (Holder(name="reader"),),
            "policies": self.policies,
        }
        return Trust(**fields | changes)

    def write(self, **changes: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.ledger_file.exists():
            self.ledger_file.touch(mode=0o600)
            self.ledger_file.write_bytes(self.ledger.pem())
        write_trust(self.trust_file, self.trust(**changes))

    def accept(self, policy: Policy) -> None:
        """Let the policy of one more study count."""
        self.policies[policy.declared.study] = (policy.sha256,)
        self.write()


@dataclass(frozen=True)
class AttestedPackage:
    """What an evaluator hands in about one package."""

    attestation: Attestation
    envelope: str
    dossier: bytes

    @property
    def approval(self) -> str:
        return f"{self.attestation.evidence_sha256[:12]}: I have read the card and the evidence"


def attest(
    package: Path,
    study: str,
    key: SigningKey,
    *,
    evidence: dict[str, Any] | None = None,
    policy: Policy | None = None,
    **changes: Any,
) -> AttestedPackage:
    """Judge evidence made by hand about `package`, and sign it; `changes` are of the attestation."""
    policy = policy or policy_of(study)
    full = evidence_of(study, sha256_tree(package / "data" / "estimator"), **evidence or {})
    document = full.model_dump(mode="json")
    verdict = decide(full, policy, evidence_sha256=sha256_json(document))
    dossier = dossier_bytes(document, policy.document)
    now = datetime.now(UTC).replace(microsecond=0)
    fields: dict[str, Any] = {
        "study": study,
        "task": full.task,
        "simulated": full.cohort.simulated,
        "model_sha256": full.model_sha256,
        "package_sha256": sha256_tree(package),
        "cohort_sha256": full.cohort.sha256,
        "predictions_sha256": full.predictions_sha256,
        "evidence_sha256": verdict.evidence_sha256,
        "published_sha256": "9" * 64,
        "dossier_sha256": sha256_json({"evidence": document, "policy": policy.document}),
        "policy_sha256": policy.sha256,
        "verdict_sha256": sha256_json(verdict.model_dump(mode="json")),
        "recipe_sha256": sha256_json({"recipe of": full.model_sha256}),
        "decision": verdict.decision,
        "comparator": verdict.comparator,
        "waivers": (),
        "conditions": {"lineage": "pass", "held_out_use": "pass"},
        "looks": 1,
        "commit": "a" * 40,
        "environment_sha256": "8" * 64,
        "author": "Alan <alan@hospital.example>",
        "recomputed": True,
        "issued": now - timedelta(minutes=5),
        "expires": now + timedelta(days=30),
    }
    attestation = Attestation(**fields | changes)
    return AttestedPackage(attestation, sign_attestation(attestation, key).text, dossier)
