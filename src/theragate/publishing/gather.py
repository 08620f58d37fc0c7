"""A study's results as one bundle that is bound for MLflow, and what `register` says of it."""

from pathlib import Path

from theragate.errors import DataError
from theragate.evidence.published import publish as publishable
from theragate.files import write_json
from theragate.project.documents import JudgedStudy
from theragate.project.git import CodeState
from theragate.project.readiness import assess_readiness
from theragate.project.snapshot import Snapshot
from theragate.project.waiver_rows import as_of_today, in_one_line
from theragate.reports.verdict import verdict_table
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import Spec
from theragate.tracking.bundle import Bundle

__all__ = ["Registration", "gather", "registration_of"]


def gather(judged: JudgedStudy, settings: Settings, snapshot: Snapshot) -> Bundle:
    """Collect what is bound for MLflow of a judged study, with only the published part of its evidence.

    Raises
    ------
    DataError
        If a file is missing or the files do not belong together, or the ledger of looks is damaged.
    """
    workspace, study, verdict = judged.workspace, judged.study, judged.verdict
    evidence = publishable(judged.evidence)
    write_json(workspace.report("published.json"), evidence.model_dump(mode="json"))
    state = assess_readiness(judged, settings, snapshot)
    waivers = as_of_today(state.waivers)
    return Bundle(
        study=study,
        evidence=evidence,
        verdict=verdict,
        record=judged.record,
        provenance=judged.provenance,
        estimator=workspace.model("estimator"),
        artifacts=_artifacts(workspace),
        description=verdict_table(verdict, waivers=waivers, conditions=state.conditions, looks=state.looks),
        commit=snapshot.code.commit,
        dirty=snapshot.code.dirty,
        reproduce=_reproduce(snapshot.code, study.name),
        experiment=snapshot.code.experiment,
        baseline=snapshot.code.baseline,
        waivers=tuple(f"{waiver.finding} by {waiver.by} until {waiver.expires}" for waiver in waivers),
        waived_by=in_one_line(state.waivers),
        waived_until=state.waivers.until,
        conditions={finding.gate: finding.status for finding in state.conditions},
        looks=state.looks,
    )


class Registration(Spec):
    """What ``registration.json`` says: digests, never MLflow's numbers, which differ between MLflows."""

    study: str
    key: str
    decision: str
    registered: bool


def registration_of(bundle: Bundle, *, registered: bool) -> Registration:
    """Return what `register` says of a bundle."""
    return Registration(
        study=bundle.study.name, key=bundle.key, decision=bundle.verdict.decision, registered=registered
    )


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
