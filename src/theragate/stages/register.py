"""Verdict to MLflow: the run, its trials, the version and, for a verdict that passes, the alias `candidate`."""

import os
import time
from pathlib import Path

from theragate.errors import EvidenceError
from theragate.evidence.published import publish as publishable
from theragate.files import read_json, write_json
from theragate.gates.types import Verdict
from theragate.reports.card import verdict_table
from theragate.settings import Settings
from theragate.stages.documents import read_evidence, read_verdict
from theragate.stages.repository import CodeState, read_code_state
from theragate.stages.workspace import Workspace
from theragate.study import load_study
from theragate.tracking.bundle import Bundle
from theragate.tracking.publish import Published, publish
from theragate.tracking.store import Stores

__all__ = ["gather", "project", "register"]


def register(workspace: Workspace, settings: Settings) -> str:
    """Write ``published.json`` and ``registration.json``, and to MLflow what it lacks of this verdict.

    Run and version numbers are MLflow's own and differ from one MLflow to another; they are in neither file. Under
    ``dvc exp run`` the run is logged and nothing is registered.

    Raises
    ------
    StoreError
        If MLflow is out of reach, locked, or of another version.
    """
    code = read_code_state(workspace.root, os.environ)
    bundle = gather(workspace, code)
    published = project(bundle, settings)
    write_json(
        workspace.report("registration.json"),
        {
            "study": workspace.study,
            "key": bundle.key,
            "decision": bundle.verdict.decision,
            "registered": published.version is not None,
        },
    )
    if published.version is None:
        return f"{bundle.verdict.decision}; logged as an experiment's run, nothing registered"
    state = "alias `candidate`" if published.alias else "no alias"
    return f"{bundle.verdict.decision}; version {published.version}, {state}"


def gather(workspace: Workspace, code: CodeState) -> Bundle:
    """Collect the files of one study, with only the published part of its evidence.

    Raises
    ------
    DataError
        If a file is missing or the files do not belong together.
    EvidenceError
        If the verdict is about other evidence.
    """
    study = load_study(workspace.params, workspace.study)
    remedy = f"Run `dvc repro register@{study.name}`."
    full, evidence_sha256 = read_evidence(workspace)
    evidence = publishable(full)
    verdict = _verdict(workspace, evidence_sha256, remedy)
    write_json(workspace.report("published.json"), evidence.model_dump(mode="json"))
    return Bundle(
        study=study,
        evidence=evidence,
        verdict=verdict,
        record=read_json(workspace.model("record.json"), remedy=remedy),
        provenance=read_json(workspace.data("provenance.json"), remedy=remedy),
        estimator=workspace.model("estimator"),
        artifacts=_artifacts(workspace),
        description=verdict_table(verdict),
        commit=code.commit,
        dirty=code.dirty,
        reproduce=f"git checkout {code.commit} && dvc repro register@{study.name}" if code.commit else "dvc repro",
        experiment=code.experiment,
        baseline=code.baseline,
    )


def project(bundle: Bundle, settings: Settings) -> Published:
    """Write to MLflow what it lacks of `bundle`; an experiment is logged and not registered."""
    stores = Stores(tracking=settings.tracking, registry=settings.registry, artifacts=settings.artifacts)
    return publish(bundle, stores, register=bundle.experiment is None, now=time.time_ns() // 1_000_000)


def _verdict(workspace: Workspace, evidence_sha256: str, remedy: str) -> Verdict:
    verdict = read_verdict(workspace)
    if verdict.evidence_sha256 != evidence_sha256:
        raise EvidenceError(
            f"study `{workspace.study}`, verdict.json",
            rule="the verdict is about the evidence beside it",
            received="a verdict about other evidence",
            remedy=remedy,
        )
    return verdict


def _artifacts(workspace: Workspace) -> dict[str, Path]:
    figures = {f"figures/{path.name}": path for path in sorted(workspace.report("figures").glob("*.png"))}
    return {
        **figures,
        "card.md": workspace.report("card.md"),
        "evidence.json": workspace.report("published.json"),
        "validation.html": workspace.report("validation.html"),
        "verdict.json": workspace.report("verdict.json"),
    }
