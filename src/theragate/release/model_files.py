"""The files of a packaged model: listed and hashed, following no link, then checked by the rules for packages."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from theragate.digests import sha256_json
from theragate.package_form import ESTIMATOR
from theragate.release.package_rules import (
    META,
    TEXTS,
    File,
    Limits,
    check_amount,
    check_files,
    check_texts,
    refused_file,
)

__all__ = ["Package", "hash_files", "inspect_package", "listing", "read_texts"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Package:
    """The files of a packaged model, their digest, and that of the estimator's directory."""

    files: tuple[File, ...]

    @property
    def sha256(self) -> str:
        """The digest of the package as `theragate.digests.sha256_tree` gives it."""
        return _digest(self.files)

    @property
    def has_model(self) -> bool:
        """Whether there is an estimator's directory."""
        return any(file.path.startswith(f"{ESTIMATOR}/") for file in self.files)

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
    """Hash the files below `directory` and check them by the rules for packages.

    Whoever serves the files must ensure that nobody changes them afterwards: inspect a copy out of clients' reach.

    Raises
    ------
    Refusal
        If a rule is broken; the message names the file.
    """
    package = hash_files(directory, limits=limits)
    check_files(package.files, limits=limits)
    check_texts(read_texts(directory))
    return package


def hash_files(directory: Path, *, limits: Limits | None = None) -> Package:
    """Hash the files below `directory`, whatever they are: to find the same ones elsewhere, and never to serve them.

    Raises
    ------
    Refusal
        If there is anything but files and folders, or too many of them, or they are too large.
    """
    return Package(tuple(_hashed(directory, path) for path in listing(directory, limits=limits)))


def read_texts(directory: Path) -> dict[str, bytes]:
    """Return the texts of a package whose files have been checked."""
    return {name: (directory / name).read_bytes() for name in TEXTS}


def listing(directory: Path, *, limits: Limits | None = None) -> tuple[str, ...]:
    """Return the paths of the files below `directory`, in the order in which they are hashed, without reading them.

    What MLflow writes into a model that it has downloaded is left out, whatever it is: it is no part of the model, and
    is neither copied nor served.

    Raises
    ------
    Refusal
        If there is anything but files and folders, or too many of them, or they are too large.
    """
    limits = limits or Limits()
    paths, total, count = list[str](), 0, 0
    for entry in _entries(directory, most=limits.count + 1):
        count += 1
        path = Path(entry.path).relative_to(directory).as_posix()
        if path == META:
            continue
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            check_amount(path, 0, total=total, count=count, limits=limits)
            continue
        if not stat.S_ISREG(status.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a pipe, socket or device"
            raise refused_file(path, "a model holds regular files only", what)
        total += status.st_size
        check_amount(path, status.st_size, total=total, count=count, limits=limits)
        paths.append(path)
    return tuple(sorted(paths, key=_order))


def _entries(directory: Path, *, most: int) -> Iterator["os.DirEntry[str]"]:
    """Yield everything below a folder at any depth, each folder before its entries, following no link.

    At most `most` entries of a folder are read, so that an endless one costs no memory. A folder is closed before its
    entries are yielded: whoever refuses an entry leaves none open.
    """
    folders = [directory]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = list(islice(scanned, most))
            folders += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            path = folder.relative_to(directory).as_posix()
            raise refused_file(path, "it can be read", error.strerror or type(error).__name__) from error
        yield from entries


def _hashed(directory: Path, path: str) -> File:
    """Hash one file, which must not have become a link meanwhile."""
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(directory / path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise refused_file(path, "it can be read", error.strerror or type(error).__name__) from error
    return File(path, size, digest.hexdigest())


def _digest(files: Iterable[File]) -> str:
    ordered = sorted(files, key=lambda file: _order(file.path))
    return sha256_json([[file.path, file.size, file.sha256] for file in ordered])


def _order(path: str) -> tuple[str, ...]:
    """Order paths folder by folder, as `sha256_tree` does."""
    return PurePosixPath(path).parts
