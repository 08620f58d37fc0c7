"""MLflow is a projection of the pipeline's files: whatever it lacks is written again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import TheragateError
from theragate.project.current_verdict import read_judged
from theragate.project.documents import JudgedStudy
from theragate.project.snapshot import Snapshot, take_snapshot
from theragate.publishing.gather import Registration, gather, registration_of
from theragate.registry.pinned_head import consumer_memory
from theragate.release.trust import present_trust
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import study_names
from theragate.tracking.bundle import Bundle

__all__ = ["sync"]


@dataclass(frozen=True)
class _Made:
    """What the files of a study say."""

    registration: Registration
    judged: JudgedStudy
    bundle: Bundle


def sync(root: Path, settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Write every registered study to MLflow, where it is lacking; yield a line per study, and whether all is well.

    What an experiment left in the work tree, or a pipeline that was stopped before `register`, is not registered in
    passing, only when somebody asks for it. A study whose files are broken leaves the others alone. A version that
    was a candidate by waivers that no longer count loses the alias.
    """
    snapshot, known = take_snapshot(root, environ), False
    for name in study_names(root / "params.yaml"):
        workspace = Workspace(root, name)
        if not workspace.report("registration.json").is_file():
            yield f"{workspace.study}: not yet registered; run `dvc repro`", True
            continue
        try:
            made = _read(workspace, settings, snapshot)
        except TheragateError as error:
            yield f"error: {error}", False
            continue
        try:
            if not known:  # only now: what is broken opens no store
                _check_ledger(settings, environ)
                known = True
        except TheragateError as error:
            yield f"error: {error}", False
            return
        try:
            yield f"{workspace.study}: {_write(made, settings, snapshot, environ)}", True
        except TheragateError as error:
            yield f"error: {error}", False


def _check_ledger(settings: Settings, environ: Mapping[str, str]) -> None:
    from theragate.registry.session import check_ledger  # MLflow takes seconds to import
    from theragate.tracking.store import Stores

    trust = present_trust(settings, environ)
    memory = consumer_memory(settings, environ, Path.home(), development=trust.development)
    check_ledger(Stores.of(settings), trust, memory)


def _read(workspace: Workspace, settings: Settings, snapshot: Snapshot) -> _Made:
    registration = read_output(Registration, workspace.report("registration.json"), workspace, stage="register")
    judged = read_judged(workspace)
    return _Made(registration, judged, gather(judged, settings, snapshot))


def _write(made: _Made, settings: Settings, snapshot: Snapshot, environ: Mapping[str, str]) -> str:
    from theragate.publishing.signing import sign_for_development
    from theragate.publishing.to_mlflow import (  # MLflow takes seconds to import
        lost_alias_text,
        review_candidate,
        write_missing,
    )

    judged, bundle = made.judged, made.bundle
    again = f"dvc repro -f register@{judged.study.name}"
    if made.registration != registration_of(bundle, registered=True):
        lost = lost_alias_text(review_candidate(bundle, settings, snapshot))
        return f"not what was registered last (an experiment, or an unfinished run); to register it run `{again}`{lost}"
    published = write_missing(bundle, settings, snapshot)
    if published.version is not None:
        sign_for_development(judged, settings, bundle, version=published.version, snapshot=snapshot, environ=environ)
    return ("written to MLflow" if published.created else "MLflow has it") + lost_alias_text(published.taken_from)
