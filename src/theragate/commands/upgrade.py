"""`theragate upgrade`: what the installed version changes in a project, and with `--apply` the changes."""

from collections.abc import Iterator
from pathlib import Path

from theragate.commands.check import check
from theragate.errors import TheragateError
from theragate.project.templates import REPOSITORY
from theragate.project.upgrading import Upgrade, apply_upgrade, plan_upgrade

__all__ = ["upgrade"]

_SAID = {
    "add": "new",
    "replace": "nobody has edited it",
    "beside": "edited here, and stays: the new text {goes} to {name}.new",
    "remove": "no longer needed",
    "obsolete": "no longer needed, but edited here: remove it yourself",
}


def upgrade(root: Path, *, apply: bool) -> str:
    """Say what the installed version of Theragate changes in the project; do it if `apply` says so.

    Raises
    ------
    ConfigurationError
        If a file of the project is of another form.
    StoreError
        If the folder cannot be written.
    """
    if root == REPOSITORY:
        return "This is Theragate's own repository: what projects are made of stands here itself."
    found = plan_upgrade(root)
    if apply:
        apply_upgrade(found)
    return "\n".join(_lines(found, apply=apply))


def _lines(found: Upgrade, *, apply: bool) -> Iterator[str]:
    yield f"Theragate {found.former or 'of an unknown version'} → {found.version}"
    for change in found.changes:
        said = _SAID[change.kind].format(name=change.name, goes="went" if apply else "would go")
        yield f"  {change.kind:<9}{change.name}: {said}"
    for name in found.edited:
        yield f"  stays    {name}: edited here, and the same in both versions"
    if found.policies:
        yield "Limits that come with this version and are others here; they are yours, and stay:"
        yield from (f"  {line}" for line in found.policies)
    if found.again:
        yield f"The next `theragate repro` runs again: {', '.join(found.again)}"
    try:
        check(found.root)
    except TheragateError as error:
        yield f"To correct by hand: {error}"
    if not found.changes:
        yield "The project's files are those of this version."
    elif apply:
        yield "Done. Look at it with `git diff`, run `theragate repro`, and commit."
    else:
        for change in found.changes:
            yield from ("", f"{change.kind} {change.name}", *change.lines)
        yield from ("", "Nothing was written yet: `theragate upgrade --apply` does it.")
