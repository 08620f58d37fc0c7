"""Whether ``dvc.lock`` names a study's files as they are; asked without DVC, whose import alone takes longer."""

import hashlib
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.digests import md5_file
from theragate.files import read_bytes
from theragate.project.stage_digests import differing, digest_files
from theragate.study import read_parameters

__all__ = ["studies_in", "unlocked", "without_study"]

# `register` asks, so that its own entry is always of the run before.
STAGES = ("ingest", "validate", "train", "refit", "evaluate", "gate")


def unlocked(root: Path, study: str) -> tuple[str, ...]:
    """Return what ``dvc.lock`` does not name as it is: what a stage of `study` reads or writes, or a stage.

    Files and folders are compared by DVC's own MD5, which finds accidents. Against forgery stand the SHA-256 digests
    of the verdict.

    Returns
    -------
    Paths below `root` and keys of ``params.yaml`` in the order of the stages, each once; ``code of train`` where the
    stage's code is another now; ``stage train`` where the lock has no entry for a stage.

    Raises
    ------
    ConfigurationError
        If ``params.yaml`` cannot be read.
    """
    parameters = read_parameters(root / "params.yaml")
    try:
        text = read_bytes(root / "dvc.lock").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ("there is none",)
    digests = digest_files(root)
    ignored = _ignored(root)
    known: dict[str, str] = {}
    changed: dict[str, None] = {}
    for stage in STAGES:
        entry = _entry(text, f"{stage}@{study}")
        if entry is None:
            changed[f"stage {stage}"] = None
            continue
        changed |= {f"`{key}`": None for key, value in _declared(entry) if _value(parameters, key) != value}
        for path, md5 in _named(entry):
            if path in digests:
                changed |= dict.fromkeys(differing(root, path, md5, digests))
                continue
            if path not in known:
                known[path] = _md5(root / path, ignored)
            if known[path] != md5:
                changed[path] = None
    return tuple(changed)


def studies_in(root: Path) -> set[str]:
    """Return the studies of which ``dvc.lock`` has an entry; none where it cannot be read."""
    try:
        text = read_bytes(root / "dvc.lock").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(re.findall(r"^  \w+@(\w+):$", text, flags=re.MULTILINE))


def without_study(text: str, study: str) -> str:
    """Return the text of ``dvc.lock`` without the entries of a study; empty where nothing is left."""
    left = re.sub(rf"^  \w+@{re.escape(study)}:\n(?:    .*\n|\n)*", "", text, flags=re.MULTILINE)
    return left if re.search(r"^  \S", left, flags=re.MULTILINE) else ""


def _entry(text: str, stage: str) -> Any:
    """Return a stage's entry, or None. Only its own lines are parsed: a long file takes a second."""
    lines = re.search(rf"^  {re.escape(stage)}:\n((?:    .*\n|\n)*)", text, flags=re.MULTILINE)
    if lines is None:
        return None
    try:
        entry = YAML(typ="safe").load(lines[1])
    except (YAMLError, ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _named(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for item in (*(entry.get("deps") or ()), *(entry.get("outs") or ())):
        if isinstance(item, dict) and "path" in item and "md5" in item:
            yield str(item["path"]), str(item["md5"])


def _declared(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    params = entry.get("params")
    keys = params.get("params.yaml") if isinstance(params, dict) else None
    yield from keys.items() if isinstance(keys, dict) else ()


def _value(parameters: Any, key: str) -> Any:
    for part in key.split("."):
        parameters = parameters.get(part) if isinstance(parameters, dict) else None
    return parameters


def _ignored(root: Path) -> tuple[str, ...]:
    """Return the patterns of names in ``.dvcignore``, and what DVC itself passes over."""
    try:
        lines = read_bytes(root / ".dvcignore").decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    own = [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]
    return (*own, ".git", ".dvc", ".hg")


def _md5(path: Path, ignored: tuple[str, ...]) -> str:
    """Return the MD5 by which DVC names a file or a folder; empty where there is neither."""
    try:
        if path.is_file():
            return md5_file(path)
        if not path.is_dir():
            return ""
        parts = sorted(file.relative_to(path).parts for file in path.rglob("*") if file.is_file())
        kept = [names for names in parts if not any(fnmatch(name, rule) for name in names for rule in ignored)]
        rows = [{"md5": _md5(path.joinpath(*names), ignored), "relpath": "/".join(names)} for names in kept]
    except OSError:
        return ""
    return hashlib.md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
