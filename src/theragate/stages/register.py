"""Verdict to MLflow: the run, its trials, the version and, for a verdict that passes, the alias `candidate`."""

from theragate.files import write_json
from theragate.settings import Settings
from theragate.stages.workspace import Workspace

__all__ = ["project", "register"]


def register(workspace: Workspace, settings: Settings) -> str:
    """Write what MLflow lacks, then ``registration.json``, which names it by digest.

    Run and version numbers are MLflow's own and differ from one MLflow to another; they are not in the file.

    Raises
    ------
    StoreError
        If MLflow is out of reach, locked, or of another version.
    """
    bundle, published = project(workspace, settings)
    write_json(
        workspace.report("registration.json"),
        {"study": workspace.study, "key": bundle.key, "decision": bundle.verdict.decision},
    )
    if published.version is None:
        return f"run {published.run_id} logged; an experiment is not registered"
    state = "candidate" if published.alias else "not a candidate"
    return f"version {published.version}, {state} ({bundle.verdict.decision})"
