"""What a packaged model may consist of: judged by its list of files and by its texts, without loading anything.

A package is data for a loader that is installed: no pickle, no code, no link. MLflow itself would run code that a
package contains, as a loader or in a folder `code`, whatever its settings say about pickle; and whoever lets it make an
environment installs what the package's texts ask for. So each text has one spelling (`theragate.package_form`), and
asks for named versions from wherever the reader's own pip gets them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from theragate.package_form import (
    CONDA,
    DESCRIPTION,
    ENVIRONMENT,
    ESTIMATOR,
    PYTHON,
    REQUIREMENTS,
    environment,
    written,
)
from theragate.release.refusals import Refusal

__all__ = [
    "META",
    "TEXTS",
    "File",
    "Limits",
    "check_amount",
    "check_files",
    "check_listed",
    "check_texts",
    "refused_file",
]

META = "registered_model_meta"  # what MLflow writes into a download; it is no part of the model
TEXTS = (DESCRIPTION, REQUIREMENTS, CONDA, PYTHON)
LOADER = "theragate.serving"

_DATA = {".json", ".npz", ".skops", ".ubj"}
_DESCRIPTION = {
    "flavors",
    "is_signature_from_type_hint",
    "metadata",
    "mlflow_version",
    "model_size_bytes",
    "prompts",
    "signature",
    "type_hint_from_example",
}
_METADATA = {"inputs", "key", "model_sha256", "status", "study"}
_FLAVOR = {"data", "env", "loader_module", "python_version", "streamable"}
_MOST_BYTES = 1 << 20  # of a text
_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==([0-9][A-Za-z0-9.+!_-]*)")


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
    total, seen = 0, set[str]()
    for count, file in enumerate(files, start=1):
        total += file.size
        check_amount(file.path, file.size, total=total, count=count, limits=limits)
        _check_name(file.path)
        if file.path.lower() in seen:
            raise refused_file(file.path, "names differ in more than capitals", "a second file of that name")
        seen.add(file.path.lower())
        if file.path in TEXTS:
            _check_length(file.path, file.size)
    paths = {file.path for file in files}
    for name in TEXTS:
        if name not in paths:
            raise refused_file(name, f"a model has {', '.join(TEXTS)}", "no such file")
    if not any(path.startswith(f"{ESTIMATOR}/") for path in paths):
        raise refused_file(ESTIMATOR, "a model has an estimator", "no such folder")


def check_texts(texts: Mapping[str, bytes]) -> None:
    """Check the texts of a package, by their names.

    ``MLmodel`` has one flavour, loaded by installed code, from the estimator's folder; ``requirements.txt`` names
    versions, and the other two files follow from it.

    Raises
    ------
    Refusal
        If one of them says anything else, or is written in another way.
    """
    for name in TEXTS:
        _check_length(name, len(texts[name]))
    python = _checked_description(texts[DESCRIPTION])
    expected = environment(python, _checked_requirements(texts[REQUIREMENTS]))
    for name in (CONDA, PYTHON):
        if texts[name] != expected[name]:
            rule = f"it follows from `{REQUIREMENTS}` and the version of Python in `{DESCRIPTION}`"
            raise refused_file(name, rule, "another text")


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


def check_listed(path: str, size: int | None, total: int, count: int) -> None:
    """Check one path of a package before it is fetched, from what a listing says of it.

    Parameters
    ----------
    size
        Its bytes; None for a folder.
    total, count
        The bytes, and the files and folders, up to this one.

    Raises
    ------
    Refusal
        If it makes the package too large, or a package may not contain it.
    """
    check_amount(path, size or 0, total=total, count=count, limits=Limits())
    if size is not None and path != META:
        _check_name(path)


def refused_file(path: str, rule: str, received: str) -> Refusal:
    """Return the refusal of one file of a package."""
    shown = path if path.isprintable() else ascii(path)
    return Refusal(
        f"model file `{shown[:200]}`",
        rule=rule,
        received=received,
        remedy="Register the model with `dvc repro`, which writes nothing else, and attest that version.",
    )


def _checked_description(content: bytes) -> str:
    """Check ``MLmodel``; return the version of Python that it names."""
    document = _document(content)
    _check_keys(document, _DESCRIPTION, "the description")
    _check_keys(document.get("metadata") or {}, _METADATA, "`metadata`")
    if document.get("prompts") is not None:
        raise refused_file(DESCRIPTION, "a model has no `prompts`", _names(document["prompts"]))
    flavors = document.get("flavors")
    if not isinstance(flavors, dict) or set(flavors) != {"python_function"}:
        raise refused_file(DESCRIPTION, "its only flavour is `python_function`", _names(flavors))
    flavor = flavors["python_function"]
    _check_keys(flavor, _FLAVOR, "its flavour")
    if flavor.get("loader_module") != LOADER:
        received = _names([flavor.get("loader_module")])
        raise refused_file(DESCRIPTION, f"the model is loaded by `{LOADER}`", received)
    if flavor.get("data") != ESTIMATOR:
        raise refused_file(DESCRIPTION, f"the model is loaded from `{ESTIMATOR}`", _names([flavor.get("data")]))
    if flavor.get("env") != ENVIRONMENT:
        rule = f"what loads the model is installed from {' or '.join(sorted(ENVIRONMENT.values()))}"
        raise refused_file(DESCRIPTION, rule, "another `env`")
    python = flavor.get("python_version")
    if not isinstance(python, str) or not re.fullmatch(r"3\.[0-9]{1,2}", python):
        raise refused_file(DESCRIPTION, "`python_version` is written like `3.11`", _names([python]))
    return python


def _checked_requirements(content: bytes) -> list[str]:
    """Check ``requirements.txt``: no option, address, file or marker can be written as a name and a version."""
    lines, names = content.decode("latin-1").split("\n"), set[str]()
    if lines.pop() != "":
        raise refused_file(REQUIREMENTS, "its last line ends with a newline", "one that does not")
    for number, line in enumerate(lines, start=1):
        found = _REQUIREMENT.fullmatch(line)
        if found is None:
            raise refused_file(REQUIREMENTS, "each line is `name==version` and nothing else", f"line {number}")
        name = re.sub(r"[-_.]+", "-", found[1]).lower()
        if name in names:
            raise refused_file(REQUIREMENTS, "each package is named once", f"line {number}, which repeats a name")
        names.add(name)
    return lines


def _document(content: bytes) -> dict[str, Any]:
    """Read a description that every reader reads alike."""
    rule = "it is written as Theragate writes it: JSON with sorted keys, in ASCII"
    try:
        document = json.loads(content, parse_float=_no_such_number, parse_constant=_no_such_number)
        if written(document) != content:
            raise refused_file(DESCRIPTION, rule, "the same in another spelling, or more than that")
    except (ValueError, RecursionError) as error:
        raise refused_file(DESCRIPTION, rule, f"text that is not ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise refused_file(DESCRIPTION, "it is a mapping", _names(document))
    return document


def _no_such_number(text: str) -> Any:  # noqa: ARG001 - json passes it
    raise ValueError("readers of YAML and JSON differ about fractions")


def _check_keys(value: Any, known: set[str], what: str) -> None:
    if not isinstance(value, dict) or set(value) - known:
        others = _names(sorted(set(value) - known) if isinstance(value, dict) else value)
        raise refused_file(DESCRIPTION, f"the keys of {what} are {', '.join(sorted(known))}", others)


def _names(value: Any) -> str:
    """Show what an untrusted description holds, as plain text of bounded length."""
    if not isinstance(value, dict | list) or not value:
        return f"`{value}`" if value is None or value in ({}, []) else f"a value of type {type(value).__name__}"
    names = [ascii(name)[1:-1] if isinstance(name, str) else ascii(name) for name in list(value)[:5]]
    return ", ".join(f"`{name[:40]}`" for name in names)


def _check_length(name: str, size: int) -> None:
    """Refuse a text that is too long before anything reads all of it."""
    if size > _MOST_BYTES:
        raise refused_file(name, f"it has {_MOST_BYTES:,} bytes at most", f"{size:,} bytes")


def _check_name(path: str) -> None:
    plain = PurePosixPath(path)
    spelled = path.isascii() and path.isprintable() and "\\" not in path
    if plain.is_absolute() or ".." in plain.parts or str(plain) != path or not spelled:
        raise refused_file(path, "a file's path lies below the model and is plain ASCII", "a path that is not")
    if path in TEXTS:
        return
    if not path.startswith(f"{ESTIMATOR}/"):
        raise refused_file(path, f"a model holds {', '.join(TEXTS)} and `{ESTIMATOR}`", "another file")
    if plain.suffix not in _DATA:
        received = f"the suffix `{plain.suffix}`" if plain.suffix else "no suffix"
        raise refused_file(path, f"an estimator's files are {', '.join(sorted(_DATA))}", received)
