"""Without a trust file and without a server, as on a laptop: the same rules, under names that are only claimed."""

import shutil

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow_plugin.attested_by_hand import attest, write_package
from mlflow_plugin.dying import opened
from support import ROOT

from theragate.mlflow_plugin.sealing import Vault
from theragate.release.keys import development_key

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
STUDY = "heart_attack_survival"


def test_a_laptop_has_the_same_rules(tmp_path, monkeypatch):
    for name in ("THERAGATE_TRUST", "THERAGATE_LEDGER_KEY", "THERAGATE_SEALED", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    address = f"sqlite:///{tmp_path}/mlflow.db"
    store = opened(f"gated+{address}")
    package = write_package(tmp_path / "package", "laptop")
    attested = attest(package, STUDY, development_key(tmp_path / "private")[0], recomputed=False)

    monkeypatch.setenv("THERAGATE_USER", "alan")
    store.create_registered_model(STUDY)
    store.create_model_version(STUDY, str(package))
    store.put_dossier(attested.dossier)
    store.set_model_version_tag(STUDY, "1", ModelVersionTag("theragate.attestation", attested.envelope))
    with pytest.raises(MlflowException, match="who is its author"):
        store.set_model_version_tag(STUDY, "1", ModelVersionTag("theragate.approve", attested.approval))
    with pytest.raises(MlflowException, match="no such approval"):
        store.set_registered_model_alias(STUDY, "champion", "1")

    monkeypatch.setenv("THERAGATE_USER", "ada")
    store.set_model_version_tag(STUDY, "1", ModelVersionTag("theragate.approve", attested.approval))
    store.set_registered_model_alias(STUDY, "champion", "1")
    events = [row["event"] for row in store.ledger_rows()]
    assert [(event["kind"], event["actor"], event["identity"]) for event in events] == [
        ("approve", "ada", "claimed"),
        ("promote", "ada", "claimed"),
    ]
    assert "a name that was claimed, not signed in" in store.get_model_version(STUDY, "1").tags["theragate.released"]

    place = store.get_model_version_download_uri(STUDY, "1")
    assert place == (tmp_path / "sealed" / attested.attestation.package_sha256).as_uri()
    loaded = mlflow.artifacts.download_artifacts(
        f"models:/{STUDY}@champion", tracking_uri=address, registry_uri=f"gated+{address}"
    )
    assert place.endswith(loaded.rstrip("/")), "MLflow loads from the sealed copy itself, and writes a note into it"
    assert Vault(tmp_path / "sealed", loaded_in_place=True).find(attested.attestation.package_sha256) is not None
    store._dispose_engine()
