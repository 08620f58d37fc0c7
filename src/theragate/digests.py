"""Canonical bytes and SHA-256: how data, evidence, policies and models are named."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from theragate.errors import DataError

__all__ = ["canonical_json", "md5_file", "md5_folder", "sha256_bytes", "sha256_file", "sha256_json", "sha256_tree"]

_RESTORE = "Run `dvc repro` (or `dvc checkout`) to restore it."


def canonical_json(value: Any) -> bytes:
    """Serialise to the one byte string that names `value`: sorted keys, no spaces, UTF-8, finite numbers only.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: JSON cannot express them, and no digest may rest on one.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces.

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(error, path) from error


def md5_file(path: Path) -> str:
    """Return the MD5 by which DVC names a file. It reveals accidents; no proof rests on it.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_folder(folder: Path) -> str:
    """Return the MD5 by which DVC names a folder: of the names and MD5 of its files.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    rows = [{"md5": md5_file(files[name]), "relpath": name} for name in sorted(files)]
    return f"{hashlib.md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest()}.dir"


def sha256_tree(directory: Path) -> str:
    """Return the SHA-256 over the sorted ``[path, size, sha256]`` of every file below `directory`.

    Raises
    ------
    DataError
        If the directory is missing, empty or cannot be read, or holds anything but files and folders: the target of
        a symbolic link could change unseen.
    """
    rows: list[list[str | int]] = []
    for path in _below(directory):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise DataError(
                str(path),
                rule="a model directory holds plain files only",
                received="a symbolic link" if path.is_symlink() else "a pipe, socket or device",
                remedy="Replace it with a plain file, or remove it.",
            )
        if path.is_file():
            rows.append([path.relative_to(directory).as_posix(), path.stat().st_size, sha256_file(path)])
    if not rows:
        raise DataError(
            str(directory),
            rule="a model directory holds at least one file",
            received="an empty directory" if directory.is_dir() else "no such directory",
            remedy=_RESTORE,
        )
    return sha256_json(rows)


def _below(directory: Path) -> list[Path]:
    """Return everything below a directory. Unlike with `Path.rglob`, a folder that cannot be read is not skipped."""

    def refuse(error: OSError) -> None:
        raise _unreadable(error, directory) from error

    if not directory.is_dir():
        return []
    walk = os.walk(directory, onerror=refuse)
    return sorted(Path(folder, name) for folder, folders, files in walk for name in (*folders, *files))


def _unreadable(error: OSError, path: Path) -> DataError:
    return DataError(
        str(error.filename or path),
        rule="the file can be read",
        received=error.strerror or type(error).__name__,
        remedy=_RESTORE,
    )
