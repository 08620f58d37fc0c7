"""`theragate init`: a project in a folder; what is there stays as it is."""

import os
from pathlib import Path

from theragate.drafting.public_study import add_public_study, check_public_study
from theragate.project.beginning import Beginning, begin, plan_beginning

__all__ = ["init"]

NEW_STUDY = "theragate new-study NAME --from FILE --outcome COLUMN"


def init(folder: Path, *, example: str | None, apply: bool) -> str:
    """Begin a project in `folder`, which is made if there is none; return what to do next.

    In a folder with files nothing is written unless `apply` says so: what would be added is listed. A public study is
    added to an existing project at once: nothing else changes.

    Raises
    ------
    ConfigurationError
        If `folder` cannot hold a project, or there is no such public study, or its name is taken.
    StoreError
        If the folder cannot be written.
    """
    beginning = plan_beginning(folder)
    if example is not None:
        check_public_study(beginning.folder, example)
    is_project = "params.yaml" in beginning.stay and "dvc.yaml" in beginning.stay
    if example is not None and is_project and not apply:
        add_public_study(beginning.folder, example)
        return f"{example} is a study of this project now. Next:\n  theragate repro register@{example}"
    changes = [f"  add     {name}" for name in sorted(beginning.added)]
    changes += [f"  extend  {name}, by the lines that keep patients' rows out" for name in beginning.extended]
    if not (beginning.empty or apply):
        return _would(beginning, changes)
    begin(beginning)
    if example is not None:
        add_public_study(beginning.folder, example)
    return _begun(beginning, folder, example, changes)


def _would(beginning: Beginning, changes: list[str]) -> str:
    stay = [f"  stays   {name}" for name in beginning.stay]
    if not changes:
        return f"{beginning.folder} is a project already; there is nothing to add."
    return "\n".join(
        [
            "The folder holds files, so nothing was written yet. `--apply` would",
            *([] if beginning.repository else ["  make    a git repository of it"]),
            *changes,
            *stay,
        ]
    )


def _begun(beginning: Beginning, folder: Path, example: str | None, changes: list[str]) -> str:
    if beginning.repository is None:
        git = "a new git repository"
    else:
        git = "git as before" if beginning.repository == beginning.folder else "in the git repository around it"
    head = f"A project of {len(changes)} files, {git}; see README.md. Next:"
    go = [] if beginning.folder == Path.cwd() else [f"  cd {_quoted(os.path.relpath(folder))}"]
    following = f"theragate repro register@{example}" if example else NEW_STUDY
    return "\n".join([head, *go, f"  {following}"])


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
