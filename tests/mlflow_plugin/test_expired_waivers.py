"""A champion that rests on a waiver, after the waiver has expired: it stays, and everybody who looks is told."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow_plugin.attested_by_hand import Deployment, attest, evidence_of, policy_of, write_package
from mlflow_plugin.dying import opened, signed_in
from mlflow_plugin.test_refusals import MISCALIBRATED
from patients import make_world
from support import theragate

from theragate import load_champion
from theragate.digests import sha256_json, sha256_tree
from theragate.gates import decide
from theragate.mlflow_plugin import releases
from theragate.personal.answers import save_personal_model
from theragate.release.keys import SigningKey
from theragate.release.trust import TrustedKey
from theragate.release.waivers import Waiver

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
STUDY = "study_waived"
NOW = datetime.now(UTC).replace(microsecond=0)
RELEASED = NOW - timedelta(days=3)
EXPIRED = f"the waiver of TG004 calibration by ada expired after {RELEASED.date()}"


def waiver_of(package):
    """Ada accepts the one finding that blocks, for one day."""
    policy = policy_of(STUDY)
    evidence = evidence_of(STUDY, sha256_tree(package / "data" / "estimator"), **MISCALIBRATED)
    verdict = decide(evidence, policy, evidence_sha256=sha256_json(evidence.model_dump(mode="json")))
    (finding,) = verdict.blocking
    return Waiver(
        study=STUDY,
        code=finding.code,
        gate=finding.gate,
        status=finding.status,
        evidence_sha256=verdict.evidence_sha256,
        policy_sha256=verdict.policy_sha256,
        reason="The clinic recalibrates every answer by hand.",
        by="ada",
        issued=RELEASED.date(),
        expires=RELEASED.date(),
    )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A registry in which such a version was released three days ago; its folder and its deployment."""
    folder = tmp_path_factory.mktemp("waived")
    deployment = Deployment(folder / "deployment")
    deployment.accept(policy_of(STUDY))
    package = write_package(folder / "package", STUDY)
    estimator = package / "data" / "estimator"
    shutil.rmtree(estimator)
    save_personal_model(make_world("binary", "logistic").fitted.personal, estimator)
    times = {"issued": RELEASED - timedelta(minutes=5), "expires": RELEASED + timedelta(days=30)}
    key = deployment.evaluator
    attested = attest(package, STUDY, key, evidence=MISCALIBRATED, waivers=(waiver_of(package),), **times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
        patch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
        patch.setenv("THERAGATE_SEALED", str(folder / "sealed"))
        patch.setattr(releases, "now", lambda: RELEASED)
        patch.chdir(folder)
        store = opened(f"gated+sqlite:///{folder}/mlflow.db")
        with signed_in("alan"):
            store.create_registered_model(STUDY)
            version = str(store.create_model_version(STUDY, str(package)).version)
        with signed_in("evaluator"):
            store.put_dossier(attested.dossier)
            store.set_model_version_tag(STUDY, version, ModelVersionTag("theragate.attestation", attested.envelope))
        with signed_in("ada"):
            store.set_model_version_tag(STUDY, version, ModelVersionTag("theragate.approve", attested.approval))
        with signed_in("grace"):
            store.set_registered_model_alias(STUDY, "champion", version)
        store._dispose_engine()
    return folder, deployment


@pytest.fixture(params=["as it was", "rotated"])
def served(request, deployed):
    """The same, and once more after the evaluator's key was rotated, as it is from time to time."""
    folder, deployment = deployed
    if request.param == "rotated":
        trust = deployment.trust()
        old = trust.keys[0].model_copy(update={"name": "old", "revoked": (RELEASED + timedelta(days=1)).date()})
        new = TrustedKey(name="evaluator", public=SigningKey.generate().public.base64, roles=frozenset({"evaluator"}))
        deployment.write(keys=(old, new, *trust.keys[1:]))
    yield folder, deployment
    deployment.write()


def said(served, *words):
    folder, deployment = served
    return theragate(
        folder,
        "release",
        *words,
        MLFLOW_TRACKING_URI=f"sqlite:///{folder}/mlflow.db",
        THERAGATE_TRUST=str(deployment.trust_file),
        THERAGATE_ARTIFACTS=(folder / "artifacts").as_uri(),
        THERAGATE_USER="reader",
        XDG_STATE_HOME=str(folder / "state"),
    )


def test_list_show_and_audit_say_so(served):
    (row,) = json.loads(said(served, "list", STUDY, "--json"))
    assert row["state"] == f"in service; {EXPIRED}"
    assert EXPIRED in " ".join(said(served, "list").split())
    assert json.loads(said(served, "show", STUDY, "champion", "--json"))["alerts"] == [EXPIRED]
    for words in (("show", STUDY, "champion"), ("audit",)):
        assert f"Alert: {STUDY} is in service, and {EXPIRED}. Accept the finding again" in " ".join(
            said(served, *words).split()
        )


def test_every_answer_says_so(served, monkeypatch):
    folder, deployment = served
    monkeypatch.chdir(folder)
    monkeypatch.setenv("THERAGATE_ARTIFACTS", (folder / "artifacts").as_uri())
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    champion = load_champion(
        STUDY,
        tracking=f"sqlite:///{folder}/mlflow.db",
        trust=deployment.trust_file,
        memory=folder / "memory.json",
    )
    patients = pd.DataFrame(make_world("binary", "logistic").cohort[["age", "sex", "marker"]].head(2))
    assert set(champion.answer(patients)["status"]) == {f"SIMULATED, champion; {EXPIRED}"}
