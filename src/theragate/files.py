"""Files are written beside their place and then renamed into it, so that none is ever half-written."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from theragate.errors import DataError, StoreError

__all__ = ["read_json", "whole_directory", "whole_file", "write_json", "write_text"]


@contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place when the block ends well.

    On an error, or if the process dies, `path` keeps its former content.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written.
    """
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
    temporary = Path(name)
    try:
        with _translated(path):
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; swap it into place when the block ends well.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written.
    """
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        with _translated(path):
            yield temporary
            temporary.chmod(0o755)
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            str(path),
            rule="the disk takes the file",
            received=error.strerror or type(error).__name__,
            remedy="Free space or mend the folder's permissions, then run the same command again; nothing was lost.",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; the same value always gives the same bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path, *, remedy: str) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        If the file is missing, unreadable or not JSON; `remedy` tells the user what restores it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        received = "no such file" if isinstance(error, FileNotFoundError) else "a file that is not valid JSON"
        raise DataError(str(path), rule="the file is readable JSON", received=received, remedy=remedy) from error
