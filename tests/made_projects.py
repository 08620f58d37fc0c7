"""A project whose evidence is made by hand, so that it is judged and registered in a moment."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence, overall
from records_by_hand import provenance_of, training_record
from support import STUDY as SMALL
from support import Project
from trials import compare_treatments

from theragate.digests import sha256_file, sha256_tree
from theragate.evidence.types import Evidence
from theragate.files import write_json
from theragate.learning.record import TrainingRecord
from theragate.runner.workspace import Workspace

ROOT = Path(__file__).parents[1]
STUDY = "heart_attack_survival"


def bad_evidence() -> Evidence:
    """Evidence that blocks by TG003 and TG004, and by nothing else."""
    evidence = good_evidence(STUDIES["survival"])
    return overall(evidence, concordance_index=estimate(0.5, 0.01), calibration_slope=estimate(0.3, 0.05))


def record_of() -> TrainingRecord:
    return training_record(
        study=STUDY,
        features=["age", "sex"],
        selected={"family": "xgboost", "params": {"depth": 3, "rate": 0.1}},
        reference={"family": STUDIES["survival"].tuning.reference, "params": {}},
    )


def patients() -> pd.DataFrame:
    rows = range(1, 41)
    return pd.DataFrame(
        {
            "patient": [str(row) for row in rows],
            "age": [40.5 + row for row in rows],
            "gender": [row % 2 for row in rows],
            "lenfol": [10.25 * row for row in rows],
            "fstat": [row % 3 == 0 for row in rows],
        }
    )


def predicted() -> pd.DataFrame:
    return pd.DataFrame({"patient": patients()["patient"], "prediction": [0.0123 * row for row in range(1, 41)]})


def parquet(frame: pd.DataFrame) -> bytes:
    return bytes(frame.to_parquet(index=False))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copy(ROOT / "requirements.lock", folder)
    workspace = Workspace(folder, STUDY)
    for path, content in (
        (workspace.data("cohort.parquet"), parquet(patients())),
        (workspace.model("predictions.parquet"), parquet(predicted().assign(model="selected", scenario="clean"))),
        (workspace.model("refits.parquet"), parquet(predicted().assign(refit=0))),
        (workspace.model("estimator") / "model.json", b"{}"),
        (workspace.report("figures") / "roc.png", b"\x89PNG\r\n\x1a\n"),
        (workspace.report("published.html"), b"<p>"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    cohort = sha256_file(workspace.data("cohort.parquet"))
    write_json(workspace.data("validated.json"), {"study": STUDY, "cohort_sha256": cohort, "passed": True})
    provenance = provenance_of(study=STUDY, version="1", sha256=cohort)
    write_json(workspace.data("provenance.json"), provenance.model_dump(mode="json"))
    write_json(workspace.model("record.json"), record_of().model_dump(mode="json"))
    write_json(workspace.decided("waivers.json"), {"study": STUDY, "waivers": []})
    write_json(workspace.decided("champion.json"), {"study": STUDY, "champion": None})
    put_evidence(workspace, bad_evidence())
    return folder


def put_evidence(workspace: Workspace, evidence: Evidence) -> None:
    """Write evidence about the files that lie in the workspace."""
    about = changed(
        evidence,
        cohort=evidence.cohort.model_copy(update={"sha256": sha256_file(workspace.data("cohort.parquet"))}),
        predictions_sha256=sha256_file(workspace.model("predictions.parquet")),
        model_sha256=sha256_tree(workspace.model("estimator")),
    )
    write_json(workspace.report("evidence.json"), about.model_dump(mode="json"))


@pytest.fixture
def by_hand(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy that a test may spoil, and that is the current folder."""
    copy = tmp_path / "project"
    shutil.copytree(made, copy)
    monkeypatch.chdir(copy)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "THERAGATE_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    return Workspace(copy, STUDY)


@pytest.fixture
def edit() -> Callable[[Path, Callable[[Any], None]], None]:
    def change(path: Path, action: Callable[[Any], None]) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        action(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return change


@pytest.fixture
def trial(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that compares treatments, and is the current folder."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    compare_treatments(project)
    return project


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small study, up to its training; a test that changes something copies it."""
    from theragate.release.champion import write_champion
    from theragate.runner.command import exit_code
    from theragate.stages.ingest import ingest
    from theragate.stages.train import train
    from theragate.stages.validate import validate

    root = tmp_path_factory.mktemp("trained")
    project = Project(root)
    project.study["tuning"]["trials"] = 2
    project.write()
    write_champion(root / "release" / SMALL / "champion.json", SMALL, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DVC_ROOT", raising=False)
        patch.setenv("THERAGATE_JOBS", "1")
        assert [exit_code(stage, [SMALL]) for stage in (ingest, validate, train)] == [0, 0, 0]
    return root


@pytest.fixture
def signed(by_hand: Workspace, empty_database: bytes, capsys: pytest.CaptureFixture[str]) -> Workspace:
    """A study that passes, registered and attested on a laptop."""
    from theragate.runner.command import exit_code
    from theragate.stages.gate import gate
    from theragate.stages.register import register

    (by_hand.root / "mlflow-store").mkdir()
    (by_hand.root / "mlflow-store" / "mlflow.db").write_bytes(empty_database)
    put_evidence(by_hand, changed(good_evidence(STUDIES["survival"]), champion=None))
    assert exit_code(gate, [by_hand.study]) == 0
    assert exit_code(register, [by_hand.study]) == 0
    assert "; attested with the DEVELOPMENT KEY " in capsys.readouterr().out
    return by_hand


def client_of(workspace: Workspace) -> Any:
    """Return an `MlflowClient` of the workspace's own database."""
    from mlflow import MlflowClient

    url = f"sqlite:///{workspace.root / 'mlflow-store' / 'mlflow.db'}"
    return MlflowClient(url, url)
