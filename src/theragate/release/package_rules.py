"""What a packaged model may consist of: judged by its list of files and by one text, without loading anything.

A package is data for a loader that is installed: no pickle, no code, no link. MLflow itself would run code that a
package contains, as a loader or in a folder `code`, whatever its settings say about pickle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent

from theragate.release.refusals import Refusal

__all__ = [
    "DESCRIPTION",
    "ESTIMATOR",
    "META",
    "File",
    "Limits",
    "check_amount",
    "check_description",
    "check_files",
    "refused_file",
]

DESCRIPTION = "MLmodel"
ESTIMATOR = "data/estimator"
META = "registered_model_meta"  # what MLflow writes into a download; it is no part of the model
LOADER = "theragate.serving"

_BESIDE = {DESCRIPTION, "conda.yaml", "python_env.yaml", "requirements.txt"}
_DATA = {".json", ".npz", ".skops", ".ubj"}
_FLAVOR = {"code", "data", "env", "loader_module", "python_version", "streamable"}
_MOST_BYTES = 1 << 20  # of a description


@dataclass(frozen=True)
class Limits:
    """How much a package may hold: bytes of one file and in total, and the number of files and folders."""

    file: int = 2 << 30
    total: int = 8 << 30
    count: int = 10_000


@dataclass(frozen=True)
class File:
    """One file of a package: its path below the package, its size in bytes, and its SHA-256."""

    path: str
    size: int
    sha256: str


def check_files(files: Sequence[File], *, limits: Limits | None = None) -> None:
    """Check names, kinds and sizes of a package's files.

    Raises
    ------
    Refusal
        If a file is not allowed, or a required one is missing.
    """
    limits = limits or Limits()
    total = 0
    for count, file in enumerate(files, start=1):
        total += file.size
        check_amount(file.path, file.size, total=total, count=count, limits=limits)
        _check_name(file.path)
        if file.path == DESCRIPTION:
            _check_length(file.size)
    paths = {file.path for file in files}
    if DESCRIPTION not in paths:
        raise refused_file(DESCRIPTION, "a model has a description", "no such file")
    if not any(path.startswith(f"{ESTIMATOR}/") for path in paths):
        raise refused_file(ESTIMATOR, "a model has an estimator", "no such folder")


def check_description(content: bytes) -> None:
    """Check the text ``MLmodel``: one flavour, loaded by installed code, from the estimator's folder.

    Raises
    ------
    Refusal
        If it says anything else, or can be read in more than one way.
    """
    _check_length(len(content))
    document = _yaml(content)
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict) or set(flavors) != {"python_function"}:
        raise refused_file(DESCRIPTION, "its only flavour is `python_function`", _names(flavors))
    flavor = flavors["python_function"]
    if not isinstance(flavor, dict) or set(flavor) - _FLAVOR:
        others = _names(sorted(set(flavor) - _FLAVOR, key=str) if isinstance(flavor, dict) else flavor)
        raise refused_file(DESCRIPTION, f"the keys of its flavour are {', '.join(sorted(_FLAVOR))}", others)
    if flavor.get("loader_module") != LOADER:
        received = _names([flavor.get("loader_module")])
        raise refused_file(DESCRIPTION, f"the model is loaded by `{LOADER}`", received)
    if flavor.get("data") != ESTIMATOR:
        raise refused_file(DESCRIPTION, f"the model is loaded from `{ESTIMATOR}`", _names([flavor.get("data")]))
    if flavor.get("code") is not None:
        raise refused_file(DESCRIPTION, "a model contains no code", _names([flavor.get("code")]))


def check_amount(path: str, size: int, *, total: int, count: int, limits: Limits) -> None:
    """Refuse a file that is too large, or that makes the package too large.

    Raises
    ------
    Refusal
        If a limit is exceeded by the file at `path`.
    """
    if size > limits.file:
        raise refused_file(path, f"a file has {limits.file:,} bytes at most", f"{size:,} bytes")
    if total > limits.total:
        raise refused_file(path, f"a model has {limits.total:,} bytes at most", f"{total:,} bytes up to this file")
    if count > limits.count:
        received = f"{count:,} up to this file"
        raise refused_file(path, f"a model has {limits.count:,} files and folders at most", received)


def refused_file(path: str, rule: str, received: str) -> Refusal:
    """Return the refusal of one file of a package."""
    shown = path if path.isprintable() else ascii(path)
    return Refusal(
        f"model file `{shown[:200]}`",
        rule=rule,
        received=received,
        remedy="Register the model with `dvc repro`, which writes nothing else, and attest that version.",
    )


def _yaml(content: bytes) -> Any:
    """Read YAML that every reader reads alike: no anchors, aliases, tags of types, or repeated keys."""
    reader = YAML(typ="safe", pure=True)
    try:
        text = content.decode("utf-8")
        for event in reader.parse(text):
            tagged = isinstance(event, NodeEvent) and (event.anchor or getattr(event, "tag", None))
            if isinstance(event, AliasEvent) or tagged:
                raise refused_file(DESCRIPTION, "it is plain YAML", "anchors or tags")
        return reader.load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise refused_file(DESCRIPTION, "it is plain YAML", f"text that is not ({type(error).__name__})") from error


def _names(value: Any) -> str:
    """Show what an untrusted description holds, as plain text of bounded length."""
    if not isinstance(value, dict | list) or not value:
        return f"`{value}`" if value is None or value in ({}, []) else f"a value of type {type(value).__name__}"
    names = [ascii(name)[1:-1] if isinstance(name, str) else ascii(name) for name in list(value)[:5]]
    return ", ".join(f"`{name[:40]}`" for name in names)


def _check_length(size: int) -> None:
    """Refuse a description that is too long before anything reads all of it."""
    if size > _MOST_BYTES:
        raise refused_file(DESCRIPTION, f"it has {_MOST_BYTES:,} bytes at most", f"{size:,} bytes")


def _check_name(path: str) -> None:
    plain = PurePosixPath(path)
    if plain.is_absolute() or ".." in plain.parts or str(plain) != path or "\\" in path or not path.isprintable():
        raise refused_file(path, "a file's path lies below the model and is plain text", "a path that is not")
    if path in _BESIDE or path == META:
        return
    if not path.startswith(f"{ESTIMATOR}/"):
        raise refused_file(path, f"a model holds {', '.join(sorted(_BESIDE))} and `{ESTIMATOR}`", "another file")
    if plain.suffix not in _DATA:
        received = f"the suffix `{plain.suffix}`" if plain.suffix else "no suffix"
        raise refused_file(path, f"an estimator's files are {', '.join(sorted(_DATA))}", received)
