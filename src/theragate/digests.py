"""Canonical bytes and SHA-256: how data, evidence, policies and models are named."""

import hashlib
import json
from pathlib import Path
from typing import Any

from theragate.errors import DataError

__all__ = ["canonical_json", "sha256_bytes", "sha256_file", "sha256_json", "sha256_tree"]


def canonical_json(value: Any) -> bytes:
    """Serialise to the one byte string that names `value`: sorted keys, no spaces, UTF-8, finite numbers only.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: JSON has no word for them, and no digest may rest on one.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_tree(directory: Path) -> str:
    """Return the SHA-256 over the sorted ``[path, size, sha256]`` of every file below `directory`.

    Raises
    ------
    DataError
        If the directory is missing, empty, or holds a symbolic link (whose target could change unseen).
    """
    rows: list[list[str | int]] = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            raise DataError(
                str(path),
                rule="a model directory holds plain files only",
                received="a symbolic link",
                remedy="Replace the link by the file itself.",
            )
        if path.is_file():
            rows.append([path.relative_to(directory).as_posix(), path.stat().st_size, sha256_file(path)])
    if not rows:
        raise DataError(
            str(directory),
            rule="a model directory holds at least one file",
            received="none",
            remedy="Run `dvc repro` (or `dvc checkout`) to restore it.",
        )
    return sha256_json(rows)
