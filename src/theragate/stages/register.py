"""Verdict to MLflow: the run, its trials, the version and, where nothing blocks or all is waived, `candidate`."""

import os
from pathlib import Path

from theragate.errors import DataError
from theragate.evidence.published import publish as publishable
from theragate.files import write_json
from theragate.reports.verdict import verdict_table
from theragate.settings import Settings
from theragate.stages.acceptance import as_of_today, in_one_line
from theragate.stages.disclosed import check_disclosure
from theragate.stages.documents import read_origin
from theragate.stages.facts import release_state
from theragate.stages.judgement import current_verdict
from theragate.stages.moment import Moment, present
from theragate.stages.registration import registration_of
from theragate.stages.repository import CodeState
from theragate.stages.signing import sign_for_development
from theragate.stages.workspace import Workspace
from theragate.study import load_study
from theragate.tracking import publish as publishing
from theragate.tracking.bundle import Bundle
from theragate.tracking.publish import Published
from theragate.tracking.store import Stores

__all__ = ["gather", "project", "register", "review", "taken_words"]


def register(workspace: Workspace, settings: Settings) -> str:
    """Write ``published.json``, ``disclosure.json`` and ``registration.json``; write to MLflow what it lacks.

    Run and version numbers are MLflow's own and differ from one MLflow to another; they are in neither file, nor is a
    signature, which has a time. Under ``dvc exp run`` the run is logged and nothing is registered.

    Raises
    ------
    EvidenceError
        If a file that is bound for MLflow gives a patient away; nothing is written to MLflow then.
    StoreError
        If MLflow is out of reach, locked, or of another version.
    """
    moment = present(workspace.root)
    bundle = gather(workspace, settings, moment)
    write_json(workspace.report("disclosure.json"), check_disclosure(workspace, bundle).record())
    published = project(bundle, settings, moment)
    registration = registration_of(bundle, registered=published.version is not None)
    write_json(workspace.report("registration.json"), registration)
    decision = "; ".join(filter(None, (bundle.verdict.decision, bundle.waived_by)))
    if published.version is None:
        return f"{decision}; logged as an experiment's run, nothing registered"
    state = "alias `candidate`" if published.alias else "no alias"
    signed = sign_for_development(
        workspace, settings, bundle, version=published.version, moment=moment, environ=os.environ
    )
    return f"{decision}; version {published.version}, {state}{taken_words(published.taken_from)}{signed}"


def gather(workspace: Workspace, settings: Settings, moment: Moment) -> Bundle:
    """Collect the files of one study, with only the published part of its evidence.

    Raises
    ------
    ConfigurationError
        If the file of waivers is of another form.
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
    state = release_state(workspace, settings, verdict, moment)
    waivers = as_of_today(state.waivers)
    return Bundle(
        study=study,
        evidence=evidence,
        verdict=verdict,
        record=record,
        provenance=provenance,
        estimator=workspace.model("estimator"),
        artifacts=_artifacts(workspace),
        description=verdict_table(verdict, waivers=waivers, conditions=state.conditions, looks=state.looks),
        commit=moment.code.commit,
        dirty=moment.code.dirty,
        reproduce=_reproduce(moment.code, study.name),
        experiment=moment.code.experiment,
        baseline=moment.code.baseline,
        waivers=tuple(f"{waiver.finding} by {waiver.by} until {waiver.expires}" for waiver in waivers),
        waived_by=in_one_line(state.waivers),
        waived_until=state.waivers.until,
        conditions={finding.gate: finding.status for finding in state.conditions},
        looks=state.looks,
    )


def project(bundle: Bundle, settings: Settings, moment: Moment) -> Published:
    """Write to MLflow what it lacks of `bundle`; an experiment is logged and not registered."""
    return publishing.publish(bundle, Stores.of(settings), register=bundle.experiment is None, now=moment.now)


def review(bundle: Bundle, settings: Settings, moment: Moment) -> str | None:
    """Write nothing, but take `candidate` from a version whose waivers no longer count; return its number."""
    return publishing.review(bundle, Stores.of(settings), now=moment.now)


def taken_words(version: str | None) -> str:
    """Say that a version has lost the alias; empty where none has."""
    return "" if version is None else f"; alias `candidate` taken from version {version}: its waivers no longer count"


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
