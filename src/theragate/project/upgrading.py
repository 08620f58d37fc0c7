"""What another version of Theragate changes in a project: found first, shown, and done only when somebody says so."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from theragate.digests import sha256_json
from theragate.files import write_text
from theragate.project.beginning import rendered
from theragate.project.stage_digests import READS, differing, digest_files
from theragate.project.templates import managed, shipped_policies
from theragate.project.written import Written, digest, read_written, write_written
from theragate.study import read_parameters

__all__ = ["Change", "Upgrade", "apply_upgrade", "plan_upgrade"]

_LOCK = "requirements.lock"
_CODE = re.compile(r"path: (data/_code/(\w+)\.json)\n +hash: md5\n +md5: (\w+)$", flags=re.MULTILINE)  # in dvc.lock
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", flags=re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """A file of Theragate's that this version writes otherwise.

    ``kind`` is ``add`` for a new one, ``replace`` for one that nobody has edited, ``beside`` for one that somebody has:
    it stays, and the new text is written as ``<name>.new``; ``remove`` for one that is no longer needed, and
    ``obsolete`` for such a one that somebody has edited.
    """

    name: str
    kind: Literal["add", "replace", "beside", "remove", "obsolete"]
    before: str
    after: str

    @property
    def lines(self) -> list[str]:
        """What differs: lines, or in a lock the packages."""
        if self.name == _LOCK:
            return list(_packages(self.before, self.after))
        after = f"{self.name}.new" if self.kind == "beside" else self.name
        before = self.before.splitlines()
        return list(difflib.unified_diff(before, self.after.splitlines(), self.name, after, n=1, lineterm=""))


@dataclass(frozen=True)
class Upgrade:
    """What this version changes.

    ``edited`` are files that somebody has edited and that this version writes as the former did: they stay.
    ``policies`` are lines about limits that come with this version and are others in the project: they are shown, and
    no more.
    ``again`` are the stages that the next run makes again.
    """

    root: Path
    former: str
    version: str
    changes: tuple[Change, ...]
    edited: tuple[str, ...]
    policies: tuple[str, ...]
    again: tuple[str, ...]


def plan_upgrade(root: Path) -> Upgrade:
    """Compare the project's files with those that this version writes.

    Raises
    ------
    ConfigurationError
        If ``theragate.json`` or ``params.yaml`` is of another form.
    """
    written = read_written(root)
    changes: list[Change] = []
    edited = []
    for name in managed():
        path, after = root / name, rendered(name)
        if not path.exists():
            if name not in written.files:  # what somebody removed stays away
                changes.append(Change(name, "add", "", after))
            continue
        before = path.read_text(encoding="utf-8", errors="replace")
        if before == after:
            continue
        if digest(before) == written.files.get(name):
            changes.append(Change(name, "replace", before, after))
        elif digest(after) == written.files.get(name):
            edited.append(name)
        else:
            changes.append(Change(name, "beside", before, after))
    for name in sorted(set(written.files) - set(managed())):
        if (root / name).exists():
            before = (root / name).read_text(encoding="utf-8", errors="replace")
            kind: Literal["remove", "obsolete"] = "remove" if digest(before) == written.files[name] else "obsolete"
            changes.append(Change(name, kind, before, ""))
    policies = tuple(_policy_lines(read_parameters(root / "params.yaml").get("policies"), written.policies))
    again = _stages_again(root, changes)
    return Upgrade(root, written.theragate, version("theragate"), tuple(changes), tuple(edited), policies, again)


def apply_upgrade(upgrade: Upgrade) -> None:
    """Make the changes; no file that somebody has edited is touched.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    root, files = upgrade.root, dict(read_written(upgrade.root).files)
    for change in upgrade.changes:
        path = root / change.name
        if change.kind in ("add", "replace"):
            write_text(path, change.after)
        elif change.kind == "beside":
            write_text(path.with_name(f"{path.name}.new"), change.after)
        elif change.kind == "remove":
            path.unlink(missing_ok=True)
        if change.kind in ("remove", "obsolete"):
            files.pop(change.name, None)
        else:
            files[change.name] = digest(change.after)
    policies = {name: sha256_json(policy) for name, policy in shipped_policies().items()}
    write_written(root, Written(theragate=upgrade.version, files=files, policies=policies))


def _packages(before: str, after: str) -> Iterator[str]:
    former, now = dict(_PIN.findall(before)), dict(_PIN.findall(after))
    for name in sorted(former.keys() | now.keys()):
        if former.get(name) != now.get(name):
            yield f"{name} {former.get(name, 'is new:')} → {now.get(name, 'none')}"


def _policy_lines(own: Any, known: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each limit of a policy that this version brings otherwise than the one before it did."""
    own = own if isinstance(own, dict) else {}
    for name, policy in shipped_policies().items():
        if sha256_json(policy) == known.get(name):
            continue
        if name not in own:
            yield f"{name}: new, and not in params.yaml"
            continue
        here, there = dict(_leaves(own[name])), dict(_leaves(policy))
        for key in (*there, *(key for key in here if key not in there)):
            if here.get(key) != there.get(key):
                yield f"{name}.{key}: {_shown(here, key)} here, {_shown(there, key)} in this version"


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{at}.{key}" if at else str(key))
    else:
        yield at, value


def _shown(leaves: Mapping[str, Any], key: str) -> str:
    return repr(leaves[key]) if key in leaves else "none"


def _stages_again(root: Path, changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the stages that the next run makes again, of those that ``dvc.lock`` names."""
    try:
        locked = set(_CODE.findall((root / "dvc.lock").read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return ()
    now, changed = digest_files(root), {change.name for change in changes if change.kind in ("add", "replace")}
    again = {stage for path, stage, md5 in locked if any(differing(root, path, md5, now))}
    again |= {stage for _, stage, _ in locked if changed & {f"pipelines/{stage}.py", "pipelines/_source.py"}}
    again |= {"train", "refit"} if _LOCK in changed else set()
    return tuple(stage for stage in READS if stage in again)
