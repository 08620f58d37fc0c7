"""Connections that end: uvicorn's protocol, with the deadlines that it does not have.

uvicorn waits for ever for the head of a request and for somebody who does not read the answer, and takes any number of
connections. Bodies have their deadline in `theragate.mlflow_plugin.bodies`.
"""

import asyncio
import os

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from theragate.mlflow_plugin.bodies import SIGNED_IN
from theragate.mlflow_plugin.limits import read_limits

__all__ = ["Connection"]


class Connection(H11Protocol):
    """A connection that is given up when its client takes too long.

    uvicorn makes one for each client, by the name of this class: it is a door, and the environment is read here.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for the first request."""
        super().connection_made(transport)
        self._limits = read_limits(os.environ)
        self._since = self.loop.time()
        self._for_request: asyncio.TimerHandle | None = None
        self._for_reader: asyncio.TimerHandle | None = None
        self._make_room()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of one that was answered before it had come whole."""
        super().on_response_complete()
        self._since = self.loop.time()
        self._watch()
        if self.transport.is_closing():
            self._expect_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without a request."""
        super().timeout_keep_alive_handler()
        self._expect_reader()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._expect_reader()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        _cancel(self._for_reader)
        self._for_reader = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        _cancel(self._for_request)
        self._for_request = None
        _cancel(self._for_reader)
        self._for_reader = None
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Let the client take only so long from one answer to the last header of the next request."""
        answered = self.cycle is None or self.cycle.response_complete
        if not (answered and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)):
            if self._for_request is not None:
                self._since = self.loop.time()
            _cancel(self._for_request)
            self._for_request = None
        elif self._for_request is None and not self.transport.is_closing():
            self._for_request = self.loop.call_later(self._limits.header_seconds, self.transport.abort)

    def _expect_reader(self) -> None:
        if self._for_reader is None:
            self._for_reader = self.loop.call_later(self._limits.answer_seconds, self.transport.abort)

    def _make_room(self) -> None:
        """Where there are too many, give up the oldest connection that nobody has signed in on, or else this one."""
        if len(self.connections) <= self._limits.connections:
            return
        others = [one for one in self.connections if isinstance(one, Connection) and one._gives_way()]
        min(others, key=lambda one: one._since, default=self).transport.abort()

    def _gives_way(self) -> bool:
        """Return whether this connection serves nobody who has signed in."""
        waits = self.cycle is None or self.cycle.response_complete
        return not self.transport.is_closing() and (waits or not self.scope["state"].get(SIGNED_IN))


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
