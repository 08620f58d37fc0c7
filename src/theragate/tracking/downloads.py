"""Files of a registry's versions and runs, fetched within limits that hold while they are read.

Nothing is taken from where an answer of a server points: over HTTP only its own artifacts are read, below a path that
is plain text, or those below the place that somebody here has set; and every name, size and number in a listing is
checked before a byte is written.
"""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from theragate.errors import StoreError
from theragate.tracking.failures import refused_by_server
from theragate.tracking.transport import EMBEDDED, MOST_BYTES, expecting, placed_here

__all__ = ["Check", "fetch_file", "fetch_folder"]

# Of a path, its size (None of a folder), and the bytes and the number of files and folders so far.
Check = Callable[[str, int | None, int, int], None]

_DOUBT = "Use nothing of it; find out who runs that server or writes to that folder."
_ROUTE = "/api/2.0/mlflow-artifacts/artifacts"
_SCHEME = "mlflow-artifacts"
_PIECE = 1 << 18
_MOST_DEEP = 16
_MOST_ENTRIES = 10_000  # of one folder
_MOST_DIGITS = 15
_PATIENCE = 120  # seconds for one answer; all of them together have the time of the command


@dataclass(frozen=True)
class _Entry:
    name: str
    is_folder: bool
    size: int


class _Source(Protocol):
    def entries(self, path: str) -> Iterator[_Entry]:
        """Yield what a folder holds."""

    def copy(self, path: str, target: Path, size: int) -> None:
        """Copy a file of `size` bytes, and not a byte more."""


def fetch_folder(server: str, address: str, folder: Path, *, check: Check) -> Path:
    """Fetch all files below an address into `folder`; return it.

    Parameters
    ----------
    server
        The URL of the tracking server, or of the database of one's own.
    address
        Where the files are: over HTTP ``mlflow-artifacts:/…`` of that server, or below ``THERAGATE_ARTIFACTS`` where
        that is set here; otherwise a folder or a bucket.
    check
        Called with every path below the address before it is fetched; it raises to stop.

    Raises
    ------
    StoreError
        If the address leads elsewhere, a listing is malformed, or a file is not as large as listed.
    """
    source = _source(server, address)
    total, count, folders = 0, 0, [""]
    while folders:
        at = folders.pop()
        seen: set[str] = set()
        for entry in source.entries(at):
            path = f"{at}/{entry.name}" if at else entry.name
            _check_name(entry.name, path, seen)
            count, total = count + 1, total + entry.size
            check(path, None if entry.is_folder else entry.size, total, count)
            target = folder / path
            if entry.is_folder:
                folders.append(path)
                target.mkdir(parents=True)
            else:
                source.copy(path, target, entry.size)
    return folder


def fetch_file(server: str, address: str, name: str, folder: Path) -> bytes | None:
    """Return the content of one file directly below an address, of 16 MiB at most; None where there is none.

    Raises
    ------
    StoreError
        As `fetch_folder`.
    """
    source = _source(server, address)
    for entry in source.entries(""):
        if entry.name == name and not entry.is_folder:
            if entry.size > MOST_BYTES:
                raise _unexpected(f"`{name}` has {MOST_BYTES:,} bytes at most", f"{entry.size:,} bytes")
            target = folder / name
            source.copy(name, target, entry.size)
            return target.read_bytes()
    return None


def _source(server: str, address: str) -> _Source:
    parts = urlsplit(address)
    if server.startswith(("http://", "https://")) and not placed_here(address):
        path = parts.path.strip("/")
        plain = all(part not in ("", ".", "..") for part in path.split("/")) and path.isprintable()
        bare = not (parts.netloc or parts.query or parts.fragment)
        if parts.scheme != _SCHEME or not bare or not plain or "%" in path or "\\" in path:
            raise _unexpected(
                "a server hands out artifacts itself, at `mlflow-artifacts:/…`",
                f"an address of another kind, `{parts.scheme}:…`"[:80],
                EMBEDDED,
            )
        return _Served(server, path)
    if parts.scheme == _SCHEME and not server.startswith(("http://", "https://")):
        raise _unexpected(
            "a release server hands out its artifacts itself, to whoever signs in to it",
            "the address of its database",
            "Set MLFLOW_TRACKING_URI to the server's own address.",
        )
    if parts.scheme in ("", "file"):
        return _Folder(Path(unquote(parts.path) if parts.scheme else address))
    return _Elsewhere(get_artifact_repository(address))


@dataclass(frozen=True)
class _Served:
    server: str
    root: str

    def entries(self, path: str) -> Iterator[_Entry]:
        answer = self._ask(_ROUTE, params={"path": f"{self.root}/{path}" if path else self.root})
        with answer:
            try:
                content = answer.json()
            except ValueError:
                content = None
        files = content.get("files", []) if isinstance(content, dict) else None
        if not isinstance(files, list) or len(files) > _MOST_ENTRIES:
            raise _unexpected(f"a folder is listed as JSON, with {_MOST_ENTRIES:,} entries at most", "something else")
        for item in files:
            yield _entry(item)

    def copy(self, path: str, target: Path, size: int) -> None:
        received, route = 0, f"{_ROUTE}/{quote(f'{self.root}/{path}')}"
        with expecting(size), self._ask(route, stream=True) as answer, target.open("xb") as stream:
            for piece in answer.iter_content(_PIECE):
                received += len(piece)
                if received > size:
                    break
                stream.write(piece)
        _check_size(path, received, size)

    def _ask(self, route: str, **options: Any) -> Any:
        creds = get_default_host_creds(self.server)
        answer = http_request(creds, route, "GET", timeout=_PATIENCE, raise_on_status=False, **options)
        if answer.status_code != 200:
            answer.close()
            refused = refused_by_server(f"error code {answer.status_code} of {route}/{self.root}", self.server)
            if refused is not None:
                raise refused
            raise _unexpected("the server hands out its artifacts", f"HTTP status {answer.status_code}", EMBEDDED)
        return answer


def _entry(item: object) -> _Entry:
    """Read one entry of a listing, of which nothing is sure."""
    name, is_folder, size = (
        (item.get("path"), item.get("is_dir", False), item.get("file_size")) if isinstance(item, dict) else (None, 0, 0)
    )
    if isinstance(size, str) and size.isascii() and size.isdecimal() and len(size) <= _MOST_DIGITS:
        size = int(size)
    if is_folder is True:
        size = 0
    if not isinstance(name, str) or not isinstance(is_folder, bool) or type(size) is not int or size < 0:
        raise _unexpected("an entry of a listing has a name, a kind and a size", "another one")
    return _Entry(name, is_folder, size)


@dataclass(frozen=True)
class _Folder:
    root: Path

    def entries(self, path: str) -> Iterator[_Entry]:
        with os.scandir(self.root / path) as scanned:
            for count, entry in enumerate(scanned):
                if entry.is_symlink() or not (entry.is_dir() or entry.is_file()) or count >= _MOST_ENTRIES:
                    raise _unexpected("a model is files in folders", "a link, a device, or too many of them")
                yield _Entry(entry.name, entry.is_dir(), 0 if entry.is_dir() else entry.stat().st_size)

    def copy(self, path: str, target: Path, size: int) -> None:
        received = 0
        with (self.root / path).open("rb") as stream, target.open("xb") as copy:
            while (piece := stream.read(_PIECE)) and received <= size:
                received += len(piece)
                copy.write(piece)
        _check_size(path, received, size)


@dataclass(frozen=True)
class _Elsewhere:
    repository: Any

    def entries(self, path: str) -> Iterator[_Entry]:
        for item in self.repository.list_artifacts(path or None):
            yield _Entry(PurePosixPath(item.path).name, bool(item.is_dir), int(item.file_size or 0))

    def copy(self, path: str, target: Path, size: int) -> None:
        self.repository._download_file(path, str(target))
        _check_size(path, target.stat().st_size, size)


def _check_name(name: str, path: str, seen: set[str]) -> None:
    """Refuse a name that leads elsewhere, or that a disk may take for another one of the same folder."""
    same = unicodedata.normalize("NFKC", name).casefold()
    plain = name not in ("", ".", "..") and name.isprintable() and not set(name) & set("/\\:")
    if not plain or len(name.encode()) > 255 or path.count("/") >= _MOST_DEEP or same in seen:
        shown = ascii(name)[1:-1][:60]
        raise _unexpected("files have plain names, each once, in folders of few levels", f"`{shown}`")
    seen.add(same)


def _check_size(path: str, received: int, size: int) -> None:
    if received != size:
        what = "more" if received > size else f"{received:,} bytes"
        raise _unexpected(f"`{path}` has the {size:,} bytes that were listed", what)


def _unexpected(rule: str, received: str, remedy: str = _DOUBT) -> StoreError:
    return StoreError("files of the registry", rule=rule, received=received, remedy=remedy)
