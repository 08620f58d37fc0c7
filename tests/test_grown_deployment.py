"""The grown deployment of docs/deployment.md: PostgreSQL, buckets, two servers behind nginx with TLS.

Real processes, set up by the page's own commands and samples. `make test-deployment` runs it where nginx is installed.
"""

import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from buckets import Store, store_of_buckets
from clones import run
from dask_processes import dask_processes, kernels
from deployed import AUTHOR, EVALUATOR, MANAGER, REASON, MadeKeys
from distributed import Client
from grown import NAME, NGINX, GrownServer, database, nginx
from mlflow_plugin.ruled import cluster, psql
from mlflow_plugin.servers import PASSWORD, Person, running
from support import BIN, STUDY, free_port, small_cohort, theragate

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.xdist_group("grown-deployment"),
]


@dataclass(frozen=True)
class Hospital:
    """All that was set up, and who works with it."""

    clone: Path
    store: Store
    servers: tuple[GrownServer, GrownServer]
    keys: MadeKeys
    address: str
    authority: Path
    superuser: str

    def signed_in(self, who: str) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": self.address,
            "MLFLOW_TRACKING_USERNAME": who,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.authority),
            "XDG_STATE_HOME": str(self.clone.parent / "state"),
            **self.store.environ,
        }

    def do(self, who: str, *words: str, folder: Path | None = None, code: int = 0, **more: str) -> str:
        return theragate(folder or self.clone, *words, code=code, **self.signed_in(who), **more)

    def person(self, who: str) -> Person:
        person = Person(who, self.address)
        person.session.verify, person.session.trust_env = str(self.authority), False
        return person


def make_keys(clone: Path, folder: Path) -> MadeKeys:
    keys = MadeKeys.of(clone, folder)
    theragate(clone, "keys", "make", "server", "--role", "ledger", "--out", str(keys.ledger_file))
    theragate(clone, "keys", "make", "ci", "--role", "evaluator", "--out", str(keys.evaluator_file))
    trust = json.loads(keys.trust_file.read_text(encoding="utf-8"))
    keys.trust_file.write_text(json.dumps(trust | {"release_managers": [MANAGER, "grace"]}, indent=2))
    return keys


@pytest.fixture(scope="module")
def hospital(tmp_path_factory, judged_clone) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    clone = shutil.copytree(judged_clone, folder / "clone", symlinks=True)
    keys = make_keys(clone, folder)
    with contextlib.ExitStack() as stack:
        superuser = stack.enter_context(cluster())
        store = stack.enter_context(store_of_buckets(folder))
        models, sealed = store.make("hospital-models"), store.make("hospital-sealed", lock_days=10)
        store.make("hospital-data")
        address, ports = database(superuser, keys.trust_file, folder), (free_port(), free_port())
        through, authority = stack.enter_context(nginx(folder / "nginx", *ports))
        more = {
            **store.environ,
            "THERAGATE_ARTIFACTS": f"{models}/artifacts",
            "THERAGATE_SEALED": sealed,
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{NAME},127.0.0.1:*",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": through,
        }
        made = [
            GrownServer(folder / name, address, keys, port=port, more=more)
            for name, port in zip(("first", "second"), ports, strict=True)
        ]
        for server in made:
            stack.enter_context(running(server))
        made[0].hire()
        run(clone, "dvc", "remote", "add", "-d", "hospital", "s3://hospital-data/dvc")
        run(clone, "dvc", "remote", "modify", "hospital", "endpointurl", store.address)
        run(clone, "git", "add", "-A")
        run(clone, "git", "commit", "-qm", "Whom to trust, and where the data is")
        yield Hospital(clone, store, (made[0], made[1]), keys, through, authority, superuser)


def test_a_study_is_registered_through_the_proxy(hospital):
    run(hospital.clone, "theragate", "repro", **hospital.signed_in(AUTHOR))
    run(hospital.clone, "git", "add", "-A")
    run(hospital.clone, "git", "commit", "-qm", "Its results")
    assert "not attested" in hospital.do(AUTHOR, "release", "list")
    assert any(key.endswith("/MLmodel") for key in hospital.store.keys("hospital-models", "artifacts/"))


def test_a_fresh_clone_has_all_files_from_the_bucket(hospital):
    run(hospital.clone, "dvc", "push", "-q", **hospital.store.environ)
    fresh = hospital.clone.parent / "fresh"
    run(hospital.clone.parent, "git", "clone", "-q", str(hospital.clone), str(fresh))
    run(fresh, "dvc", "pull", "-q", **hospital.store.environ)
    results = Path("data") / STUDY / "cohort.parquet"
    assert (fresh / results).read_bytes() == (hospital.clone / results).read_bytes()
    # The table of random ids stays at the site, which gives it to CI: docs/project.md.
    shutil.copytree(hospital.clone / "private" / "ids", fresh / "private" / "ids")
    said = run(fresh, "dvc", "repro", f"gate@{STUDY}", **hospital.store.environ)
    assert said.count("didn't change, skipping") == 6, said


def test_a_cluster_of_two_that_reads_the_cohort_from_a_bucket_trains_the_same_bytes(hospital):
    fresh, buckets = hospital.clone.parent / "fresh", hospital.store.environ
    with dask_processes(hospital.clone.parent / "cluster", workers=0) as dask:
        for _ in range(2):
            dask.start_worker(env=buckets | kernels())
        setting = {"THERAGATE_CLUSTER": dask.address, "THERAGATE_SHARED": "s3://hospital-data/shared"}
        run(fresh, "dvc", "repro", "-q", "-f", "-s", f"train@{STUDY}", **buckets, **setting)
        with Client(dask.address, set_as_default=False) as client:
            done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(done) == 2
    assert all(number > 0 for number in done.values()), done
    run(fresh, "git", "diff", "--exit-code", "dvc.lock")
    requests_for_it = (hospital.clone.parent / "store.log").read_text()
    assert '"GET /hospital-data/shared/' in requests_for_it, "workers have read the cohort there"


def test_ci_attests_from_the_fresh_clone(hospital):
    fresh = hospital.clone.parent / "fresh"
    said = hospital.do(
        EVALUATOR, "attest", STUDY, folder=fresh, THERAGATE_EVALUATOR_KEY=str(hospital.keys.evaluator_file)
    )
    assert "version 1 attested" in said


def test_with_one_server_killed_the_other_one_releases(hospital):
    first, second = hospital.servers
    assert "approved" in hospital.do(MANAGER, "release", "approve", STUDY, "1", *REASON)
    first.stop(signal.SIGKILL)
    assert hospital.do(MANAGER, "release", "promote", STUDY, "1") == f"{STUDY} version 1: champion\n"
    first.start()
    second.stop(signal.SIGKILL)
    verified = hospital.do("grace", "release", "verify", STUDY)
    assert "ledger: 2 rows, each signed and chained to the one before" in verified
    assert "its files are those that were attested" in verified
    second.start()
    rows = [server.person(MANAGER).ledger() for server in hospital.servers]
    assert rows[0] == rows[1]
    assert [row["event"]["kind"] for row in rows[0]] == ["approve", "promote"]


def test_the_sealed_model_is_in_the_locked_bucket(hospital):
    sealed = hospital.store.keys("hospital-sealed")
    (digest,) = {key.partition("/")[0] for key in sealed}
    assert f"{digest}/MLmodel" in sealed
    client = hospital.store.client
    version = client.head_object(Bucket="hospital-sealed", Key=f"{digest}/MLmodel")["VersionId"]
    with pytest.raises(client.exceptions.ClientError, match="Access"):
        client.delete_object(Bucket="hospital-sealed", Key=f"{digest}/MLmodel", VersionId=version)
    answer = hospital.person(AUTHOR).send(
        "PUT", f"/api/2.0/mlflow-artifacts/artifacts/sealed/{digest}/MLmodel", data=b"{}"
    )
    assert answer.status_code == 403


def test_a_clinic_gets_one_patients_answer(hospital, tmp_path):
    small_cohort(1).to_csv(tmp_path / "patient.csv", index=False)
    words = ("predict", STUDY, "patient.csv", "--output", "answer.csv", "--id", "record")
    said = hospital.do("grace", *words, folder=tmp_path, THERAGATE_TRUST=str(hospital.keys.trust_file))
    assert "version 1: 1 patient in answer.csv" in said
    header, row = (tmp_path / "answer.csv").read_text().splitlines()
    assert len(row.split(",")) >= len(header.split(",")) > 3


def test_nothing_old_or_unencrypted_is_answered(hospital):
    plain = hospital.address.replace("https:", "http:")
    assert requests.get(f"{plain}/health", timeout=10).status_code == 400
    port = hospital.address.rpartition(":")[2]
    for version in ("-tls1", "-tls1_1"):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version, "-cipher", "ALL:@SECLEVEL=0"]
        done = subprocess.run(words, input="", capture_output=True, text=True)
        assert "Cipher is (NONE)" in done.stdout, version


def checked(hospital: Hospital, code: int, **changes: Any) -> str:
    """What `theragate server --check` says with the variables of a server, some of them changed."""
    server = hospital.servers[0]
    environ = {name: str(value) for name, value in (server.environ() | changes).items() if value is not None}
    done = subprocess.run(
        [str(BIN / "theragate"), "server", "--check"], cwd=server.folder, env=environ, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_check_finds_nothing_that_has_to_be_mended(hospital):
    said = checked(hospital, 0, MLFLOW_AUTH_ADMIN_PASSWORD=None)
    assert "error:" not in said
    assert "bucket" not in said, "it has versions, since it is locked"


def test_the_check_names_a_bucket_that_is_not_there(hospital):
    said = checked(hospital, 1, THERAGATE_SEALED="s3://hospital-seeled")
    assert "the bucket `hospital-seeled`: it exists; received no bucket of that name" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"THERAGATE_ARTIFACTS": "s3://hospital-modells/artifacts"}, "received no bucket of that name"),
        ({"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "its store answers at `http://127.0.0.1:9`; received no"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "the server has keys to it; received none"),
        ({"MLFLOW_TRACKING_URI": "postgresql://theragate_server@127.0.0.1:9/mlflow"}, "database"),
    ],
)
def test_a_server_that_cannot_reach_its_stores_says_so_in_a_line(hospital, changes, message):
    server = hospital.servers[0]
    environ = {name: str(value) for name, value in (server.environ() | changes).items() if value is not None}
    done = subprocess.run(
        [str(BIN / "theragate"), "server", "--port", str(free_port())],
        cwd=server.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_database_that_is_away_for_a_while_is_a_sentence_and_nothing_is_lost(hospital):
    before = hospital.servers[0].person(MANAGER).ledger()
    away = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mlflow'"
    psql(hospital.superuser, f"ALTER DATABASE mlflow ALLOW_CONNECTIONS false; {away}")
    try:
        answer = hospital.person(MANAGER).api("GET", "registered-models/get", name=STUDY)
        assert answer.status_code in (500, 503)
        assert "Traceback" not in answer.text
        said = hospital.do(MANAGER, "release", "list", code=1, THERAGATE_TIMEOUT="5")
        assert "its server and database answer; received HTTP status" in said
        assert len(said.strip().splitlines()) == 1, said
    finally:
        psql(hospital.superuser, "ALTER DATABASE mlflow ALLOW_CONNECTIONS true")
    assert [server.person(MANAGER).ledger() for server in hospital.servers] == [before, before]
