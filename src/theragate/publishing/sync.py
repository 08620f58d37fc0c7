"""MLflow is a projection of the pipeline's files: whatever it lacks is written again."""

import os
from collections.abc import Iterator
from pathlib import Path

from theragate.errors import TheragateError
from theragate.project.current_verdict import read_judged
from theragate.project.snapshot import Moment, present
from theragate.publishing.gather import Registration, gather, registration_of
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import study_names

__all__ = ["sync"]


def sync(root: Path, settings: Settings) -> Iterator[tuple[str, bool]]:
    """Write every registered study to MLflow, where it is lacking; yield a line per study, and whether all is well.

    What an experiment left in the work tree, or a pipeline that was stopped before `register`, is not registered in
    passing, only when somebody asks for it. A study whose files are broken leaves the others alone. A version that
    was a candidate by waivers that no longer count loses the alias.
    """
    moment = present(root)
    for name in study_names(root / "params.yaml"):
        workspace = Workspace(root, name)
        if not workspace.report("registration.json").is_file():
            yield f"{workspace.study}: not yet registered; run `dvc repro`", True
            continue
        try:
            yield f"{workspace.study}: {_sync(workspace, settings, moment)}", True
        except TheragateError as error:
            yield f"error: {error}", False


def _sync(workspace: Workspace, settings: Settings, moment: Moment) -> str:
    from theragate.publishing.projection import project, review, taken_words  # MLflow takes seconds to import
    from theragate.publishing.signing import sign_for_development

    again = f"dvc repro -f register@{workspace.study}"
    registration = read_output(Registration, workspace.report("registration.json"), workspace, stage="register")
    judged = read_judged(workspace)
    bundle = gather(judged, settings, moment)
    if registration != registration_of(bundle, registered=True):
        lost = taken_words(review(bundle, settings, moment))
        return f"not what was registered last (an experiment, or an unfinished run); to register it run `{again}`{lost}"
    published = project(bundle, settings, moment)
    if published.version is not None:
        sign_for_development(judged, settings, bundle, version=published.version, moment=moment, environ=os.environ)
    return ("written to MLflow" if published.created else "MLflow has it") + taken_words(published.taken_from)
