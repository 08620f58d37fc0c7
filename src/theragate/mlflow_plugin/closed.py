"""Requests that never reach MLflow, whoever sends them: refused before any route is looked up."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException

__all__ = ["MOST_BYTES", "Closed", "why_closed"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 << 20  # of a request; MLflow reads it into memory whole, before it asks who has sent it

_READING = {"GET", "HEAD", "OPTIONS"}
_ASSISTANT = "The assistant is closed on a release server, because it can run commands on it."
_PRESIGNED = "Artifacts are written through the server only, which does not touch sealed models."
_WORKSPACES = "Workspaces cannot be changed on a release server, because aliases would move with them."


def why_closed(method: str, path: str) -> str:
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


class Closed:
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
        """Answer a request with status 403, or pass it on, up to the size that it may have."""
        method, path = scope.get("method", "GET"), scope.get("path", "")
        why = why_closed(method, path)
        if not why:
            streams = method == "PUT" and path.startswith(self._streamed)
            await self._application(scope, receive if streams else _measured(receive), send)
        elif scope["type"] == "http":
            body = json.dumps({"error_code": "PERMISSION_DENIED", "message": why}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _measured(receive: Receive) -> Receive:
    """Receive a request as long as it has no more than `MOST_BYTES`."""
    received = 0

    async def measured() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BYTES:
            raise HTTPException(413, f"A request has {MOST_BYTES:,} bytes at most; send files to the artifacts.")
        return message

    return measured
