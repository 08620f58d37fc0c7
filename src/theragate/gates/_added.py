"""Gates of others: found in the extensions that a policy names, and held against the contract before one judges."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, get_args

from theragate.evidence.catalogue import added_by
from theragate.extensions import GATES as GROUP
from theragate.extensions import collect, used
from theragate.gates._base import Gate, InstalledExtension
from theragate.gates._registry import CONDITIONS, GATES
from theragate.gates.types import Severity
from theragate.study import NAME, TASKS

__all__ = ["gates_of"]

_CODE = r"(?!TG)[A-Z]{2,8}[0-9]{3}"
_OURS = {*GATES, *CONDITIONS, "review"}


def gates_of(extensions: Mapping[str, InstalledExtension]) -> dict[str, type[Gate]]:
    """Return all gates that are asked where these extensions are used: ours, then theirs by the name of the extension.

    Raises
    ------
    ExtensionError
        If this process may not import one of the extensions or it is installed otherwise (see `extensions.used`), a
        gate of it cannot be imported or is none, or two have one name or one code.
    """
    for name in sorted(extensions):
        said = extensions[name]
        used(name, version=said.version, sha256=said.sha256)
        added_by(name)  # so that findings have the titles, units and bounds of its metrics
    codes: dict[str, str] = {}

    def flaw(name: str, kind: Any) -> tuple[str, str] | None:
        broken = _flaw(name, kind)
        if broken:
            return broken
        owner = codes.setdefault(kind.code, name)
        return None if owner == name else ("its code is its own", f"`{kind.code}`, which `{owner}` has")

    return GATES | collect(extensions, GROUP, flaw)


def _flaw(name: str, kind: Any) -> tuple[str, str] | None:
    """Return the first rule that a gate breaks, and what it has instead."""
    if not (isinstance(kind, type) and issubclass(kind, Gate)):
        return "it is a class made from `theragate.gates.Gate`", f"an object of type {type(kind).__name__}"
    if inspect.isabstract(kind) or kind.judge is Gate.judge:
        return "it answers in `judge`", "a class without it"
    absent = [key for key in ("code", "name", "title", "severity", "protects", "after_fail") if not hasattr(kind, key)]
    if absent:
        return "a gate says its code, name, title, severity, protects and after_fail", f"no `{absent[0]}`"
    texts = {
        key: getattr(kind, key) for key in ("code", "name", "title", "severity", "protects", "after_fail", "elsewhere")
    }
    wrong = [key for key, text in texts.items() if not isinstance(text, str)]
    if wrong:
        return f"its `{wrong[0]}` is a text", f"an object of type {type(texts[wrong[0]]).__name__}"
    if name in _OURS or not re.fullmatch(NAME, name):
        return "its name is 3 to 64 small letters, digits or `_`, and none of ours", f"`{name}`"
    if kind.name != name:
        return "the entry point has the name of the gate", f"a gate named `{kind.name}`"
    if not re.fullmatch(_CODE, kind.code):
        return (
            "its code is two to eight capital letters, but for those that begin with TG, and three digits",
            f"`{kind.code}`",
        )
    if kind.severity not in get_args(Severity):
        return f"its severity is one of {', '.join(get_args(Severity))}", f"`{kind.severity}`"
    if not kind.tasks or set(kind.tasks) - set(TASKS) or (set(kind.tasks) != set(TASKS) and not kind.elsewhere):
        return f"its tasks are some of {', '.join(TASKS)}, and `elsewhere` says why not the others", f"{kind.tasks}"
    return None
