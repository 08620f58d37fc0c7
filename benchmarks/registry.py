"""What the guard costs: setting `champion` over HTTP on a release server, against MLflow's own signed-in server.

It drives real servers with the tests' own people and attestations, which is why it runs in a process of its own.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUDIES, SIZE = 12, 1_000_000


def guarded_alias() -> dict[str, float]:
    """Measure the promotion of models of 1 MB: copied, hashed, judged again, signed and written."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.registry"], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure() -> dict[str, float]:
    """Measure with passwords hashed in every request, as is the default, and with MLflow's cache of them."""
    return _aliases(cache=0, named="alias") | _aliases(cache=900, named="cached_alias")


def _aliases(*, cache: int, named: str) -> dict[str, float]:
    """Set the alias of one version after the other, on either server in turn."""
    from mlflow_plugin.attested_by_hand import Deployment, policy_of
    from mlflow_plugin.conftest import Release
    from mlflow_plugin.servers import Server, running

    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        guarded, plain = (
            Server(Path(folder, name), f"sqlite:///{folder}/{name}.db", Deployment(Path(folder, name, "deployment")))
            for name in ("guarded", "plain")
        )
        guarded.cache = plain.cache = cache
        plain.command = (str(Path(sys.executable).with_name("mlflow")), "server", *plain_options(plain))
        with running(guarded), running(plain):
            times: dict[str, list[float]] = {"guarded": [], "plain": []}
            for server in (guarded, plain):
                server.hire()
            for number in range(STUDIES):
                study = f"study_{number}"
                guarded.deployment.accept(policy_of(study))
                release = Release(guarded, Path(folder, "g"), study)
                version, attested = release.register(study, size=SIZE)
                release.approve(version, attested)
                release.person("grace").aliases(study)  # the signed-in session is warm on both
                start = time.perf_counter()
                release.promote(version)
                times["guarded"].append(time.perf_counter() - start)
                other = Release(plain, Path(folder, "p"), study)
                version = other.person("alan").register(study, Path(folder, "g", study))
                other.person("grace").aliases(study)
                start = time.perf_counter()
                other.promote(version)
                times["plain"].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        f"guarded_{named}_seconds": medians["guarded"],
        f"plain_{named}_seconds": medians["plain"],
        f"guarded_{named}_ratio": medians["guarded"] / medians["plain"],
    }


def plain_options(server) -> list[str]:  # type: ignore[no-untyped-def]
    """MLflow's own server with the same sign-in and the same stores, unguarded."""
    return [
        "--app-name",
        "basic-auth",
        "--backend-store-uri",
        server.database,
        "--serve-artifacts",
        "--artifacts-destination",
        str(server.artifacts),
        "--default-artifact-root",
        "mlflow-artifacts:/",
    ]


if __name__ == "__main__":
    print(json.dumps(measure()))
