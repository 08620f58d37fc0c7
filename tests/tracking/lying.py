"""A server that lies: it answers as MLflow's and ours do, and then as a test says."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mlflow

Lie = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; a lie writes what it likes."""

    protocol_version = "HTTP/1.1"
    server: "_Threads"

    @property
    def route(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}

    def answer(self) -> None:
        self.server.liar.asked.append((self.command, self.path, self.headers.get("Authorization")))
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        routes = self.server.liar.routes
        lie = next((lie for route, lie in routes.items() if self.route.startswith(route)), None)
        if self.route == "/version":
            lie = routes.get("/version", text(mlflow.__version__))
        try:
            (lie or content({}))(self)
        except OSError:  # the client has had enough
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names of the standard library

    def log_message(self, *_: Any) -> None:
        pass

    def begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    @property
    def stopped(self) -> threading.Event:
        return self.server.liar.stopped


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    liar: "Liar"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the client has had enough."""


@dataclass
class Liar:
    """The server's address, what it was asked, and how it answers, by the beginning of a route."""

    address: str
    routes: dict[str, Lie] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def lying(**routes: Lie) -> Iterator[Liar]:
    with _Threads(("127.0.0.1", 0), Request) as server:
        server.liar = Liar(f"http://127.0.0.1:{server.server_port}", dict(routes))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.liar
        finally:
            server.liar.stopped.set()
            server.shutdown()
            thread.join()


def text(body: str | bytes, status: int = 200, **headers: str) -> Lie:
    raw = body if isinstance(body, bytes) else body.encode()

    def lie(request: Request) -> None:
        request.begin(status, Content_Length=str(len(raw)), **headers)
        request.wfile.write(raw)

    return lie


def content(value: Any, status: int = 200) -> Lie:
    return text(json.dumps(value), status, Content_Type="application/json")


def endless(piece: bytes, *, chunked: bool = False, pause: float = 0.0) -> Lie:
    """Write the same piece again and again, until the client or the test has had enough."""

    def lie(request: Request) -> None:
        how = {"Transfer_Encoding": "chunked"} if chunked else {"Connection": "close"}
        request.begin(200, Content_Type="application/json", **how)
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        sent = 0
        while not request.stopped.is_set() and sent < 1 << 30:
            request.wfile.write(framed)
            sent += len(framed)
            if pause:
                request.stopped.wait(pause)
        request.close_connection = True

    return lie


def raw(head: bytes, again: bytes = b"", *, pause: float = 0.0) -> Lie:
    """Write bytes that need not be HTTP."""

    def lie(request: Request) -> None:
        request.wfile.write(head)
        sent = 0
        while again and not request.stopped.is_set() and sent < 1 << 28:
            request.wfile.write(again)
            sent += len(again)
            if pause:
                request.stopped.wait(pause)
        request.close_connection = True

    return lie


def redirect(location: str, status: int = 302) -> Lie:
    return text("", status, Location=location)


def now() -> float:
    return time.monotonic()
