"""Real servers on free loopback ports, and people who talk to them as any program would: by HTTP."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import requests
from mlflow_plugin.attested_by_hand import AttestedPackage, Deployment
from support import BIN, free_port

ADMIN, PASSWORD = "admin", "a long password for tests"
# Two managers, the author, a stranger, the evaluator, a reader of full evidence.
PEOPLE = ("ada", "grace", "alan", "mallory", "evaluator", "reader")
SIGN_IN = """[mlflow]
default_permission = {permission}
database_uri = sqlite:///{folder}/users.db
admin_username = admin
authorization_function = {function}
auth_cache_ttl_seconds = {cache}
"""


@dataclass
class Person:
    """Somebody signed in; every method is one request."""

    name: str
    address: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.auth = (self.name, PASSWORD)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, f"{self.address}{path}", timeout=60, **more)

    def api(self, method: str, path: str, **fields: Any) -> requests.Response:
        """One call of MLflow's registry API."""
        where = {"params": fields} if method == "GET" else {"json": fields}
        return self.send(method, f"/api/2.0/mlflow/{path}", **where)

    def must(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        answer = self.api(method, path, **fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def tag(self, name: str, version: str, key: str, value: str) -> requests.Response:
        return self.api("POST", "model-versions/set-tag", name=name, version=version, key=key, value=value)

    def set_alias(self, name: str, version: str, alias: str = "champion") -> requests.Response:
        return self.api("POST", "registered-models/alias", name=name, alias=alias, version=version)

    def delete_alias(self, name: str, alias: str = "champion") -> requests.Response:
        return self.api("DELETE", "registered-models/alias", name=name, alias=alias)

    def version(self, name: str, version: str) -> dict[str, Any]:
        return dict(self.must("GET", "model-versions/get", name=name, version=version)["model_version"])

    def tags(self, name: str, version: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.version(name, version).get("tags", [])}

    def aliases(self, name: str) -> dict[str, str]:
        found = self.must("GET", "registered-models/get", name=name)["registered_model"]
        return {entry["alias"]: entry["version"] for entry in found.get("aliases", [])}

    def files(self, name: str, version: str) -> str:
        """The address that everybody downloads a version from."""
        return str(self.must("GET", "model-versions/get-download-uri", name=name, version=version)["artifact_uri"])

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        answer = self.send("GET", f"/api/2.0/theragate/ledger?after={after}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])

    def put_dossier(self, attested: AttestedPackage) -> requests.Response:
        path = f"/api/2.0/theragate/dossiers/{attested.attestation.dossier_sha256}"
        return self.send("PUT", path, data=attested.dossier)

    def upload(self, folder: Path, below: str) -> None:
        """Write a folder to the artifacts of a run."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place = quote(f"{below}/{path.relative_to(folder).as_posix()}")
                answer = self.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", data=path.read_bytes())
                assert answer.status_code == 200, answer.text

    def run(self, experiment: str) -> str:
        return str(self.must("POST", "runs/create", experiment_id=experiment)["run"]["info"]["run_id"])

    def register(self, name: str, package: Path, **fields: Any) -> str:
        """Log a package to a new run and register it; return the version's number."""
        experiment = experiment_of(self)
        run = self.run(experiment)
        self.upload(package, f"{experiment}/{run}/artifacts/model")
        self.api("POST", "registered-models/create", name=name)
        source = f"mlflow-artifacts:/{experiment}/{run}/artifacts/model"
        made = self.must("POST", "model-versions/create", name=name, source=source, run_id=run, **fields)
        return str(made["model_version"]["version"])


def experiment_of(person: Person) -> str:
    """The one experiment in which everything is logged."""
    found = person.api("GET", "experiments/get-by-name", experiment_name="tests")
    if found.status_code == 200:
        return str(found.json()["experiment"]["experiment_id"])
    return str(person.must("POST", "experiments/create", name="tests")["experiment_id"])


@dataclass
class Server:
    """A release server in a process of its own."""

    folder: Path
    database: str
    deployment: Deployment
    workers: int = 1
    cache: int = 900  # seconds for which a password that was right need not be hashed again
    limits: str = ""  # as in THERAGATE_LIMITS
    permission: str = "MANAGE"  # everybody's, on every model and experiment
    function: str = "mlflow.server.auth:authenticate_request_basic_auth"
    command: tuple[str, ...] = (str(BIN / "theragate"), "server")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def environ(self) -> dict[str, str]:
        sign_in = self.folder / "sign-in.ini"
        settings = {"folder": self.folder, "cache": self.cache}
        sign_in.write_text(SIGN_IN.format(**settings, permission=self.permission, function=self.function))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "THERAGATE_"))}
        return kept | {
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_AUTH_CONFIG_PATH": str(sign_in),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret for tests",
            "MLFLOW_TRACKING_URI": self.database,
            "THERAGATE_ARTIFACTS": self.artifacts.as_uri(),
            "THERAGATE_LIMITS": self.limits,
            "THERAGATE_LEDGER_KEY": str(self.deployment.ledger_file),
            "THERAGATE_TRUST": str(self.deployment.trust_file),
        }

    def start(self, *more: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.deployment.write()
        command = [*self.command, "--port", str(self.port), "--workers", str(self.workers)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *more], cwd=self.folder, env=self.environ(), stdout=log, stderr=log
            )
        self.wait()

    def wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{self.address}/health", timeout=5).status_code == 200:
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.1)
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    def person(self, name: str) -> Person:
        return Person(name, self.address)

    def hire(self) -> None:
        """Make the users, before the trust file lists any of them."""
        path, admin = self.deployment.trust_file, self.person(ADMIN)
        listing = path.read_text(encoding="utf-8")
        path.write_text(json.dumps(json.loads(listing) | {"release_managers": [], "readers": []}), encoding="utf-8")
        for name in PEOPLE:
            answer = admin.api("POST", "users/create", username=name, password=PASSWORD)
            assert answer.status_code == 200, answer.text
        path.write_text(listing, encoding="utf-8")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the whole process tree."""
        if self.process is None or self.process.poll() is not None:
            return
        tree = psutil.Process(self.process.pid).children(recursive=True)
        for one in [psutil.Process(self.process.pid), *tree]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(how)
        _, alive = psutil.wait_procs(tree, timeout=10)
        for one in alive:
            one.kill()
        self.process.wait(timeout=20)


@contextlib.contextmanager
def running(server: Server, *more: str) -> Iterator[Server]:
    try:
        server.start(*more)
        yield server
    finally:
        server.stop()
