"""What a packaged model may consist of: judged by its list of files and by reading one text, without loading anything.

A package is data for a loader that is installed: no pickle, no code, no link. MLflow itself would run what a package
brings along, as a loader or in a folder `code`, whatever its settings say about pickle.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent

from theragate.digests import sha256_json
from theragate.release.refusals import Refusal

__all__ = [
    "ESTIMATOR",
    "META",
    "File",
    "Limits",
    "Package",
    "check_description",
    "check_files",
    "inspect_package",
    "listing",
]

ESTIMATOR = "data/estimator"
META = "registered_model_meta"  # what MLflow writes into a download; it is no part of the model
LOADER = "theragate.serving"

_DESCRIPTION = "MLmodel"
_BESIDE = {_DESCRIPTION, "conda.yaml", "python_env.yaml", "requirements.txt"}
_DATA = {".json", ".npz", ".skops", ".ubj"}
_FLAVOR = {"code", "data", "env", "loader_module", "python_version", "streamable"}
_LONGEST = 1 << 20  # bytes of a description
_PIECE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much a package may hold: bytes of one file and of all, and the number of files and folders."""

    file: int = 2 << 30
    total: int = 8 << 30
    count: int = 10_000


@dataclass(frozen=True)
class File:
    """One file of a package: its path below it, its size in bytes, and its SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Package:
    """A package that may be released: its files, its digest and that of its estimator's directory."""

    files: tuple[File, ...]

    @property
    def sha256(self) -> str:
        """The digest of the package: that of `theragate.digests.sha256_tree`, without what MLflow writes into it."""
        return _digest(file for file in self.files if file.path != META)

    @property
    def model_sha256(self) -> str:
        """The digest of the estimator's directory in the package, as `sha256_tree` gives it."""
        below = f"{ESTIMATOR}/"
        return _digest(
            File(file.path.removeprefix(below), file.size, file.sha256)
            for file in self.files
            if file.path.startswith(below)
        )


def inspect_package(directory: Path, *, limits: Limits | None = None) -> Package:
    """Hash the files below `directory` and apply the policy to them.

    Whoever serves the files has to make sure that nobody changes them afterwards: inspect a copy out of reach.

    Raises
    ------
    Refusal
        If something may not be in a package; the message names the file.
    """
    files = tuple(_hashed(directory, path) for path in listing(directory, limits=limits))
    check_files(files, limits=limits)
    check_description((directory / _DESCRIPTION).read_bytes())
    return Package(files)


def listing(directory: Path, *, limits: Limits | None = None) -> tuple[str, ...]:
    """Return the paths of the files below `directory`, in the order of their digest, and nothing of their content.

    Raises
    ------
    Refusal
        If there is anything but files and folders, or too much of it.
    """
    limits = limits or Limits()
    found, total, count = [], 0, 0
    for entry in _entries(directory, most=limits.count + 1):
        count += 1
        path = Path(entry.path).relative_to(directory).as_posix()
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            _check_amount(path, 0, total=total, count=count, limits=limits)
            continue
        if not stat.S_ISREG(status.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a pipe, socket or device"
            raise _refused(path, "a model holds plain files only", what)
        total += status.st_size
        _check_amount(path, status.st_size, total=total, count=count, limits=limits)
        found.append(path)
    return tuple(sorted(found, key=_order))


def check_files(files: Sequence[File], *, limits: Limits | None = None) -> None:
    """Check names, kinds and sizes of a package's files.

    Raises
    ------
    Refusal
        If one may not be there, or one that is needed is missing.
    """
    limits = limits or Limits()
    total = 0
    for count, file in enumerate(files, start=1):
        total += file.size
        _check_amount(file.path, file.size, total=total, count=count, limits=limits)
        _check_name(file.path)
        if file.path == _DESCRIPTION:
            _check_length(file.size)
    paths = {file.path for file in files}
    if _DESCRIPTION not in paths:
        raise _refused(_DESCRIPTION, "a model is described", "no such file")
    if not any(path.startswith(f"{ESTIMATOR}/") for path in paths):
        raise _refused(ESTIMATOR, "a model has an estimator", "no such folder")


def check_description(content: bytes) -> None:
    """Check the text ``MLmodel``: one flavour, loaded by installed code, from the estimator's folder.

    Raises
    ------
    Refusal
        If it says anything else, or cannot be read in one way only.
    """
    _check_length(len(content))
    document = _yaml(content)
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict) or set(flavors) != {"python_function"}:
        raise _refused(_DESCRIPTION, "its only flavour is `python_function`", "other flavours")
    flavor = flavors["python_function"]
    if not isinstance(flavor, dict) or set(flavor) - _FLAVOR:
        raise _refused(_DESCRIPTION, f"its flavour says {', '.join(sorted(_FLAVOR))}", "other keys")
    if flavor.get("loader_module") != LOADER:
        raise _refused(_DESCRIPTION, f"the model is loaded by `{LOADER}`", "another loader")
    if flavor.get("data") != ESTIMATOR:
        raise _refused(_DESCRIPTION, f"the model is loaded from `{ESTIMATOR}`", "another path")
    if flavor.get("code") is not None:
        raise _refused(_DESCRIPTION, "a model brings no code", "a folder of code")


def _yaml(content: bytes) -> Any:
    """Read YAML that every reader reads alike: no anchors, aliases, tags of types, or keys given twice."""
    reader = YAML(typ="safe", pure=True)
    try:
        text = content.decode("utf-8")
        for event in reader.parse(text):
            tagged = isinstance(event, NodeEvent) and (event.anchor or getattr(event, "tag", None))
            if isinstance(event, AliasEvent) or tagged:
                raise _refused(_DESCRIPTION, "it is plain YAML", "anchors or tags")
        return reader.load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise _refused(_DESCRIPTION, "it is plain YAML", "another text") from error


def _entries(directory: Path, *, most: int) -> Iterator["os.DirEntry[str]"]:
    """Yield all that is below a folder, however deep, folders before what is in them, following no link.

    Of one folder no more than `most` entries are read, so that an endless one costs no memory. Each is closed before
    anything in it is yielded: whoever refuses an entry leaves none open.
    """
    folders = [directory]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(islice(found, most))
            folders += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            path = folder.relative_to(directory).as_posix()
            raise _refused(path, "it can be read", error.strerror or type(error).__name__) from error
        yield from entries


def _hashed(directory: Path, path: str) -> File:
    """Read one file, which must not have become a link meanwhile, and hash what was read."""
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(directory / path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise _refused(path, "it can be read", error.strerror or type(error).__name__) from error
    return File(path, size, digest.hexdigest())


def _check_amount(path: str, size: int, *, total: int, count: int, limits: Limits) -> None:
    if size > limits.file:
        raise _refused(path, f"a file has {limits.file:,} bytes at most", f"{size:,}")
    if total > limits.total:
        raise _refused(path, f"a model has {limits.total:,} bytes at most", "more, up to this file")
    if count > limits.count:
        raise _refused(path, f"a model has {limits.count:,} files and folders at most", "more, up to this file")


def _check_length(size: int) -> None:
    """Refuse a description that is too long, before anything reads it whole."""
    if size > _LONGEST:
        raise _refused(_DESCRIPTION, f"it has {_LONGEST} bytes at most", f"{size}")


def _check_name(path: str) -> None:
    plain = PurePosixPath(path)
    if plain.is_absolute() or ".." in plain.parts or str(plain) != path or "\\" in path or not path.isprintable():
        raise _refused(path, "a file's path lies below the model and is plain text", "another path")
    if path in _BESIDE or path == META:
        return
    if not path.startswith(f"{ESTIMATOR}/"):
        raise _refused(path, f"a model holds {', '.join(sorted(_BESIDE))} and `{ESTIMATOR}`", "another file")
    if plain.suffix not in _DATA:
        raise _refused(path, f"an estimator's files are {', '.join(sorted(_DATA))}", "a file of another kind")


def _digest(files: Iterable[File]) -> str:
    ordered = sorted(files, key=lambda file: _order(file.path))
    return sha256_json([[file.path, file.size, file.sha256] for file in ordered])


def _order(path: str) -> tuple[str, ...]:
    """Folder by folder, as `sha256_tree` orders them."""
    return PurePosixPath(path).parts


def _refused(path: str, rule: str, received: str) -> Refusal:
    shown = path if path.isprintable() else ascii(path)
    return Refusal(
        f"model file `{shown[:200]}`",
        rule=rule,
        received=received,
        remedy="Register the model with `dvc repro`, which writes nothing else, and attest that version.",
    )
