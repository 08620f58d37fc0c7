"""Requests that never reach MLflow, whoever sends them: refused before any route is looked up."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote

__all__ = ["MOST_BYTES", "RequestFilter", "why_refused"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 << 20  # of a request; MLflow reads it into memory whole, before it asks who has sent it

_READING = {"GET", "HEAD", "OPTIONS"}
_ASSISTANT = "The assistant is closed on a release server, because it can run commands on it."
_PRESIGNED = "Artifacts are written through the server only, which does not touch sealed models."
_WORKSPACES = "Workspaces cannot be changed on a release server, because aliases would move with them."


def why_refused(method: str, path: str) -> str:
    """Return why a request is refused; empty where it is not. The path is read in every spelling."""
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
    """An application behind the list of closed doors.

    Parameters
    ----------
    streamed
        The beginnings of paths to which files of any size are sent, with PUT, because they go to the disk piece by
        piece.
    """

    def __init__(self, application: Application, *, streamed: tuple[str, ...] = ()) -> None:
        self._application, self._streamed = application, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused, or pass it on."""
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
    """Return why a request's size is refused; what has no length given has to be read to be measured."""
    for name, value in headers:
        endless = name.lower() == b"transfer-encoding"
        if endless or (name.lower() == b"content-length" and not (value.isdigit() and int(value) <= MOST_BYTES)):
            return f"A request says its length, and has {MOST_BYTES:,} bytes at most; send files to the artifacts."
    return ""
