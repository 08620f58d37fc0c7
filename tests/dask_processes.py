"""A Dask cluster of real processes: a scheduler, and workers that can be killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client

from theragate.workers.backend import Backend
from theragate.workers.cluster import Cluster

TESTS = Path(__file__).parent
IMPORTING = {"PYTHONPATH": str(TESTS)}  # of workers that do works of the tests

_DASK = "from distributed.cli.dask_{0} import main; main()"
_NO_PAGES = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_QUIET = {
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass
class DaskProcesses:
    """A scheduler that writes its address into ``folder``, and the workers that were started."""

    folder: Path
    options: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _nannies: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _logs: list[Path] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def start_scheduler(self, *more: str) -> None:
        (self.folder / "scheduler.json").unlink(missing_ok=True)
        file = ("--scheduler-file", str(self.folder / "scheduler.json"))
        where = ("--host", "127.0.0.1", "--port", "0", *_NO_PAGES, "--idle-timeout", "600s")
        self.scheduler = self._start("scheduler", *where, *file, *self.options, *more)
        while True:
            with suppress(OSError, ValueError, KeyError):  # not there yet, or not all of it
                assert self.address
                return
            assert self.scheduler.poll() is None, self.log()
            time.sleep(0.01)

    def start_worker(
        self, *more: str, env: dict[str, str] | None = None, threads: int = 1, nanny: bool = False
    ) -> subprocess.Popen[bytes]:
        """A worker process; a nanny starts it again, and ends it where it holds too much memory."""
        number = len(self.workers)
        local = ("--local-directory", str(self.folder / f"worker{number}"))
        where = (
            "--host",
            "127.0.0.1",
            *_NO_PAGES,
            "--nanny" if nanny else "--no-nanny",
            "--nthreads",
            str(threads),
        )
        worker = self._start("worker", self.address, *where, *local, *self.options, *more, env=env)
        self.workers.append(worker)
        if nanny:
            self._nannies.append(worker)
        return worker

    def _start(self, kind: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        log = self.folder / f"{kind}{len(self._logs)}.log"
        self._logs.append(log)
        with log.open("wb") as stream:
            return subprocess.Popen(
                [sys.executable, "-c", _DASK.format(kind), *arguments],
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_QUIET, **self.env, **(env or {})},
            )

    def wait_for_workers(self, many: int) -> None:
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(many)

    def log(self) -> str:
        return "\n".join(log.read_text() for log in self._logs)

    def stop(self) -> None:
        everything = [*self.workers, *([self.scheduler] if self.scheduler else [])]
        for nanny in self._nannies:  # which end their workers with them
            nanny.terminate()
            nanny.wait()
        for process in everything:
            with suppress(OSError):
                process.kill()
        for process in everything:
            process.wait()


@contextmanager
def dask_processes(
    folder: Path, *, workers: int = 2, options: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> Iterator[DaskProcesses]:
    """Start a cluster on the loopback and stop it in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = DaskProcesses(folder, options, env or {})
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()


def kernels() -> dict[str, str]:
    """How stages choose the kernels of NumPy and OpenBLAS on this machine."""
    pipelines = Path(__file__).parents[1] / "pipelines"
    names = "('OPENBLAS_CORETYPE', 'NPY_DISABLE_CPU_FEATURES')"
    script = f"import json, os, _source; print(json.dumps({{n: os.environ[n] for n in {names} if n in os.environ}}))"
    found = subprocess.run([sys.executable, "-c", script], cwd=pipelines, check=True, capture_output=True, text=True)
    return dict(json.loads(found.stdout))


def cluster_of(processes: DaskProcesses, state: Path, *, shared: str = "", timeout: float = 60) -> Cluster:
    return Cluster(processes.address, shared, state, timeout)


def done(cluster: Backend, do, works) -> list:
    with cluster.workers(of="the tests") as workers:
        return list(workers.run(do, works))


def soon(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
