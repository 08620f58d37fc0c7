import http.server
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pytest

from theragate.errors import StoreError
from theragate.tracking.failures import store_error
from theragate.tracking.store import Stores, prepare

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates


def at(url):
    return Stores(url, url, "")


def sqlite(path):
    return at(f"sqlite:///{path}")


def revision(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    return found


def test_a_database_is_created_once_with_its_folder(tmp_path, capfd):
    path = tmp_path / "new" / "mlflow.db"
    prepare(sqlite(path))
    inode = path.stat().st_ino
    prepare(sqlite(path))
    assert path.stat().st_ino == inode
    assert len(revision(path)) == 1
    assert not list(path.parent.glob("*.part"))
    assert capfd.readouterr() == ("", "")


def test_a_creation_that_is_killed_leaves_no_half_made_database(tmp_path):
    path = tmp_path / "mlflow.db"
    code = "import sys; from theragate.tracking.store import *; prepare(Stores(sys.argv[1], sys.argv[1], ''))"
    process = subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{path}"])
    deadline = time.monotonic() + 30
    while not any(part.stat().st_size for part in tmp_path.glob("*.part")) and time.monotonic() < deadline:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    path.touch()  # an empty file counts as none
    prepare(sqlite(path))
    assert len(revision(path)) == 1


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(StoreError, match=r"received a file that is not a database\. Restore it from a backup"):
        prepare(sqlite(path))
    assert path.read_bytes().startswith(b"not a database"), "nothing is overwritten"


def test_a_damaged_database(tmp_path, empty_database):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database[:4096] + b"\xff" * (len(empty_database) - 4096))
    with pytest.raises(StoreError, match="received a damaged database"):
        prepare(sqlite(path))


def test_a_database_of_another_program(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="a database of another program"):
        prepare(sqlite(path))


@pytest.mark.parametrize("found", ["451aebb31d03", "ffffffffffff"])
def test_a_database_of_an_older_or_newer_mlflow_is_not_upgraded_unasked(tmp_path, empty_database, found):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [found])
    connection.close()
    with pytest.raises(StoreError, match=r"is one of MLflow 3\.17.*Take a backup and run `mlflow db upgrade`"):
        prepare(sqlite(path))
    assert revision(path) == [(found,)]


def test_a_locked_database(tmp_path, empty_database):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match=r"received a locked database\. Close the program that holds it"):
            prepare(at(f"sqlite:///{path}?timeout=0.2"))
    finally:
        holder.close()


def test_a_read_only_database(tmp_path, empty_database):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database)
    with pytest.raises(StoreError, match="received a database that is read-only"):
        prepare(at(f"sqlite:///file:{path}?mode=ro&uri=true"))


def test_a_full_disk_is_one_line_without_the_traceback_that_mlflow_prints(tmp_path, empty_database):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database)
    code = """
import resource, signal, sys
from theragate.errors import StoreError
from theragate.tracking.store import Stores, opened
size = int(sys.argv[2])
try:
    with opened(Stores(sys.argv[1], sys.argv[1], "")) as client:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        for number in range(1000):
            client.create_experiment(f"experiment {number} {'x' * 200}")
except StoreError as error:
    print(error)
"""
    command = [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{path}", str(len(empty_database))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"MLflow store `sqlite:///{path}`: ")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="MLflow store"):
        prepare(sqlite(tmp_path / "file" / "mlflow.db"))


def test_a_server_that_does_not_answer_is_reported_at_once(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits for {seconds} s, to try again"))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9`: .* received no answer\. Start the server"):
        prepare(at("http://127.0.0.1:9"))


class Answer(http.server.BaseHTTPRequestHandler):
    status, body = 200, b"2.19.0"

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments):
        pass


class Refusal(Answer):
    status, body = 401, b"who are you?"


class Wait(Answer):
    status, body = 403, b"Too many wrong passwords; try again in 8 s."


class Page(Answer):
    status, body = 403, b"<html>\n</html>"


ANSWERS = [
    (Answer, r"version 2\.19\.0\. Check MLFLOW_TRACKING_URI"),
    (Refusal, "HTTP status 401: nobody has, .*Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    (Wait, r"HTTP status 403: Too many wrong passwords; try again in 8 s\. Check"),
    (Page, r"HTTP status 403\. Check"),
]


@pytest.mark.parametrize(("kind", "received"), ANSWERS)
def test_a_server_of_another_version_or_that_refuses(kind, received):
    with http.server.HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(StoreError, match=f"received {received}"):
                prepare(at(f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()


def test_a_real_server_is_accepted(server):
    prepare(at(server))


@pytest.mark.parametrize("driver", ["mssql+pyodbc", "mysql+driver_of_nobody"])
def test_a_database_whose_driver_is_not_installed(driver):
    with pytest.raises(StoreError, match="received a database whose driver is not installed"):
        prepare(at(f"{driver}://name:secret@127.0.0.1:9/mlflow"))


@pytest.mark.parametrize("url", ["mlruns", "file:///tmp/mlruns"])
def test_a_folder_is_no_store(url):
    with pytest.raises(StoreError, match="URL of a database or of a server; received the path of a folder"):
        prepare(at(url))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql+psycopg://ann:hunter2@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://ann:%68unter%32@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://ann:x/hunter2@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://ann:x@hunter2@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql+psycopg://ann:x?hunter2@host/db", "postgresql+psycopg://***"),
        ("postgresql+psycopg:///db?host=host&user=ann&password=hunter2", "postgresql+psycopg:///db"),
        ("postgresql+psycopg:///db?user=ann&password=x@hunter2", "postgresql+psycopg://***"),
        ("https://ann:hunter2@host", "https://***@host"),
        ("https://hunter2@host", "https://***@host"),
    ],
)
def test_user_and_password_are_never_shown_however_they_were_written(url, name):
    for said in (f"cannot reach {url}", f"odd port: {unquote(url)!r}", "failed to resolve host 'hunter2@host'"):
        shown = str(store_error(OSError(said), url))
        assert "hunter2" not in shown
        assert "%68unter" not in shown
        assert f"MLflow store `{name}`" in shown


@pytest.mark.parametrize("url", ["postgresql://ann:hunter2@host:five/db", "sqlite:hunter2", "mysql:/hunter2:x@host"])
def test_a_text_that_is_no_url_is_refused_and_its_password_not_shown(url):
    with pytest.raises(StoreError, match="URL of a database or of a server; received text that is not one") as caught:
        prepare(at(url))
    assert "ann" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_unknown_failure_is_shown_as_its_first_line():
    shown = str(store_error(ValueError("odd thing\nTraceback of many lines"), "sqlite:///a.db"))
    assert "odd thing" in shown
    assert "Traceback" not in shown


def test_mlflow_is_quiet_and_offline_unless_the_user_says_otherwise(tmp_path):
    code = (
        "import theragate.tracking; from os import environ as e; "
        "print(e['MLFLOW_DISABLE_TELEMETRY'], e['MLFLOW_LOGGING_LEVEL'])"
    )
    environment = {"PATH": str(Path(sys.executable).parent), "MLFLOW_LOGGING_LEVEL": "DEBUG"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["true", "DEBUG"]
