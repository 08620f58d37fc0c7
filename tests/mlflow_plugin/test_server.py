"""The command that starts a server: what it refuses to start, and the embedded one on a laptop."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow_plugin.attested_by_hand import Deployment, attest, write_package
from mlflow_plugin.dying import opened
from mlflow_plugin.servers import Server, running
from support import BIN, ROOT, theragate

from theragate.errors import ConfigurationError, StoreError
from theragate.mlflow_plugin.server import Listening, _is_edited, serve
from theragate.release.keys import development_key
from theragate.settings import read_settings


@pytest.mark.parametrize(
    ("environ", "listening", "embedded", "kind", "words"),
    [
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, {}, True, StoreError, "a UI of its own"),
        ({"MLFLOW_REGISTRY_URI": "sqlite:///x.db"}, {}, False, ConfigurationError, "Put `gated.` before the address"),
        ({"MLFLOW_TRACKING_URI": "mysql://host/x"}, {}, False, ConfigurationError, "is a guarded one"),
        ({}, {"host": "0.0.0.0"}, True, ConfigurationError, "since nobody signs in"),  # noqa: S104 - it is refused
        ({}, {"host": "192.0.2.1"}, False, StoreError, "a free port of this machine"),
        ({}, {"port": 0}, False, ConfigurationError, "a trust file says who releases.*received no trust file"),
    ],
)
def test_what_is_not_started(environ, listening, embedded, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        serve(read_settings(environ, tmp_path), Listening(**listening), embedded=embedded, environ=dict(environ))


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"port {port}.*--port {port + 1}"):
            serve(read_settings({}, tmp_path), Listening(port=port), embedded=True, environ={})


def test_the_first_start_needs_a_password(tmp_path):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "THERAGATE_"))}
    Deployment(tmp_path / "release").write()
    done = subprocess.run(
        [BIN / "theragate", "server", "--port", str(Server(tmp_path, "", Deployment(tmp_path)).port)],
        cwd=tmp_path,
        env=kept,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "Set MLFLOW_AUTH_ADMIN_PASSWORD (12 characters or more) for the first start." in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "private" / "server").stat().st_mode & 0o077 == 0
    made = tmp_path / "private" / "server" / "sign-in.ini"
    assert "auth_cache_ttl_seconds = 60" in made.read_text()
    assert not _is_edited(made)  # and is written again, with its new place, where the project was moved
    made.write_text(made.read_text().replace("READ", "EDIT"))
    assert _is_edited(made)


class Embedded(Server):
    def environ(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "THERAGATE_"))}
        return {**kept, "THERAGATE_USER": "ada"}


@pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
def test_a_release_through_the_embedded_server(tmp_path, monkeypatch):
    for name in ("THERAGATE_TRUST", "THERAGATE_LEDGER_KEY", "THERAGATE_SEALED", "THERAGATE_ARTIFACTS", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    study, place = "heart_attack_survival", tmp_path / "mlflow-store" / "artifacts"
    shutil.copy(ROOT / "params.yaml", tmp_path)
    package = write_package(place / "package", "laptop")
    attested = attest(package, study, development_key(tmp_path / "private")[0], recomputed=False)
    monkeypatch.setenv("THERAGATE_USER", "alan")
    store = opened(f"gated+sqlite:///{tmp_path}/mlflow-store/mlflow.db")
    store.create_registered_model(study)
    store.create_model_version(study, str(package))
    store._dispose_engine()

    made = Embedded(tmp_path, "", Deployment(tmp_path / "unused"))
    with running(made, "--embedded"):
        ada = made.person("ada")
        assert ada.put_dossier(attested).status_code == 200
        assert ada.tag(study, "1", "theragate.attestation", attested.envelope).status_code == 200
        assert ada.tag(study, "1", "theragate.approve", attested.approval).status_code == 200
        answer = ada.set_alias(study, "1")
        assert answer.status_code == 200, answer.text
        there = {"MLFLOW_TRACKING_URI": made.address, "THERAGATE_ARTIFACTS": place.as_uri()}
        there["XDG_STATE_HOME"] = str(tmp_path / "state")
        assert theragate(tmp_path, "release", "verify", study, **there).count("holds  ") == 6
        assert "or set THERAGATE_ARTIFACTS to the place of its artifacts" in theragate(
            tmp_path, "release", "verify", study, code=1, **there | {"THERAGATE_ARTIFACTS": ""}
        )
        sent = ada.send("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x", data=b"x")
        assert sent.status_code >= 400, "nobody signs in, and so nobody writes files"
    assert not (tmp_path / "mlartifacts").exists()


@pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
def test_the_embedded_server_guards_and_says_that_it_protects_nothing(tmp_path):
    made = Embedded(tmp_path, "", Deployment(tmp_path / "unused"))
    with running(made, "--embedded"):
        log = (tmp_path / "log").read_text()
        assert "Nobody signs in: names are claimed" in log
        assert "deprecated" not in log.replace("stage (deprecated)", "")
        client = mlflow.MlflowClient(made.address)
        client.create_registered_model("study")
        run = client.create_run(client.create_experiment("here"))
        client.log_text(run.info.run_id, "x", "model/MLmodel")
        version = client.create_model_version("study", f"{run.info.artifact_uri}/model", run.info.run_id)
        assert version.tags == {"theragate.author": "ada"}
        with pytest.raises(mlflow.MlflowException, match="received a version without attestation"):
            client.set_registered_model_alias("study", "champion", "1")
        client.set_registered_model_alias("study", "candidate", "1")
        answer = requests.get(f"{made.address}/ajax-api/3.0/mlflow/assistant/config", timeout=30)
        assert answer.status_code == 403
        assert requests.get(f"{made.address}/api/2.0/theragate/ledger", timeout=30).json() == {"rows": []}
    assert Path(tmp_path, "mlflow-store", "mlflow.db").exists()
