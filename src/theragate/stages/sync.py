"""MLflow is a projection of the pipeline's files: whatever it lacks is written again."""

import os
from collections.abc import Iterator
from pathlib import Path

from theragate.errors import TheragateError
from theragate.files import read_json
from theragate.settings import Settings
from theragate.stages.registration import registration_of
from theragate.stages.repository import CodeState, read_code_state
from theragate.stages.workspace import Workspace
from theragate.study import study_names

__all__ = ["sync"]


def sync(root: Path, settings: Settings) -> Iterator[tuple[str, bool]]:
    """Write every registered study to MLflow, where it is lacking; yield a line per study, and whether all is well.

    What an experiment left in the work tree, or a pipeline that was stopped before `register`, is not registered in
    passing, only when somebody asks for it. A study whose files are broken leaves the others alone.
    """
    code = read_code_state(root, os.environ)
    for name in study_names(root / "params.yaml"):
        workspace = Workspace(root, name)
        if not workspace.report("registration.json").is_file():
            yield f"{workspace.study}: not yet registered; run `dvc repro`", True
            continue
        try:
            yield f"{workspace.study}: {_sync(workspace, settings, code)}", True
        except TheragateError as error:
            yield f"error: {error}", False


def _sync(workspace: Workspace, settings: Settings, code: CodeState) -> str:
    from theragate.stages.register import gather, project  # MLflow takes seconds to import

    again = f"dvc repro -f register@{workspace.study}"
    registration = read_json(workspace.report("registration.json"), remedy=f"Run `{again}`.")
    bundle = gather(workspace, code)
    if registration != registration_of(bundle, registered=True):
        return f"not what was registered last (an experiment, or an unfinished run); to register it run `{again}`"
    return "written to MLflow" if project(bundle, settings).created else "MLflow has it"
