"""Requests that never reach MLflow, whoever sends them: they are refused before any route is looked up."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote

__all__ = ["MOST_REQUEST_BYTES", "RequestFilter", "why_refused"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_REQUEST_BYTES = 64 << 20  # MLflow reads a whole request into memory before it asks who has sent it

_READING = {"GET", "HEAD", "OPTIONS"}
_ASSISTANT = "The assistant is closed on a release server, because it can run commands on it."
_PRESIGNED = "Artifacts are written through the server only, which never changes sealed models."
_WORKSPACES = "Workspaces cannot be changed on a release server, because aliases would move with them."


def why_refused(method: str, path: str) -> str:
    """Return why a request is refused, reading its path in every spelling; empty where it is not."""
    while unquote(path) != path:
        path = unquote(path)
    segments = [segment for segment in path.replace("\\", "/").casefold().split("/") if segment not in ("", ".")]
    for before, segment in zip(["", *segments], segments, strict=False):
        if before != "mlflow":
            continue
        if segment == "assistant":
            return _ASSISTANT
        if segment == "workspaces" and method not in _READING:
            return _WORKSPACES
    return _PRESIGNED if "presigned-upload-url" in segments else ""


class RequestFilter:
    """ASGI middleware that refuses requests and passes all others on to the application.

    Parameters
    ----------
    streamed
        Prefixes of paths to which files of any size may be sent with PUT, because they are written to the disk in
        chunks.
    """

    def __init__(self, application: Application, *, streamed: tuple[str, ...] = ()) -> None:
        self._application, self._streamed = application, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        method, path = scope.get("method", "GET"), scope.get("path", "")
        why, status = why_refused(method, path), 403
        if not why and not (method == "PUT" and path.startswith(self._streamed)):
            why, status = _why_too_large(scope.get("headers", ())), 413
        if not why:
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            body = json.dumps({"error_code": "PERMISSION_DENIED", "message": why}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _why_too_large(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return why a request's size is refused; without a stated length it would have to be read to be measured."""
    for name, value in headers:
        chunked = name.lower() == b"transfer-encoding"
        if chunked or (
            name.lower() == b"content-length" and not (value.isdigit() and int(value) <= MOST_REQUEST_BYTES)
        ):
            return (
                f"A request states its length, and has {MOST_REQUEST_BYTES:,} bytes at most; send files as artifacts."
            )
    return ""
