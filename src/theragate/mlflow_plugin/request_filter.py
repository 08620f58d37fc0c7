"""Requests that never reach MLflow, whoever sends them: they are refused before any route is looked up."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from theragate.mlflow_plugin.bodies import (
    SIGNED_IN,
    BodyError,
    Budget,
    GoneError,
    Message,
    Receive,
    Stream,
    replayed,
    whole,
)
from theragate.mlflow_plugin.limits import Limits
from theragate.mlflow_plugin.sign_in import Answer, SignIn
from theragate.mlflow_plugin.spellings import plain_path

__all__ = ["RequestFilter", "why_refused"]

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LINGER = 2  # seconds for which what is not taken is read all the same

_READING = {"GET", "HEAD", "OPTIONS"}
_ASSISTANT = "The assistant is closed on a release server, because it can run commands on it."
_DEMO = "MLflow's demonstration is closed on a release server, whose models and experiments are people's own."
_PRESIGNED = "Artifacts are written through the server only, which never changes sealed models."
_RUNS = (
    "MLflow's AI gateway, jobs and scorers are closed on a release server, because they let it send requests and run "
    "code for whoever asks; use them on another server."
)
_RUNNING = ("gateway", "gateway-proxy", "jobs", "prompt-optimization")
_SPELLED = "A path is encoded once; this one is encoded over and over, so that it is not read at all."
_WORKSPACES = "Workspaces cannot be changed on a release server, because aliases would move with them."


def why_refused(method: str, path: str) -> str:
    """Return why a request is refused, reading its path in every spelling; empty where it is not."""
    plain = plain_path(path)
    if plain is None:
        return _SPELLED
    segments = [segment for segment in plain.replace("\\", "/").casefold().split("/") if segment not in ("", ".")]
    if _runs(method, segments):
        return _RUNS
    for before, segment in zip(["", *segments], segments, strict=False):
        if before != "mlflow":
            continue
        if segment == "assistant":
            return _ASSISTANT
        if segment == "demo":
            return _DEMO
        if segment == "workspaces" and method not in _READING:
            return _WORKSPACES
    return _PRESIGNED if "presigned-upload-url" in segments else ""


def _runs(method: str, segments: list[str]) -> bool:
    """Return whether a request lets the server run or send something; MLflow may serve its routes below a prefix."""
    writes = method not in _READING
    for before, segment in zip(["", *segments], segments, strict=False):
        if segment in ("mlflow-artifacts", "static-files"):
            return False  # what follows is the name of a file
        if segment == "gateway" and before != "mlflow":
            return True
        if writes and ((before == "mlflow" and segment in _RUNNING) or (before == "3.0" and segment == "jobs")):
            return True
    return writes and "mlflow" in segments and segments[-1] == "invoke"


class RequestFilter:
    """ASGI middleware that refuses requests, reads the others in bounded time and memory, and passes them on.

    Parameters
    ----------
    streamed
        Prefixes of paths to which files may be sent with PUT, because they are written to the disk in pieces.
    sign_in
        Who has sent a request; None where nobody signs in.
    disk
        A folder on the disk to which files are written; None where they go elsewhere.
    """

    def __init__(
        self,
        application: Application,
        *,
        limits: Limits,
        streamed: tuple[str, ...] = (),
        sign_in: SignIn | None = None,
        disk: Path | None = None,
    ) -> None:
        self._application, self._streamed, self._limits = application, streamed, limits
        self._sign_in, self._disk, self._budget = sign_in, disk, Budget(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._application(scope, receive, send)
        else:
            with suppress(GoneError):
                try:
                    await self._serve(scope, receive, send)
                except BodyError as error:
                    await self._answer(_refusal(error.status, error.why), receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        if why := why_refused(method, path):
            raise BodyError(403, why)
        streams = method == "PUT" and path.startswith(self._streamed)
        size = _size(headers, most=self._limits.file_bytes if streams else self._limits.request_bytes, open_end=streams)
        user = await self._user(scope, large=streams or size > self._limits.bytes_before_sign_in)
        if isinstance(user, Answer):
            await self._answer(user, receive, send)
            return
        if user:
            scope.setdefault("state", {})[SIGNED_IN] = True
        # What strangers hold is bounded by the number of connections, which give way.
        with self._budget.request(user) if user else nullcontext():
            if streams:
                with self._budget.upload(user):
                    await self._stream(scope, receive, send)
            else:
                with self._budget.body(user, size) if size > self._limits.bytes_before_sign_in else nullcontext():
                    body = await whole(receive, most=size, limits=self._limits)
                    await self._application(scope, replayed(body, receive), send)

    async def _user(self, scope: Scope, *, large: bool) -> str | Answer:
        return "" if self._sign_in is None else await self._sign_in.user(scope, must=large)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application write a file, and answer in its place where the file has not come whole."""
        stream = Stream(receive, limits=self._limits, disk=self._disk)

        async def answer(message: Message) -> None:
            if stream.refused is None:
                await send(message)

        try:
            await self._application(scope, stream, answer)
        except Exception:
            if stream.refused is None:
                raise
        if stream.refused is not None:
            raise stream.refused

    async def _answer(self, answer: Answer, receive: Receive, send: Send) -> None:
        """Answer at once, read on for a moment, so that whoever sends sees the answer, and close."""
        kept = [header for header in answer.headers if header[0] not in (b"connection", b"content-length")]
        kept += [(b"content-length", str(len(answer.body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_LINGER, self._limits.body_seconds)):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _size(headers: Iterable[tuple[bytes, bytes]], *, most: int, open_end: bool) -> int:
    """Return how many bytes a request may bring, as its headers say: `most` where its end may be open.

    Raises
    ------
    BodyError
        If it says that it is too large, or does not say how large it is: it would have to be read to be measured. Or
        if it is compressed, so that its size says nothing, or a header passes for
        another.
    """
    size = 0
    for name, value in headers:
        chunked = name.lower() == b"transfer-encoding"
        sized = name.lower() == b"content-length"
        if (chunked and not open_end) or (sized and not (value.isdigit() and int(value[:20]) <= most)):
            raise BodyError(
                413, f"A request states its length, and has {most:,} bytes at most; send files as artifacts."
            )
        if b"_" in name:
            raise BodyError(400, "The name of a header has no `_`, which MLflow reads as a `-`; leave the header out.")
        if name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise BodyError(415, "A request is not compressed, because its size would say nothing; send it as it is.")
        size = most if chunked else int(value) if sized else size
    return size


def _refusal(status: int, why: str) -> Answer:
    code = "PERMISSION_DENIED" if status == 403 else "TEMPORARILY_UNAVAILABLE" if status == 503 else "BAD_REQUEST"
    body = json.dumps({"error_code": code, "message": why}).encode()
    later = ((b"retry-after", b"1"),) if status == 503 else ()
    return Answer(status, ((b"content-type", b"application/json"), *later), body)
