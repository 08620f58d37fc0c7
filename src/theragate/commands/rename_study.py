"""Another name for a study, in every place of the project that has it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from theragate.commands.processes import Interruptions
from theragate.drafting.edit import renamed_study
from theragate.errors import ConfigurationError, did_you_mean, some_of
from theragate.files import read_json
from theragate.project.changes import Changes
from theragate.project.dvc_lock import studies_in, without_study
from theragate.project.study_places import places
from theragate.runner.exclusive import claim_pipeline
from theragate.runner.workspace import Workspace
from theragate.study import NAME, study_names

__all__ = ["rename_study"]


def rename_study(root: Path, old: str, new: str) -> str:
    """Rename a study, or what is left of one that was renamed in ``params.yaml`` by hand.

    What people have declared, decided and brought is renamed. What the pipeline has made bears the old name inside, and
    is removed: it is made again. Either everything is changed or nothing.

    Returns
    -------
    What was done, and what comes next, for the user.

    Raises
    ------
    ConfigurationError
        If there is no such study, the new name is none or is taken, or ``params.yaml`` is so laid out that the name
        cannot be changed alone.
    StoreError
        If the pipeline is running, or the disk does not let it.
    """
    workspace = Workspace(root, old)
    by_hand = _check(workspace, new)
    claim_pipeline(root)
    params = None if by_hand else renamed_study(workspace.params, old, new)
    named = dict(_named_inside(workspace, new))
    with Interruptions(), Changes(root) as changes:
        kept, made = _move(changes, root, old, new)
        for path, text in named.items():
            changes.write(path, text)
        if old in studies_in(root):
            lock = without_study((root / "dvc.lock").read_text(encoding="utf-8"), old)
            changes.write(root / "dvc.lock", lock) if lock else changes.remove(root / "dvc.lock")
            made.append("its entries in dvc.lock")
        if params is not None:
            changes.write(workspace.params, params)
            kept.insert(0, "its entry in params.yaml")
    return _words(old, new, kept=kept, made=made)


def _check(workspace: Workspace, new: str) -> bool:
    """Refuse names between which nothing can be renamed; return whether ``params.yaml`` has the new one already."""
    root, old, declared = workspace.root, workspace.study, study_names(workspace.params)
    if not re.fullmatch(NAME, new):
        raise ConfigurationError(
            "the new name of the study",
            rule="a study's name is 3 to 64 small letters, digits or `_`, the first a letter",
            received=f"`{new[:80]}`",
            remedy="Choose another name.",
        )
    by_hand = old not in declared and new in declared and bool(places(root, old))
    if old not in declared and not by_hand:
        raise ConfigurationError(
            f"study `{old}`",
            rule="a study is declared under `studies:` in params.yaml",
            received=f"a name that is not there (there are {some_of(declared) or 'none'})",
            remedy=f"{did_you_mean(old, declared)}Correct the name.",
        )
    there = [place.path for place in places(root, new) if place.kind != "made"]
    taken = ["in params.yaml"] if new in declared and not by_hand else there
    if taken:
        raise ConfigurationError(
            f"the name `{new}`",
            rule="no study has it yet",
            received=f"one that is taken ({taken[0]})",
            remedy=f"Choose another name, or remove what is there: `theragate remove-study {new}`.",
        )
    return by_hand


def _move(changes: Changes, root: Path, old: str, new: str) -> tuple[list[str], list[str]]:
    """Rename what is kept and remove what is made; return the paths of both."""
    kept, made = [], []
    for place in places(root, new):  # made under the new name by a run after a change by hand
        changes.remove(root / place.path)
    for place in places(root, old):
        if place.kind == "made":
            changes.remove(root / place.path)
            made.append(place.path)
        else:
            _, _, name = place.path.rpartition("/")
            changes.rename(root / place.path, (root / place.path).with_name(name.replace(old, new, 1)))
            kept.append(place.path)
    return kept, made


def _named_inside(workspace: Workspace, new: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that name their study, under their new paths, with the text that they will have."""
    root, old, renamed = workspace.root, workspace.study, Workspace(workspace.root, new)
    for before, after, key in (
        (workspace.suite, renamed.suite, "name"),
        (workspace.decided("waivers.json"), renamed.decided("waivers.json"), "study"),
    ):
        if before.is_file():
            content = read_json(before, remedy="Restore it from git.")
            text = before.read_text(encoding="utf-8")
            if isinstance(content, dict) and content.get(key) == old:
                yield after, re.sub(rf'("{key}"\s*:\s*)"{re.escape(old)}"', rf'\g<1>"{new}"', text)
    if workspace.decided("champion.json").is_file():
        nobody = {"champion": None, "study": new}  # the registry has none under this name
        yield renamed.decided("champion.json"), json.dumps(nobody, indent=1) + "\n"
    ignored = root / ".gitignore"
    if ignored.is_file():
        text = ignored.read_text(encoding="utf-8")
        yield ignored, re.sub(rf"(?m)(?<=/){re.escape(old)}(?=/|$)", new, text)


def _words(old: str, new: str, *, kept: list[str], made: list[str]) -> str:
    lines = [f"{old} is {new} now.", f"  renamed: {', '.join(kept)}"]
    if made:
        lines.append(f"  removed, to be made again: {', '.join(made)}")
    return "\n".join(
        [
            *lines,
            f"The registry keeps its versions, champion and ledger under `{old}`; `{new}` begins without. Waivers that "
            "were given under the old name no longer count.",
            f"Next: `dvc repro register@{new}`, and commit. It is trained again, with other random numbers, and its "
            "verdict is one more look at the held-out data.",
        ]
    )
