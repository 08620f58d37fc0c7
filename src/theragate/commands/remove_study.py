"""A study that is taken out of the project, with all that only it has."""

import re
from pathlib import Path

from theragate.commands.processes import Interruptions
from theragate.drafting.edit import without_study
from theragate.errors import ConfigurationError, did_you_mean, some_of
from theragate.project import dvc_lock
from theragate.project.changes import Changes
from theragate.project.study_places import left_over, places
from theragate.runner.exclusive import claim_pipeline
from theragate.runner.workspace import Workspace
from theragate.study import study_names

__all__ = ["remove_study"]


def remove_study(root: Path, study: str, *, certain: bool, with_sources: bool) -> str:
    """Remove a study, or what is left of one; without `certain`, only say what would be done.

    What is nowhere but here stays unless `with_sources`: the files in its folder of sources, and the table that links
    patients with their random ids. Either everything is removed or nothing.

    Returns
    -------
    What was done or would be, what stays, and what comes next, for the user.

    Raises
    ------
    ConfigurationError
        If there is no such study and nothing is left of one, or ``params.yaml`` is so laid out that the entry cannot
        be taken out alone.
    StoreError
        If the pipeline is running, or the disk does not let it.
    """
    workspace = Workspace(root, study)
    declared = study_names(workspace.params)
    left = left_over(root, declared)
    if study not in declared and study not in left:
        raise ConfigurationError(
            f"study `{study}`",
            rule="it is declared in params.yaml, or something is left of it",
            received=f"a name that is not there (there are {some_of([*declared, *left]) or 'none'})",
            remedy=f"{did_you_mean(study, [*declared, *left])}Correct the name.",
        )
    params = without_study(workspace.params, study) if study in declared else None
    there = places(root, study)
    removed = [place.path for place in there if with_sources or place.kind != "own"]
    stays = [place.path for place in there if place.path not in removed]
    locked = study in dvc_lock.studies_in(root)
    entries = [*(["its entry in params.yaml"] if params else []), *(["its entries in dvc.lock"] if locked else [])]
    words = _words(study, [*entries, *removed], stays)
    if not certain:
        again = " --with-sources" if with_sources else ""
        command = f"theragate remove-study {study}{again} --yes"
        return f"{study} would be removed:\n{words}\nNothing was changed. To do it: `{command}`."
    claim_pipeline(root)
    with Interruptions(), Changes(root) as changes:
        for path in removed:
            changes.remove(root / path)
        if locked:
            lock = dvc_lock.without_study((root / "dvc.lock").read_text(encoding="utf-8"), study)
            changes.write(root / "dvc.lock", lock) if lock else changes.remove(root / "dvc.lock")
        _forget(changes, root, study, keep_sources=bool(stays))
        if params is not None:
            changes.write(workspace.params, params)
    kept = "Git keeps what was committed; DVC's cache keeps what was made, until `dvc gc`."
    return f"{study} is removed:\n{words}\n{kept}\nNext: commit."


def _forget(changes: Changes, root: Path, study: str, *, keep_sources: bool) -> None:
    """Take the lines about the study out of ``.gitignore``; those about sources that stay keep them out of git."""
    path = root / ".gitignore"
    if not path.is_file():
        return
    before = path.read_text(encoding="utf-8")
    about = re.compile(rf"/{re.escape(study)}(/|$)")
    kept = [line for line in before.splitlines() if not about.search(line) or (keep_sources and "sources/" in line)]
    after = "\n".join(kept) + "\n"
    if after != before:
        changes.write(path, after)


def _words(study: str, removed: list[str], stays: list[str]) -> str:
    lines = [f"  removed: {', '.join(removed) or 'nothing'}"]
    if stays:
        lines.append(f"  stays, since it is nowhere else: {', '.join(stays)} (`--with-sources` removes it too)")
    lines.append(f"  stays: what the registry has under `{study}`: versions, runs, champion and ledger")
    return "\n".join(lines)
