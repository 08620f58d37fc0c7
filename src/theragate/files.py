"""Files are written beside their target and then renamed to it, so that none is ever half-written."""

import errno
import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from theragate.errors import DataError, StoreError

__all__ = [
    "json_bytes",
    "read_bytes",
    "read_json",
    "refused_by_disk",
    "whole_directory",
    "whole_file",
    "write_json",
    "write_text",
]

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST}
_MOST = 256 << 20  # bytes of a file that is read whole: many times what any of them has


@contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    On an error, or if the process dies, `path` keeps its former content.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written. Other errors of the block are the block's own.
    """
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
    temporary = Path(name)
    try:
        with _translated(path, block=temporary):
            yield temporary
        with _translated(path):
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; swap it in when the block ends well.

    On an error `path` keeps its former content. If the process dies, `path` is the former folder, the new one, or
    for a moment none, but never a part of one. Of two processes that write it at once, the last one wins.

    Raises
    ------
    StoreError
        If the disk is full or the folder cannot be written. Other errors of the block are the block's own.
    """
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    new, former = part / "new", part / "former"
    try:
        with _translated(path):
            new.mkdir()
        with _translated(path, block=new):
            yield new
        with _translated(path):
            new.chmod(0o755)
            _swap(new, path, former=former)
    finally:
        if former.exists() and not path.exists():  # interrupted between the two renames
            with suppress(OSError):
                former.rename(path)
        shutil.rmtree(part, ignore_errors=True)


def _swap(new: Path, path: Path, *, former: Path) -> None:
    """Rename `new` to `path`, whose content becomes `former`; no rename of a folder replaces one that is not empty."""
    while True:
        try:
            new.rename(path)
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
        else:
            return
        # A second turn means that another process has put its folder there meanwhile.
        shutil.rmtree(former, ignore_errors=True)
        with suppress(FileNotFoundError):
            path.rename(former)


@contextmanager
def _translated(path: Path, *, block: Path | None = None) -> Iterator[None]:
    """Say in the user's words that `path` cannot be written.

    Every error of our own calls means that. A caller's `block` fills that temporary path and may read other files:
    of its errors, only those mean it that the disk alone can cause, or that refuse to write below the path.
    """
    try:
        yield
    except OSError as error:
        if block is not None and error.errno not in _DISK and not _refused(error, block):
            raise
        raise StoreError(
            str(path),
            rule="the file can be written",
            # By its number: a library may have wrapped the system's message in its own.
            received=os.strerror(error.errno) if error.errno else type(error).__name__,
            remedy="Free space or correct the folder's permissions, then run the same command again; nothing was lost.",
        ) from error


def refused_by_disk(error: OSError) -> StoreError | None:
    """Return what to say of an error that a full disk, a read-only one or missing permissions cause; else None."""
    if error.errno not in {*_DISK, errno.EACCES, errno.EPERM}:
        return None
    return StoreError(
        str(error.filename or "a file"),
        rule="the disk and its permissions let it be read and written",
        received=os.strerror(error.errno),
        remedy="Free space or correct the permissions, then run the same command again.",
    )


def _refused(error: OSError, block: Path) -> bool:
    if not isinstance(error, PermissionError) or not isinstance(error.filename, str | os.PathLike):
        return False
    return Path(error.filename).is_relative_to(block)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as `json_bytes`."""
    with whole_file(path) as temporary:
        temporary.write_bytes(json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return `value` as indented JSON with sorted keys, in UTF-8; the same value always gives the same bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_bytes(path: Path, *, most: int = _MOST) -> bytes:
    """Return the content of a file that others may have written: no pipe or device, and no more than it may have.

    A link to a file is followed; one to a device, which git carries as well, would have no end.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file, or has more than `most` bytes.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content


def read_json(path: Path, *, remedy: str) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        If the file is missing, unreadable or not JSON (which knows no NaN and no infinity); `remedy` tells the user
        what restores it.
    """
    try:
        return json.loads(read_bytes(path).decode("utf-8"), parse_float=_finite, parse_constant=_finite)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, FileNotFoundError):
            received = "no such file"
        elif isinstance(error, OSError):
            received = f"a file that cannot be read ({error.strerror})"
        else:
            line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            received = f"a file that is not valid JSON{line}"
        raise DataError(str(path), rule="the file is readable JSON", received=received, remedy=remedy) from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is finite")
    return number
