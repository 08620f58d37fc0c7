"""A place that all machines of a cluster can read, where they have no disk in common: a folder by its URL.

Files are kept there under their digests while a run lasts, and taken away with it.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from theragate.digests import sha256_file
from theragate.errors import DataError, StoreError
from theragate.files import whole_file
from theragate.workers.site import SharedFile

__all__ = ["CheckedFiles", "Place", "remove"]

_PIECE = 2**22  # bytes


class Place:
    """A folder at `url`: what fsspec opens, such as ``s3://bucket/folder`` or ``file:///mnt/shared``.

    Raises
    ------
    StoreError
        If what opens such URLs is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        with self._told("it is the URL of a folder"):
            self._system, self._root = fsspec.core.url_to_fs(self.url)

    def put(self, file: SharedFile) -> bool:
        """Bring a file there, unless it is there already; say whether it was brought.

        Raises
        ------
        StoreError
            If the place cannot be written.
        """
        target = self._of(file.sha256)
        with self._told("it can be written"):
            self._system.invalidate_cache()
            if self._system.exists(target):
                return False
            if "file" in self._system.protocol:  # elsewhere it might make a bucket
                self._system.makedirs(self._root, exist_ok=True)
            self._system.put_file(str(file.path), target)
        return True

    def take_away(self, file: SharedFile) -> None:
        """Remove a file; one that stays is found again by its digest."""
        with suppress(Exception):
            self._system.rm_file(self._of(file.sha256))

    def fetch(self, file: SharedFile, folder: Path) -> Path:
        """Copy a file from there into a folder of this machine, if it is not in it; return where it is.

        Raises
        ------
        StoreError
            If the place cannot be read, or the disk is full.
        DataError
            If what is there has another digest.
        """
        target = folder / f"{file.sha256}{file.path.suffix}"
        if target.exists():
            return target
        digest = hashlib.sha256()
        with whole_file(target, mode=0o600) as temporary, temporary.open("wb") as copy:
            for piece in self._pieces(file.sha256):
                digest.update(piece)
                copy.write(piece)
            if digest.hexdigest() != file.sha256:
                raise changed(f"{self.url}, file {file.sha256[:12]}…", file.sha256, digest.hexdigest())
        return target

    def _pieces(self, sha256: str) -> Iterator[bytes]:
        with self._told("it can be read"), self._system.open(self._of(sha256), "rb") as source:
            while piece := source.read(_PIECE):
                yield piece

    def _of(self, sha256: str) -> str:
        return f"{self._root.rstrip('/')}/{sha256}"

    @contextmanager
    def _told(self, rule: str) -> Iterator[None]:
        """Say of what a library raises, of whatever type, what it means here: its words may hold credentials."""
        try:
            yield
        except Exception as error:
            raise StoreError(
                f"shared place {self.url}",
                rule=rule,
                received=type(error).__name__,
                remedy="Correct THERAGATE_SHARED, or the credentials and rights there; for `s3://`, install `dvc-s3`.",
            ) from error


def changed(subject: str, expected: str, received: str) -> DataError:
    """Return the error about a file that is not the one that is meant."""
    return DataError(
        subject,
        rule=f"its digest is {expected[:12]}…",
        received=f"{received[:12]}…",
        remedy="Run the same command again; if that does not help, somebody else writes there.",
    )


class CheckedFiles:
    """Which files of a shared disk this process has found to be those of their digests."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], str] = {}

    def check(self, file: SharedFile, *, at: str) -> Path:
        """Return the path of the file if it is what is meant.

        Raises
        ------
        DataError
            If there is no such file for this machine, or its digest differs.
        """
        try:
            status = file.path.stat()
            with file.path.open("rb"):
                pass
        except OSError as error:
            raise DataError(
                f"{file.path}, on the worker {at}",
                rule="workers find the project where it is on the machine that asks, or files in a place for all",
                received=error.strerror or type(error).__name__,
                remedy="Mount the project's disk there under the same path, or set THERAGATE_SHARED.",
            ) from error
        key = (file.path, status.st_mtime_ns, status.st_size)
        if key not in self._known:
            self._known[key] = sha256_file(file.path)
        if self._known[key] != file.sha256:
            raise changed(f"{file.path}, on the worker {at}", file.sha256, self._known[key])
        return file.path


def remove(folder: Path) -> None:
    """Remove a folder of this machine, as far as possible."""
    shutil.rmtree(folder, ignore_errors=True)
