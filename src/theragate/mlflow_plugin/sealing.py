"""Sealed copies of models: out of every client's reach, named by their digest, never changed.

A model is copied first and the copy is then judged, so that nothing that happens to the original matters.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import StoreError
from theragate.release.model_files import Package, inspect_package, listing, read_texts
from theragate.release.package_rules import META, File, check_files, check_texts
from theragate.release.refusals import Refusal

__all__ = ["Vault", "damaged"]

_PIECE = 1 << 18
_OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY}
_ABANDONED = 24 * 3600  # seconds after which nobody is at work on an unfinished copy


@dataclass(frozen=True)
class Vault:
    """A folder with one folder for each sealed package.

    Only the server may write there. A copy is made under a temporary name, flushed to the disk, and renamed when it is
    complete; a server that dies in between leaves an unfinished copy, which a later one removes.

    ``loaded_in_place`` is set where MLflow loads a model from the folder itself, on one person's machine without a
    server: MLflow then writes a note of its own beside the model, and fails where it cannot. Elsewhere a sealed copy
    holds what was attested and nothing beside it.
    """

    folder: Path
    loaded_in_place: bool = False

    def path(self, sha256: str) -> Path:
        """Return the folder that holds, or would hold, the package with this digest."""
        return self.folder / sha256

    def find(self, sha256: str) -> Package | None:
        """Return the sealed package with this digest, hashed again; None where there is none.

        Raises
        ------
        StoreError
            If the copy has changed.
        """
        path = self.path(sha256)
        if not path.is_dir():
            return None
        try:
            package = inspect_package(path)
        except Refusal as error:
            raise damaged(sha256, f"one whose {error.subject} may not be in a model ({error.received})") from error
        beside = not self.loaded_in_place and (path / META).exists()
        if package.sha256 != sha256 or beside:
            raise damaged(sha256, "a copy with a file beside it" if beside else "a copy that has changed")
        return package

    def seal(self, source: Path, *, expected: str) -> Package:
        """Copy the package at `source`, and publish the copy if its digest is the expected one.

        Raises
        ------
        Refusal
            If the files are not those that were attested, or a package may not contain them.
        StoreError
            If the copy cannot be written, or an existing copy has changed.
        """
        sealed = self.find(expected)
        if sealed is not None:
            return sealed
        paths = listing(source)
        with _writing(self.folder), self._part(expected) as part:
            package = Package(tuple(_copy(source, part, path) for path in paths))
            check_files(package.files)
            check_texts(read_texts(part))
            if package.sha256 != expected:
                raise _mismatch(package.sha256, expected)
            _finish(part, writable=(META,) if self.loaded_in_place else ())
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
            part.rename(self.path(sha256))
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            self.find(sha256)  # another process has sealed the same package meanwhile; its copy must be intact
        _flush(self.folder)

    def _remove_abandoned(self) -> None:
        for part in self.folder.glob(".*.part"):
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - _ABANDONED:
                    _remove(part)


def _copy(source: Path, part: Path, path: str) -> File:
    """Copy one file and hash what was copied; it must still be a regular file, and not grow while it is read."""
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
            while written < read:  # a disk that fills up may take only a part
                written += copy.write(piece[written:read]) or 0
        os.fsync(copy.fileno())
    return File(path, size, digest.hexdigest())


def _opened(file: Path, path: str) -> int:
    try:
        return os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _changing(path) from error


def _finish(part: Path, *, writable: Collection[str]) -> None:
    """Make the copy read-only, and durable; `writable` are files beside the model, which are made empty."""
    for name in writable:
        (part / name).touch(mode=0o644)
    for folder, _, files in os.walk(part, topdown=False):
        for name in files:
            if Path(folder) != part or name not in writable:
                Path(folder, name).chmod(0o444)
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
            rule="a sealed copy can be written",
            received=error.strerror or type(error).__name__,
            remedy="Free space or correct the folder's permissions, then promote again; nothing has changed.",
        ) from error


def _mismatch(sha256: str, expected: str) -> Refusal:
    return Refusal(
        "the version's files",
        rule=f"they are those that were attested (SHA-256 {expected[:12]}…)",
        received=f"others (SHA-256 {sha256[:12]}…)",
        remedy="Somebody has changed the model since: find out who, then register and attest it again.",
    )


def _changing(path: str) -> Refusal:
    return Refusal(
        f"model file `{path[:200]}`",
        rule="the files do not change while they are copied",
        received="a file that was changed or replaced",
        remedy="Find out who writes there, then promote again.",
    )


def damaged(sha256: str, received: str) -> StoreError:
    """Return the error about a sealed copy that is no longer, or not wholly, what was sealed."""
    return StoreError(
        f"sealed model {sha256[:12]}…",
        rule="a sealed copy never changes",
        received=received,
        remedy="Restore it from the backup of the sealed models, and find out who changed it; if an older version of "
        "Theragate has sealed it, release the model anew.",
    )
