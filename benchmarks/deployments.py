"""What deployments cost: a laptop, a team's server, and two servers before PostgreSQL and buckets, each behind nginx.

It drives real servers with the tests' own people, attestations and samples, in a process of its own. The store of
buckets is a test's, and is not counted.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from benchmarks.road import Watch
from theragate.files import write_text

ROOT = Path(__file__).resolve().parents[1]
MODELS, SIZE, READS = 6, 1_000_000, 100
MARKS = ("<!-- deployments -->\n", "<!-- end deployments -->")
ROWS = {
    "laptop": (
        "one person, any number of patients that [one machine takes](performance.md)",
        "nothing: SQLite and folders in the project; `theragate ui`",
    ),
    "team": (
        "a team, some releases a day: one machine",
        "PostgreSQL, `THERAGATE_ARTIFACTS=file:///…`, `theragate server --workers 2`, nginx",
    ),
    "grown": (
        "several teams; a server may fail or be upgraded while people work; artifacts outgrow a disk",
        "PostgreSQL, `THERAGATE_ARTIFACTS=s3://…`, `THERAGATE_SEALED=s3://…`, two of these servers, nginx",
    ),
}


def deployments() -> dict[str, float]:
    """Measure all of them."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.deployments"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure() -> dict[str, float]:
    """Measure one after the other."""
    found = {"laptop": laptop(), "team": behind_nginx(servers=1), "grown": behind_nginx(servers=2)}
    return {f"deployment_{name}_{key}": value for name, row in found.items() for key, value in row.items()}


def laptop() -> dict[str, float]:
    """Start the embedded server, and look at it when it answers."""
    from mlflow_plugin.attested_by_hand import Deployment
    from mlflow_plugin.servers import Server

    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        server = Server(Path(folder), f"sqlite:///{folder}/mlflow.db", Deployment(Path(folder, "deployment")))
        with started([server], "--embedded") as (cost, _):
            return cost


def behind_nginx(*, servers: int) -> dict[str, float]:
    """Release models through nginx and read them as consumers do."""
    import grown
    from buckets import store_of_buckets
    from mlflow_plugin.attested_by_hand import Deployment, policy_of
    from mlflow_plugin.conftest import Release
    from mlflow_plugin.ruled import cluster
    from mlflow_plugin.servers import Person
    from support import free_port

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="theragate-")))
        deployment, ports = Deployment(folder / "deployment"), [free_port() for _ in range(servers)]
        for number in range(MODELS):
            deployment.accept(policy_of(f"study_{number}"))
        deployment.write()
        more = {}
        if servers > 1:
            store = stack.enter_context(store_of_buckets(folder))
            more = store.environ | {
                "THERAGATE_ARTIFACTS": f"{store.make('hospital-models')}/artifacts",
                "THERAGATE_SEALED": store.make("hospital-sealed", lock_days=1),
            }
        superuser = stack.enter_context(cluster())
        address = grown.database(superuser, deployment.trust_file, folder)
        made = [
            grown.GrownServer(folder / f"server-{port}", address, deployment, port=port, more=more, workers=2, cache=60)
            for port in ports
        ]
        through, authority = stack.enter_context(grown.nginx(folder / "nginx", *ports))

        def person(name: str) -> Person:
            found = Person(name, through)
            found.session.verify, found.session.trust_env = str(authority), False
            return found

        with started(made) as (cost, used):
            made[0].hire()
            made[0].person = person  # type: ignore[method-assign]
            before, start = used(), time.perf_counter()
            for number in range(MODELS):
                Release(made[0], folder / "packages", f"study_{number}").champion(f"study_{number}", size=SIZE)
            cost["release_cpu_seconds"] = (used() - before) / MODELS
            cost["release_seconds"] = (time.perf_counter() - start) / MODELS
            before, reader = used(), person("reader")
            for number in range(READS):
                study = f"study_{number % MODELS}"
                place = reader.files(study, reader.aliases(study)["champion"]).partition(":/")[2].lstrip("/")
                answer = reader.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{place}/MLmodel")
                if answer.status_code != 200:
                    raise RuntimeError(answer.text)
            cost["read_cpu_seconds"] = (used() - before) / READS
        return cost


@contextlib.contextmanager
def started(servers: list[Any], *more: str) -> Iterator[tuple[dict[str, float], Any]]:
    """Start servers; yield what that cost, and a function that says how many processor seconds were used since then.

    The largest memory, that of all servers together, is added when the block ends.
    """
    cost: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        watches, start = [], time.perf_counter()
        for server in servers:
            stack.callback(server.stop)
            server.start(*more)
            cost.setdefault("start_seconds", time.perf_counter() - start)
            watches.append(stack.enter_context(Watch(server.process.pid)))
        cost["start_cpu_seconds"] = processor_seconds(servers) / len(servers)
        yield cost, lambda: processor_seconds(servers)
        time.sleep(1)  # the watch looks four times a second
        cost["mib"] = sum(watch.mib for watch in watches)


def processor_seconds(servers: list[Any]) -> float:
    """Return what the processes of servers have used so far."""
    total = 0.0
    for server in servers:
        for process in [one := psutil.Process(server.process.pid), *one.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
    return total


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table of docs/deployment.md."""
    lines = [
        "| how large | what to set | start-up | memory of all servers | a release | a champion looked up and read |",
        "|---|---|---|---|---|---|",
    ]
    for name, (size, settings) in ROWS.items():

        def cell(key: str, unit: str, scale: float = 1, digits: int = 1, name: str = name) -> str:
            found = results.get(f"deployment_{name}_{key}")
            return "–" if found is None else f"{found['median'] * scale:,.{digits}f} {unit}"

        cells = [
            cell("start_cpu_seconds", "s"),
            cell("mib", "MiB", digits=0),
            cell("release_cpu_seconds", "s"),
            cell("read_cpu_seconds", "ms", scale=1000, digits=0),
        ]
        lines.append(f"| {size} | {settings} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fill(page: Path, results: Mapping[str, Mapping[str, float]]) -> None:
    """Write the table into the page, between its markers."""
    head, start, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, tail = rest.partition(MARKS[1])
    write_text(page, f"{head}{start}{table(results)}\n{end}{tail}")


if __name__ == "__main__":
    print(json.dumps(measure()))
