"""Whether a registered package is the one that a commit makes: byte for byte, since nothing in it may differ."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theragate.package_form import DESCRIPTION
from theragate.release.model_files import Package, inspect_package, read_texts
from theragate.release.refusals import Refusal

__all__ = ["InspectedPackage", "check_rebuilt"]

_SHOWN = 120


@dataclass(frozen=True)
class InspectedPackage:
    """A package that may be released, with the content of its texts."""

    package: Package
    texts: Mapping[str, bytes]

    @classmethod
    def of(cls, directory: Path) -> "InspectedPackage":
        """Inspect the files below `directory`.

        Raises
        ------
        Refusal
            If a rule for packages is broken.
        """
        return cls(inspect_package(directory), read_texts(directory))


def check_rebuilt(registered: InspectedPackage, rebuilt: InspectedPackage, *, version: str) -> None:
    """Refuse a registered package that is not the rebuilt one; name the first file, and what differs in a text.

    Parameters
    ----------
    version
        The registered version in words.

    Raises
    ------
    Refusal
        If a file is missing, was added or has other content.
    """
    theirs = {file.path: file for file in registered.package.files}
    ours = {file.path: file for file in rebuilt.package.files}
    for path in sorted(theirs.keys() | ours.keys()):
        if path not in theirs:
            raise _differs(version, path, "no such file")
        if path not in ours:
            raise _differs(version, path, "a file that it does not make")
        if theirs[path] != ours[path]:
            raise _differs(version, path, f"other content{_where(path, registered.texts, rebuilt.texts)}")


def _where(path: str, registered: Mapping[str, bytes], rebuilt: Mapping[str, bytes]) -> str:
    """Say where a text differs, without quoting it."""
    if path not in rebuilt:
        return ""
    if path == DESCRIPTION:
        field = _field(json.loads(registered[path]), json.loads(rebuilt[path]))
        return f" in the field `{field[:_SHOWN]}`"
    theirs, ours = (texts[path].split(b"\n") for texts in (registered, rebuilt))
    same = [one == other for one, other in zip(theirs, ours, strict=False)]
    return f" in line {(same.index(False) if False in same else len(same)) + 1}"


def _field(registered: Any, rebuilt: Any) -> str:
    """Return the first field in which two documents differ: one of the rebuilt document, or that which holds it."""
    names: list[str] = []
    while isinstance(registered, dict) and isinstance(rebuilt, dict):
        name = next(
            (name for name in sorted(rebuilt) if name not in registered or registered[name] != rebuilt[name]), ""
        )
        if not name:
            break
        names.append(name)
        registered, rebuilt = registered.get(name), rebuilt[name]
    return ".".join(names) or "…"


def _differs(version: str, path: str, received: str) -> Refusal:
    return Refusal(
        f"{version}, file `{path[:_SHOWN]}`",
        rule="the registered package is the one that the commit makes, byte for byte",
        received=received,
        remedy="Somebody has changed it in MLflow, or registered it with another Python, MLflow or Theragate: find out "
        "which, delete the version and its run in MLflow, run `theragate sync`, then attest again.",
    )
