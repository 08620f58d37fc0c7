"""Verdict to MLflow: the run, its trials, the version and, for a verdict that passes, the alias `candidate`."""

import os
import time
from pathlib import Path

from theragate.errors import DataError
from theragate.evidence.published import publish as publishable
from theragate.files import write_json
from theragate.reports.card import verdict_table
from theragate.settings import Settings
from theragate.stages.documents import read_origin
from theragate.stages.judgement import current_verdict
from theragate.stages.registration import registration_of
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
    registration = registration_of(bundle, registered=published.version is not None)
    write_json(workspace.report("registration.json"), registration)
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
        If the verdict is not what the gates say now of these files.
    """
    study = load_study(workspace.params, workspace.study)
    full, verdict = current_verdict(workspace)
    record, provenance = read_origin(workspace, full)
    evidence = publishable(full)
    write_json(workspace.report("published.json"), evidence.model_dump(mode="json"))
    return Bundle(
        study=study,
        evidence=evidence,
        verdict=verdict,
        record=record,
        provenance=provenance,
        estimator=workspace.model("estimator"),
        artifacts=_artifacts(workspace),
        description=verdict_table(verdict),
        commit=code.commit,
        dirty=code.dirty,
        reproduce=_reproduce(code, study.name),
        experiment=code.experiment,
        baseline=code.baseline,
    )


def project(bundle: Bundle, settings: Settings) -> Published:
    """Write to MLflow what it lacks of `bundle`; an experiment is logged and not registered."""
    stores = Stores(tracking=settings.tracking, registry=settings.registry, artifacts=settings.artifacts)
    return publish(bundle, stores, register=bundle.experiment is None, now=time.time_ns() // 1_000_000)


def _reproduce(code: CodeState, study: str) -> str:
    """Return the command that makes all of this again; empty where no commit holds all that it was made from."""
    if code.commit is None or code.dirty or code.experiment:
        return ""
    return f"git checkout {code.commit} && dvc repro register@{study}"


def _artifacts(workspace: Workspace) -> dict[str, Path]:
    figures = {f"figures/{path.name}": path for path in sorted(workspace.report("figures").glob("*.png"))}
    if not figures:
        raise DataError(
            f"study `{workspace.study}`, figures",
            rule="a version is registered with its figures",
            received="none",
            remedy=f"Run `dvc repro evaluate@{workspace.study}`.",
        )
    return {
        **figures,
        "card.md": workspace.report("card.md"),
        "evidence.json": workspace.report("published.json"),
        "validation.html": workspace.report("published.html"),
        "verdict.json": workspace.report("verdict.json"),
    }
