"""How workers are let in: by certificates, and by a batch queue that starts them."""

import os
import subprocess
import sys
from pathlib import Path

import cluster_works
import pytest
from dask_processes import IMPORTING, TESTS, dask_processes, done, soon
from distributed import Security

from theragate.errors import ConfigurationError, StoreError
from theragate.workers.cluster import Cluster

pytestmark = pytest.mark.xdist_group("dask")


def certificates(folder: Path) -> dict[str, str]:
    """Have a new authority make certificates; return what tells Dask of them."""
    made = Security.temporary()
    folder.mkdir()
    (folder / "ca.pem").write_text(made.tls_ca_file)
    settings = {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "ca.pem"),
    }
    for role in ("client", "scheduler", "worker"):
        for part in ("cert", "key"):
            path = folder / f"{role}-{part}.pem"
            path.write_text(getattr(made, f"tls_{role}_{part}"))
            settings[f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__{part.upper()}"] = str(path)
    return settings


TLS_CLIENT = """
import sys
from pathlib import Path
import cluster_works
from theragate.errors import TheragateError
from theragate.workers import cluster
from theragate.workers.cluster import Cluster

cluster._ANSWER = 2.0
try:
    with Cluster(sys.argv[1], "", Path(sys.argv[2]), 60).workers(of="the tests") as workers:
        print(list(workers.run(cluster_works.doubled, [2])))
except TheragateError as error:
    print(error)
"""


def test_certificates_let_in_who_has_one(tmp_path: Path) -> None:
    ours, others = certificates(tmp_path / "ours"), certificates(tmp_path / "others")

    def told(known: dict[str, str]) -> str:
        command = [sys.executable, "-c", TLS_CLIENT, processes.address, str(tmp_path)]
        env = {**os.environ, **IMPORTING, **known}
        run = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        assert run.stderr == ""
        return run.stdout

    env = {**IMPORTING, **ours}
    with dask_processes(tmp_path / "dask", workers=1, env=env, options=("--protocol", "tls")) as processes:
        assert processes.address.startswith("tls://")
        assert told(ours) == "[4]\n"
        assert "whoever connects has a certificate, which Dask's own settings name" in told({})
        assert "its scheduler answers and knows our certificate, as we know its own, within 2 seconds" in told(others)


SBATCH = """#!/bin/sh
cp "$1" "$QUEUE/$$.sh"
setsid bash "$QUEUE/$$.sh" > "$QUEUE/$$.log" 2>&1 &
echo $! > "$QUEUE/$$.pid"
echo "Submitted batch job $$"
"""
SCANCEL = """#!/bin/sh
kill -- -$(cat "$QUEUE/$1.pid")
echo "$1" >> "$QUEUE/cancelled"
"""


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue that runs jobs at once, on this machine."""
    folder = tmp_path / "queue"
    folder.mkdir()
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("QUEUE", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", os.environ.get("NPY_DISABLE_CPU_FEATURES", ""))
    return folder


def test_a_queue_starts_workers_and_ends_them(queue: Path, tmp_path: Path) -> None:
    settings = "jobs: 2\ncores: 1\nmemory: 2GB\nqueue: research\ninterface: lo\n"
    (tmp_path / "cluster.yaml").write_text(settings)
    cluster = Cluster(f"slurm:{tmp_path / 'cluster.yaml'}", "", tmp_path / "state", 60)
    assert sorted(done(cluster, cluster_works.doubled, range(6))) == list(range(0, 12, 2))
    jobs = list(queue.glob("*.sh"))
    assert len(jobs) >= 1
    assert all("#SBATCH -p research" in job.read_text() and "tls://" in job.read_text() for job in jobs)
    assert all("\nexport NPY_DISABLE_CPU_FEATURES=" in job.read_text() for job in jobs)
    for process in [file.read_text().strip() for file in queue.glob("*.pid")]:
        soon(lambda process=process: not Path(f"/proc/{process}").exists())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (None, r"cluster.yaml: it is a YAML file .*; received No such file"),
        ("jobs: [", "it is a YAML file with `jobs`, `cores` and `memory`; received something else"),
        ("- jobs", "it is a YAML file with `jobs`, `cores` and `memory`; received something else"),
        ("cores: 1\nmemory: 2GB", "key `jobs`: it is a whole number, 1 or above; received no such key"),
        ("jobs: 0\ncores: 1\nmemory: 2GB", "key `jobs`: it is a whole number, 1 or above; received `0`"),
        ("jobs: true\ncores: 1\nmemory: 2GB", "key `jobs`: it is a whole number, 1 or above; received `True`"),
        ("jobs: 1\ncores: 1\nmemory: 2", "key `memory`: it is an amount, such as `16GB`; received `2`"),
        (
            "jobs: 1\ncores: 1\nmemory: 2GB\nqueu: x",
            "key `queu`: it is `jobs`, or an option of .*; received another. Did you mean `queue`",
        ),
    ],
)
def test_wrong_settings_of_a_queue_are_one_sentence(queue, tmp_path: Path, settings: str | None, sentence: str) -> None:
    if settings is not None:
        (tmp_path / "cluster.yaml").write_text(settings)
    with pytest.raises(ConfigurationError, match=sentence):
        done(Cluster(f"slurm:{tmp_path / 'cluster.yaml'}", "", tmp_path / "state", 60), cluster_works.doubled, [1])


def test_a_machine_without_the_queue_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text("jobs: 1\ncores: 1\nmemory: 2GB\n")
    with pytest.raises(StoreError, match=r"queue `slurm`: its command `sbatch` is on the PATH; received no such"):
        done(Cluster(f"slurm:{tmp_path / 'cluster.yaml'}", "", tmp_path / "state", 60), cluster_works.doubled, [1])
