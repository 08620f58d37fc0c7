"""Sealed copies of models: out of the reach of every client, named by their digest, never changed again.

A model is copied first and judged afterwards, by what was copied: whatever happens to the original, before or after,
is then without consequence.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import StoreError
from theragate.release.model_files import (
    META,
    File,
    Package,
    check_description,
    check_files,
    inspect_package,
    listing,
)
from theragate.release.refusals import Refusal

__all__ = ["Vault"]

_PIECE = 1 << 18
_OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY}
_ABANDONED = 24 * 3600  # seconds after which an unfinished copy is nobody's any more


@dataclass(frozen=True)
class Vault:
    """A folder with one folder for each sealed package.

    Nothing but the server may write there. A copy is made under a name of its own, flushed to the disk, and renamed
    when it is whole; a server that dies in between leaves an unfinished copy, which a later one removes.
    """

    folder: Path

    def place(self, sha256: str) -> Path:
        """Return where the package of this digest is, or would be."""
        return self.folder / sha256

    def find(self, sha256: str) -> Package | None:
        """Return the sealed package of this digest, hashed anew; None where there is none.

        Raises
        ------
        StoreError
            If the copy is no longer what it was.
        """
        place = self.place(sha256)
        if not place.is_dir():
            return None
        try:
            package = inspect_package(place)
        except Refusal as error:
            raise _damaged(sha256) from error
        if package.sha256 != sha256:
            raise _damaged(sha256)
        return package

    def seal(self, source: Path, *, expected: str) -> Package:
        """Copy the package at `source`, and publish the copy if it is the one that is expected.

        Raises
        ------
        Refusal
            If the files are not those that were attested, or may not be in a package.
        StoreError
            If the disk does not take the copy, or a copy that is there already has changed.
        """
        found = self.find(expected)
        if found is not None:
            return found
        paths = listing(source)
        with _writing(self.folder), self._part(expected) as part:
            package = Package(tuple(_copy(source, part, path) for path in paths))
            check_files(package.files)
            check_description((part / "MLmodel").read_bytes())
            if package.sha256 != expected:
                raise _other(package.sha256, expected)
            _finish(part)
            self._publish(part, expected)
        return package

    @contextmanager
    def _part(self, sha256: str) -> Iterator[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        part = Path(tempfile.mkdtemp(prefix=f".{sha256[:16]}.", suffix=".part", dir=self.folder))
        try:
            yield part
        finally:
            _remove(part)

    def _publish(self, part: Path, sha256: str) -> None:
        try:
            part.rename(self.place(sha256))
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            self.find(sha256)  # another process has sealed the same package meanwhile, and as well
        _flush(self.folder)

    def _remove_abandoned(self) -> None:
        for part in self.folder.glob(".*.part"):
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - _ABANDONED:
                    _remove(part)


def _copy(source: Path, part: Path, path: str) -> File:
    """Copy one file and hash what was copied; it must be a plain file still, and not grow while it is read."""
    target = part / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size, piece = hashlib.sha256(), 0, memoryview(bytearray(_PIECE))
    with open(_opened(source / path, path), "rb", buffering=0) as original, target.open("wb", buffering=0) as copy:
        allowed = os.fstat(original.fileno()).st_size
        while read := original.readinto(piece):
            size += read
            if size > allowed:
                raise _changing(path)
            digest.update(piece[:read])
            written = 0
            while written < read:  # a disk that fills up may take a part
                written += copy.write(piece[written:read]) or 0
        os.fsync(copy.fileno())
    return File(path, size, digest.hexdigest())


def _opened(file: Path, path: str) -> int:
    try:
        return os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _changing(path) from error


def _finish(part: Path) -> None:
    """Make the copy read-only, and durable.

    The one file that stays writable is what MLflow itself writes into a folder that it loads a model from. It is no
    part of the package or of its digest.
    """
    (part / META).touch()
    for folder, _, files in os.walk(part, topdown=False):
        for name in files:
            Path(folder, name).chmod(0o644 if Path(folder, name) == part / META else 0o444)
        _flush(Path(folder))
        Path(folder).chmod(0o555)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(part: Path) -> None:
    for folder, _, _ in os.walk(part):
        with suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"sealed models, `{folder.name}`",
            rule="the disk takes a sealed copy",
            received=error.strerror or type(error).__name__,
            remedy="Free space or mend the folder's permissions on the server, then promote again; nothing changed.",
        ) from error


def _other(found: str, expected: str) -> Refusal:
    return Refusal(
        "the version's files",
        rule=f"they are those that were attested (SHA-256 {expected[:12]}…)",
        received=f"others (SHA-256 {found[:12]}…)",
        remedy="Somebody has changed the model since: find out who, then register and attest it again.",
    )


def _changing(path: str) -> Refusal:
    return Refusal(
        f"model file `{path[:200]}`",
        rule="the files do not change while they are copied",
        received="one that did",
        remedy="Find out who writes there, then promote again.",
    )


def _damaged(sha256: str) -> StoreError:
    return StoreError(
        f"sealed model {sha256[:12]}…",
        rule="a sealed copy never changes",
        received="one that has changed",
        remedy="Restore it from the backup of the server's disk, and find out who wrote to it.",
    )
