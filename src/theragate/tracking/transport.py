"""HTTP as a client of a registry speaks it: with that server alone, within a total time, reading no more than expected.

A server may be somebody else's by now: its address taken over, its answers written to fill a disk, to last for ever,
or to send the client and its password elsewhere. MLflow's client follows redirects, waits as long as a byte arrives now
and then, sleeps as long as a server asks, and reads whatever comes. Within `guarded`, all that it and we send goes
through a session that does none of this.
"""

import http.client
import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from mlflow.environment_variables import MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD, MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD
from mlflow.store.artifact import artifact_repository_registry
from mlflow.utils import request_utils
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

from theragate.errors import StoreError

__all__ = ["EMBEDDED", "MOST_BYTES", "Channel", "expecting", "guarded", "placed_here", "sealed_here"]

MOST_BYTES = 16 << 20  # of one answer that is kept in memory: the largest dossier
_FRAMING = 1 << 20  # of headers, and of the lengths between the pieces of a body
_RETRIES = 3
_IDENTITY = ("", "identity")

# What to do about artifacts that a server does not hand out.
EMBEDDED = (
    "If it is your own embedded server (`theragate ui`), work in its project with MLFLOW_TRACKING_URI unset, or set "
    "THERAGATE_ARTIFACTS to the place of its artifacts, `file:///PROJECT/mlflow-store/artifacts`; otherwise use "
    "nothing of it, and find out who runs it."
)


@dataclass
class Channel:
    """What is left of the time for a server, and how much the present answer may hold.

    Parameters
    ----------
    origins
        Scheme, host and port of the servers that may be asked.
    seconds
        The time in which a server answers everything that is asked within `guarded`, all waiting together.
    artifacts
        Where else artifacts may be, as somebody here has set it; empty allows the server's own alone.
    """

    origins: frozenset[tuple[str, str, int]]
    seconds: float
    artifacts: str = ""
    most_bytes: int = MOST_BYTES
    fault: StoreError | None = None
    sessions: dict[tuple[Any, ...], requests.Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = self.seconds

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Count the time of the block, which waits for the server; yield the seconds that are left for it."""
        if self.left <= 0:
            raise self.late()
        start = time.monotonic()
        try:
            yield self.left
        finally:
            self.left -= time.monotonic() - start

    def late(self) -> StoreError:
        """Return the error about a server that takes too long."""
        return self.broken(
            f"a server answers what a command asks within {self.seconds:g} seconds in all",
            "an answer that takes longer",
            "Try again later, or set THERAGATE_TIMEOUT to more seconds.",
        )

    def broken(self, rule: str, received: str, remedy: str) -> StoreError:
        """Return the error about a server that breaks a rule, which whatever library is in between may not swallow."""
        self.fault = StoreError("MLflow server", rule=rule, received=received, remedy=remedy)
        return self.fault

    def check(self, url: str) -> None:
        """Refuse to send anything, a password least of all, to any other server."""
        if _origin(url) not in self.origins:
            parts = urlsplit(url)
            raise self.broken(
                "a client talks to the server of MLFLOW_TRACKING_URI alone",
                f"an answer that leads to `{parts.scheme}://{parts.netloc.rpartition('@')[2]}`"[:200],
                "Find out who changed the server's answers; if artifacts lie elsewhere on purpose, let the server hand "
                "them out (docs/deployment.md).",
            )

    def check_artifacts(self, uri: str) -> None:
        """Refuse to read or write artifacts where a server says, but at that server or where somebody here has said."""
        parts = urlsplit(uri)
        if parts.scheme == "mlflow-artifacts" and not parts.netloc:
            return
        if not self.holds(uri):
            raise self.broken(
                "artifacts are handed out by itself, at `mlflow-artifacts:/…`, or lie where THERAGATE_ARTIFACTS says",
                f"an address of another kind, `{parts.scheme}:…`"[:80],
                EMBEDDED,
            )

    def holds(self, uri: str) -> bool:
        """Return whether an address is below the place that somebody here has set for artifacts."""
        below = uri.removeprefix(f"{self.artifacts.rstrip('/')}/")
        plain = below.isprintable() and not set(below) & set("\\%?#")
        return bool(self.artifacts) and below != uri and plain and not {"", ".", ".."} & set(below.split("/"))

    def seals(self, uri: str, digest: str) -> bool:
        """Return whether an address is that of a sealed model beside the place set here, as of an embedded store."""
        named, place = urlsplit(uri), urlsplit(self.artifacts)
        if (
            not self.artifacts
            or place.scheme not in ("", "file")
            or named.scheme != "file"
            or named.netloc
            or place.netloc
        ):
            return False
        return unquote(named.path).rstrip("/") == str(PurePosixPath(unquote(place.path)).parent / "sealed" / digest)

    def session(self, retry_codes: Sequence[int], *, retries: int, raise_on_status: bool) -> requests.Session:
        """Return the session for requests that are tried again on some status codes."""
        key = (frozenset(retry_codes), retries, raise_on_status)
        if key not in self.sessions:
            retry = Retry(
                total=min(retries, _RETRIES),
                redirect=0,
                status_forcelist=retry_codes,
                allowed_methods=None,
                backoff_factor=0.2,
                raise_on_status=raise_on_status,
                respect_retry_after_header=False,  # a server may ask for a year
            )
            self.sessions[key] = _Session(self, retry)
        return self.sessions[key]


@contextmanager
def guarded(urls: Sequence[str], *, seconds: float, artifacts: str) -> Iterator[Channel]:
    """Let MLflow's client, and ours, reach the servers of `urls` alone in the block, on the terms of a `Channel`.

    Databases of one's own are reached as ever.

    Raises
    ------
    StoreError
        If a server leads elsewhere, answers with more than is expected, in another form, or not in time.
    """
    origins = frozenset(_origin(url) for url in urls if url.startswith(("http://", "https://")))
    channel = Channel(origins, seconds, artifacts)
    if origins:
        # Presigned addresses are of other servers, and MLflow asks them from threads that know nothing of this block.
        MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD.set(False)
        MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD.set(False)
    token = _CHANNEL.set(channel if origins else None)
    try:
        yield channel
    except StoreError:
        raise
    except Exception:
        if channel.left <= 0:
            raise channel.late() from None
        if channel.fault is not None:
            raise channel.fault from None
        raise
    finally:
        _CHANNEL.reset(token)
        for session in channel.sessions.values():
            session.close()


def placed_here(address: str) -> bool:
    """Return whether artifacts lie where somebody here has said, and not only where a server says."""
    channel = _CHANNEL.get()
    return channel is not None and channel.holds(address)


def sealed_here(address: str, digest: str) -> bool:
    """Return whether a sealed model lies beside the artifacts whose place somebody here has said."""
    channel = _CHANNEL.get()
    return channel is not None and channel.seals(address, digest)


@contextmanager
def expecting(most_bytes: int) -> Iterator[None]:
    """Let the answers in the block hold so many bytes, and no more."""
    channel = _CHANNEL.get()
    if channel is None:
        yield
        return
    before, channel.most_bytes = channel.most_bytes, most_bytes
    try:
        yield
    finally:
        channel.most_bytes = before


_CHANNEL: ContextVar[Channel | None] = ContextVar("theragate_channel", default=None)


def _sessions_of(original: Any) -> Any:
    def session(max_retries: int, *more: Any, **named: Any) -> Any:
        channel = _CHANNEL.get()
        if channel is None:
            return original(max_retries, *more, **named)
        _backoff, _jitter, retry_codes, raise_on_status = more[:4]
        return channel.session(retry_codes, retries=max_retries, raise_on_status=raise_on_status)

    return session


def _repositories_of(original: Any) -> Any:
    def repository(artifact_uri: str, *more: Any, **named: Any) -> Any:
        channel = _CHANNEL.get()
        if channel is not None:
            channel.check_artifacts(str(artifact_uri))
        return original(artifact_uri, *more, **named)

    return repository


# All its repositories come from this registry's method.
_REPOSITORIES: Any = artifact_repository_registry._artifact_repository_registry
_REPOSITORIES.get_artifact_repository = _repositories_of(_REPOSITORIES.get_artifact_repository)
# MLflow takes all its sessions from this function, and has no setting for another one.
request_utils._get_request_session = _sessions_of(request_utils._get_request_session)


class _Session(requests.Session):
    def __init__(self, channel: Channel, retry: Retry) -> None:
        super().__init__()
        self._channel = channel
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(channel, retry))

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request; read an answer that is kept in memory, and check it before anybody understands it."""
        answer = super().request(method, url, **{**options, "allow_redirects": False})
        if not options.get("stream"):
            self._check_content(answer)
        return answer

    def _check_content(self, answer: requests.Response) -> None:
        """Refuse JSON that readers take differently, or that exhausts them: deep, endless numbers, repeated keys."""
        if answer.content.lstrip()[:1] not in (b"{", b"["):
            return
        try:
            json.loads(answer.content, object_pairs_hook=_once_each, parse_constant=_refuse)
        except json.JSONDecodeError:
            return  # whoever reads it says so
        except (ValueError, RecursionError) as error:
            raise self._channel.broken(
                "it answers in JSON that everybody reads alike",
                "JSON that is nested too deeply" if isinstance(error, RecursionError) else f"JSON with {error}"[:80],
                "Check MLFLOW_TRACKING_URI, and who runs that server.",
            ) from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that occurs twice")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"the number {constant}")


class _Adapter(HTTPAdapter):
    def __init__(self, channel: Channel, retry: Retry) -> None:
        self._channel = channel
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections that keep to the channel."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._channel)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Make those behind a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _pools(self._channel)
        return manager

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request to a server of the channel; refuse an answer that leads elsewhere or is packed."""
        self._channel.check(str(request.url))
        request.headers["Accept-Encoding"] = "identity"  # a packed answer may be a thousand times as large
        answer = super().send(request, *arguments, **options)
        packed = answer.headers.get("Content-Encoding", "").strip().lower()
        if 300 <= answer.status_code < 400:
            answer.close()
            where = urlsplit(answer.headers.get("Location", ""))
            raise self._channel.broken(
                "it answers by itself",
                f"a redirect to `{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}`"[:200],
                "Set MLFLOW_TRACKING_URI to the server's own address, if that is it.",
            )
        if packed not in _IDENTITY:
            answer.close()
            raise self._channel.broken(
                "it answers unpacked, as it was asked to",
                f"the content encoding `{packed}`"[:80],
                "Let the proxy in front of the server pack nothing that was asked for as `identity`.",
            )
        return answer


def _pools(channel: Channel) -> dict[str, Any]:
    """Return classes of connection pools whose connections count time and bytes, however a server hands them out."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(sock, *arguments, **options)
            raw = sock.makefile("rb", buffering=0)
            self.fp.close()
            self.fp = io.BufferedReader(_Counted(raw, sock, channel))

    class Timed:
        response_class = Answer
        timeout: Any
        sock: Any

        def connect(self) -> None:
            with channel.waiting() as left:
                self.timeout = _least(self.timeout, left)
                super().connect()  # type: ignore[misc]

        def send(self, data: Any) -> None:
            with channel.waiting() as left:
                if self.sock is not None:
                    self.sock.settimeout(_least(self.timeout, left))
                super().send(data)  # type: ignore[misc]

    def pool(kind: type, connection: type) -> type:
        timed = type(f"Timed{connection.__name__}", (Timed, connection), {})
        return type(f"Timed{kind.__name__}", (kind,), {"ConnectionCls": timed})

    return {
        "http": pool(HTTPConnectionPool, HTTPConnection),
        "https": pool(HTTPSConnectionPool, HTTPSConnection),
    }


class _Counted(io.RawIOBase):
    """The bytes of one answer, headers included, as they arrive."""

    def __init__(self, raw: io.RawIOBase, sock: Any, channel: Channel) -> None:
        self._raw, self._socket, self._channel = raw, sock, channel
        self._each: float | None = sock.gettimeout()
        self._most, self._count = channel.most_bytes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with self._channel.waiting() as left:
            self._socket.settimeout(_least(self._each, left))
            read = self._raw.readinto(buffer)
        self._count += read or 0
        if self._count > self._most + _FRAMING:
            raise self._channel.broken(
                f"this answer has {self._most:,} bytes at most",
                "more",
                "Use nothing of it; find out who runs that server.",
            )
        return read

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _least(timeout: Any, left: float) -> float:
    return min(timeout, left) if isinstance(timeout, int | float) else left


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    return parts.scheme, (parts.hostname or "").casefold(), port or {"https": 443, "http": 80}.get(parts.scheme, 0)
