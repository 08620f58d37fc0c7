"""The bodies of requests, taken in bounded time and memory: what an application reads whole is counted before."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theragate.mlflow_plugin.limits import Limits

__all__ = ["SIGNED_IN", "BodyError", "Budget", "GoneError", "Message", "Receive", "Stream", "replayed", "whole"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

SIGNED_IN = "theragate_signed_in"  # in the state of a request: its connection does not give way to others
_LOOK = 64 << 20  # after so many bytes of a file, the disk is looked at again


class BodyError(Exception):
    """A body is not taken: an HTTP status, and a sentence for people."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class GoneError(Exception):
    """The client has gone before its request had come whole: there is nobody to answer."""


@dataclass
class Budget:
    """What bodies and uploads hold at the same time, in one process."""

    limits: Limits
    _bytes: Counter[str] = field(default_factory=Counter)
    _uploads: Counter[str] = field(default_factory=Counter)
    _requests: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def body(self, user: str, size: int) -> Iterator[None]:
        """Hold `size` bytes for a user until the request is answered.

        Raises
        ------
        BodyError
            If too much is held already: the client tries again by itself.
        """
        most = self.limits.bytes_of_one_user if user else self.limits.bytes_in_flight
        if self._bytes[user] + size > most or self._bytes.total() + size > self.limits.bytes_in_flight:
            raise BodyError(503, "The server holds as much of other requests as it can; send this one again.")
        with _held(self._bytes, user, size):
            yield

    @contextmanager
    def upload(self, user: str) -> Iterator[None]:
        """Hold one of the places for files.

        Raises
        ------
        BodyError
            If the user sends as many files at the same time as anybody may.
        """
        with _place(self._uploads, user, most=self.limits.uploads_of_one_user, named="files"):
            yield

    @contextmanager
    def request(self, user: str) -> Iterator[None]:
        """Hold one of the places for requests, until the answer has been read.

        Raises
        ------
        BodyError
            If the user has as many requests under way as anybody may.
        """
        with _place(self._requests, user, most=self.limits.requests_of_one_user, named="requests"):
            yield


@contextmanager
def _place(counter: Counter[str], user: str, *, most: int, named: str) -> Iterator[None]:
    if counter[user] >= most:
        raise BodyError(503, f"Nobody sends more than {most} {named} at the same time; send this one again.")
    with _held(counter, user, 1):
        yield


@contextmanager
def _held(counter: Counter[str], user: str, amount: int) -> Iterator[None]:
    counter[user] += amount
    try:
        yield
    finally:
        counter[user] -= amount
        if not counter[user]:
            del counter[user]


@dataclass
class _Clock:
    """The deadline of one body, which every byte puts off a little."""

    limits: Limits
    taken: int = 0
    start: float = field(default_factory=time.monotonic)

    async def next(self, receive: Receive) -> Message:
        """Receive the next message.

        Raises
        ------
        BodyError
            If it does not come in time.
        GoneError
            If the client has gone.
        """
        end = self.start + self.limits.body_seconds + self.taken / self.limits.body_rate
        try:
            message = await asyncio.wait_for(receive(), end - time.monotonic())
        except TimeoutError as error:
            rate, seconds = self.limits.body_rate, self.limits.body_seconds
            raise BodyError(
                408, f"After {seconds:g} seconds, a body comes with at least {rate:g} bytes a second; send it faster."
            ) from error
        if message["type"] == "http.disconnect":
            raise GoneError
        self.taken += len(message.get("body", b""))
        return message


async def whole(receive: Receive, *, most: int, limits: Limits) -> bytes:
    """Return a whole body of at most `most` bytes.

    Raises
    ------
    BodyError
        If it is larger or too slow.
    GoneError
        If the client has gone before its end.
    """
    clock, pieces, more = _Clock(limits), list[bytes](), True
    while more:
        message = await clock.next(receive)
        if clock.taken > most:
            raise BodyError(413, f"A body has the length that its request states, {most:,} bytes at most here.")
        if message.get("body"):
            pieces.append(message["body"])
        more = message.get("more_body", False)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a channel that delivers `body`, and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


class Stream:
    """A body that the application writes to the disk piece by piece; `refused` says why its end never came.

    Parameters
    ----------
    disk
        A folder on the disk that has to keep some space free; None where files go elsewhere.
    """

    def __init__(self, receive: Receive, *, limits: Limits, disk: Path | None) -> None:
        self._receive, self._limits, self._disk = receive, limits, disk
        self._clock, self._looked, self._ended = _Clock(limits), -1, False
        self.refused: BodyError | GoneError | None = None

    async def __call__(self) -> Message:
        """Receive the next piece, or raise what `refused` then holds."""
        if self._ended:
            return await self._receive()
        try:
            message = await self._clock.next(self._receive)
            self._check()
        except (BodyError, GoneError) as error:
            self.refused = error
            raise
        self._ended = not message.get("more_body", False)
        return message

    def _check(self) -> None:
        if self._clock.taken > self._limits.file_bytes:
            raise BodyError(413, f"A file has {self._limits.file_bytes:,} bytes at most; send it in parts.")
        if self._disk is not None and self._clock.taken // _LOOK > self._looked:
            self._looked = self._clock.taken // _LOOK
            if shutil.disk_usage(self._disk).free < self._limits.free_bytes:
                raise BodyError(507, "The server's disk is full, so that it takes no files; tell whoever runs it.")
