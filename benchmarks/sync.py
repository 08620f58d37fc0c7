"""What it takes to publish a study to a release server that asks for a password with every request.

It drives a real server with the tests' own people and a small bundle, which is why it runs in a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
TRIALS = 50  # as many as most studies have
NOW = 1_764_000_000_000
CACHES = {"": 60, "_hashed": 0}  # for how many seconds a password that was right is not hashed again


def sync_over_http() -> dict[str, float]:
    """Time the first publication of a study, and one that finds everything there, in seconds; count the requests."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sync"], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure() -> dict[str, float]:
    """Publish one bundle three times to a server of either kind; the second time counts as the one that finds it."""
    from mlflow_plugin.attested_by_hand import Deployment
    from mlflow_plugin.servers import PASSWORD, Server, running
    from requests import Session

    from theragate.tracking.publish import publish
    from theragate.tracking.store import Stores

    found: dict[str, float] = {}
    sent, requests = Session.send, list[str]()

    def counted(session: Session, request, **options):  # type: ignore[no-untyped-def]
        requests.append(request.method)
        return sent(session, request, **options)

    for name, cache in CACHES.items():
        with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
            place = Path(folder)
            made = Server(
                place / "server", f"sqlite:///{place}/mlflow.db", Deployment(place / "deployment"), cache=cache
            )
            signed_in = {"MLFLOW_TRACKING_USERNAME": "alan", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
            with running(made), mock.patch.dict(os.environ, signed_in), mock.patch.object(Session, "send", counted):
                made.hire()
                bundle, stores = bundle_of(place / "study"), Stores(made.address, made.address, "")
                for which in ("first", "again"):
                    requests.clear()
                    start = time.perf_counter()
                    publish(bundle, stores, register=True, now=NOW)
                    found[f"sync_{which}{name}_seconds"] = time.perf_counter() - start
                    found[f"sync_{which}_requests"] = len(requests)
    return found


def bundle_of(folder: Path):  # type: ignore[no-untyped-def]
    """Return a study like that of the heart attacks, with evidence by hand and 50 trials."""
    from records_by_hand import provenance_of
    from tracking.conftest import evidence_of, record_of, verdict_of

    from theragate.digests import sha256_tree
    from theragate.study import load_study
    from theragate.tracking.bundle import Bundle

    (folder / "estimator").mkdir(parents=True)
    (folder / "estimator" / "model.json").write_text("{}")
    evidence = evidence_of(sha256_tree(folder / "estimator"))
    artifacts = {"evidence.json": evidence.model_dump_json(), "card.md": "# Card\n", "figures/roc.png": "x" * 200_000}
    for name, content in artifacts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return Bundle(
        study=load_study(ROOT / "params.yaml", "heart_attack_survival"),
        evidence=evidence,
        verdict=verdict_of(evidence, decision="PASS"),
        record=record_of(TRIALS),
        provenance=provenance_of(version="1"),
        estimator=folder / "estimator",
        artifacts={name: folder / name for name in artifacts},
        description="| gate |\n|---|\n",
        commit="1" * 40,
        dirty=False,
        reproduce="dvc repro",
    )


if __name__ == "__main__":
    print(json.dumps(measure()))
