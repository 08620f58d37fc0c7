"""A small bundle, made by hand, and stores that are made anew for every test."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from records_by_hand import provenance_of, training_record
from support import free_port

from theragate.digests import sha256_json, sha256_tree
from theragate.evidence.types import (
    CohortFacts,
    Comparison,
    DataFacts,
    Estimate,
    Evidence,
    GroupEvidence,
    ScenarioEvidence,
)
from theragate.gates.types import Finding, Verdict
from theragate.learning.record import TrainingRecord
from theragate.study import load_study
from theragate.tracking.bundle import Bundle
from theragate.tracking.store import Stores

NOW = 1_764_000_000_000
PARAMS = Path(__file__).parents[2] / "params.yaml"

MakeBundle = Callable[..., Bundle]


def estimate(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, lower=value - half, upper=value + half, se=half / 1.96, method="hand")


def group(attribute: str, label: str, n: int, value: float = 0.7) -> GroupEvidence:
    names = ("concordance_index", "sensitivity", "log_observed_expected", "net_benefit_gain", "brier")
    metrics = {name: estimate(value) for name in names}
    return GroupEvidence(
        attribute=attribute,
        label=label,
        judged=" & " not in attribute,
        n=n,
        share=n / 500,
        events=n // 3,
        non_events=n - n // 3,
        metrics=metrics,
    )


def withheld(attribute: str) -> GroupEvidence:
    return GroupEvidence(
        attribute=attribute,
        label="withheld (2 groups)",
        judged=False,
        n=40,
        share=0.08,
        events=None,
        non_events=None,
        metrics={"concordance_index": Estimate.absent("withheld"), "sensitivity": Estimate.absent("withheld")},
    )


def evidence_of(model_sha256: str, *, c_index: float = 0.77, simulated: bool = False, **changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "study": "heart_attack_survival",
        "task": "survival",
        "horizon": 365,
        "cohort": CohortFacts(sha256="c" * 64, patients=500, events=138, non_events=362, simulated=simulated),
        "data": DataFacts(suite_sha256="5" * 64, expectations=25, critical=(), warnings=(), leakage=()),
        "predictions_sha256": "b" * 64,
        "model_sha256": model_sha256,
        "family": "spline_cox",
        "reference_family": "ridge_cox",
        "overall": {"concordance_index": estimate(c_index), "brier": estimate(0.14, 0.01), "ici": Estimate.absent("-")},
        "comparisons": (
            Comparison(
                metric="concordance_index",
                model=estimate(c_index),
                reference=estimate(0.76),
                difference=estimate(c_index - 0.76, 0.01),
            ),
        ),
        "groups": (
            group("sex", "female", 200),
            group("sex", "male", 300),
            group("age_band", "≤65", 180),
            group("age_band", "65–75", 120),
            group("age_band", ">75", 200),
            withheld("sex & age_band"),
        ),
        "contrasts": (),
        "families": {},
        "scenarios": (
            ScenarioEvidence(
                name="weight_unknown",
                metrics={"concordance_index": estimate(c_index - 0.01)},
                differences={"concordance_index": estimate(-0.01, 0.005)},
            ),
        ),
    }
    return Evidence(**fields | changes)


def verdict_of(evidence: Evidence, *, decision: str = "PASS", **changes: Any) -> Verdict:
    status = "pass" if decision == "PASS" else "insufficient"
    finding = Finding(
        code="TG006",
        gate="fairness",
        title="Fairness",
        protects="Groups of patients.",
        reason="A reason.",
        status=status,
        summary="Sensitivity at 20% is 0.74 (0.65 to 0.81) in women and 0.76 (0.69 to 0.82) in men.",
    )
    fields: dict[str, Any] = {
        "study": evidence.study,
        "decision": decision,
        "findings": (finding,),
        "evidence_sha256": "e" * 64,
        "policy_sha256": "f" * 64,
        "cohort_sha256": evidence.cohort.sha256,
        "predictions_sha256": evidence.predictions_sha256,
        "model_sha256": evidence.model_sha256,
    }
    return Verdict(**fields | changes)


def record_of(trials: int) -> TrainingRecord:
    families = ("ridge_cox", "spline_cox", "coxnet")
    states = ("complete", "complete", "pruned", "failed")
    return training_record(
        selected={"family": "spline_cox", "params": {"alpha": 12.5, "knots": 4}},
        reference={"family": "ridge_cox", "params": {"alpha": 1.0}},
        trials=[
            {
                "number": number,
                "family": families[number % 3],
                "params": {"alpha": 0.5 + number},
                "state": states[number % 4],
                "value": None if number % 4 == 3 else 0.4 + number / 1000,
                "folds": [] if number % 4 == 3 else [0.39, 0.40, 0.41],
            }
            for number in range(trials)
        ],
        features=["age", "sex"],
    )


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Return a function that writes a study's files and gathers them."""

    def make(*, decision: str = "PASS", trials: int = 2, content: str = "a", **changes: Any) -> Bundle:
        folder = tmp_path / "study" / sha256_json([decision, trials, content])[:8]
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        (folder / "estimator").mkdir(exist_ok=True)
        (folder / "estimator" / "model.json").write_text(json.dumps(content))
        evidence = evidence_of(sha256_tree(folder / "estimator"))
        (folder / "evidence.json").write_text(evidence.model_dump_json())
        (folder / "card.md").write_text("# Card\n")
        (folder / "figures" / "calibration.png").write_bytes(b"\x89PNG")
        names = ("evidence.json", "card.md", "figures/calibration.png")
        fields: dict[str, Any] = {
            "study": load_study(PARAMS, "heart_attack_survival"),
            "evidence": evidence,
            "verdict": verdict_of(evidence, decision=decision),
            "record": record_of(trials),
            "provenance": provenance_of(version="scikit-survival 0.28.0"),
            "estimator": folder / "estimator",
            "artifacts": {name: folder / name for name in names},
            "description": "| gate | answer |\n|---|---|\n| fairness | pass |\n",
            "commit": "1" * 40,
            "dirty": False,
            "reproduce": "dvc repro register@heart_attack_survival",
        }
        return Bundle(**fields | changes)

    return make


@pytest.fixture
def stores(tmp_path: Path, empty_database: bytes) -> Stores:
    """Return an empty SQLite store with a folder for its artifacts."""
    path = tmp_path / "store" / "mlflow.db"
    path.parent.mkdir()
    path.write_bytes(empty_database)
    return Stores(f"sqlite:///{path}", f"sqlite:///{path}", (path.parent / "artifacts").as_uri())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Iterator[str]:
    """Start MLflow's own server on a free loopback port; stop its whole process tree at the end."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(empty_database)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    environment = {"PATH": str(Path(sys.executable).parent), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/health", process, folder / "log")
        yield url
    finally:
        for child in [*process.children(recursive=True), process]:
            child.kill()
        process.wait()


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - loopback
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
