"""MLflow is a projection of the pipeline's files: whatever it lacks is written again."""

import os
from collections.abc import Iterator
from pathlib import Path

from theragate.files import read_json
from theragate.settings import Settings
from theragate.stages.repository import read_code_state
from theragate.stages.workspace import Workspace
from theragate.study import study_names

__all__ = ["sync"]


def sync(root: Path, settings: Settings) -> Iterator[str]:
    """Write every registered study to MLflow, where it is lacking; yield one line per study.

    What an experiment left in the work tree is not registered in passing, only when somebody asks for it.

    Raises
    ------
    StoreError
        If MLflow is out of reach, locked, or of another version.
    """
    workspaces = [Workspace(root, name) for name in study_names(root / "params.yaml")]
    registered = [workspace for workspace in workspaces if workspace.report("registration.json").is_file()]
    for workspace in workspaces:
        if workspace not in registered:
            yield f"{workspace.study}: not yet registered; run `dvc repro`"
    if not registered:
        return
    from theragate.stages.register import gather, project  # MLflow takes seconds to import

    code = read_code_state(root, os.environ)
    for workspace in registered:
        rerun = f"dvc repro -f register@{workspace.study}"
        if not read_json(workspace.report("registration.json"), remedy=f"Run `{rerun}`.").get("registered"):
            yield f"{workspace.study}: the result of an experiment, not registered; to register it run `{rerun}`"
            continue
        published = project(gather(workspace, code), settings)
        yield f"{workspace.study}: {'written to MLflow' if published.created else 'MLflow has it'}"
