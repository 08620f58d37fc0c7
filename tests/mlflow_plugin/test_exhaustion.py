"""Whoever would wear a real server out: half-sent requests, slow readers, too many connections, too much at once."""

import contextlib
import socket
import time
from base64 import b64encode
from pathlib import Path

import psutil
import pytest
import requests
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.servers import PASSWORD, Server, experiment_of, running

pytestmark = pytest.mark.xdist_group("exhaustion")

MIB = 1 << 20
FILES = "/api/2.0/mlflow-artifacts/artifacts"
LIMITS = (
    "header_seconds=2 body_seconds=2 body_rate=1000000 answer_seconds=2 connections=60 uploads_of_one_user=4 "
    "requests_of_one_user=20 "
    f"bytes_in_flight={48 * MIB} bytes_of_one_user={32 * MIB} file_bytes={64 * MIB}"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worn")
    made = Server(folder, f"sqlite:///{folder}/mlflow.db", Deployment(folder / "deployment"), limits=LIMITS)
    with running(made):
        made.hire()
        experiment_of(made.person("alan"))
        yield made


def resident(server) -> int:
    """Bytes of memory of the whole process tree."""
    pages = 0
    for one in [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]:
        pages += int(Path(f"/proc/{one.pid}/statm").read_text().split()[1])
    return pages * 4096


def head(method, path, *, length=None, user=None, password=PASSWORD, more=""):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if user:
        lines.append(f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n" + more + "\r\n").encode()


def dialled(server, data=b"", *, stack):
    """A connection on which `data` was sent."""
    one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    send(one, data)
    return one


def send(one, data):
    """Send as much of `data` as the server takes; it may have gone."""
    one.settimeout(1)
    with contextlib.suppress(OSError):
        one.sendall(data)
    one.settimeout(30)


def answered(one) -> bytes:
    """All that comes until the server ends the connection."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(1 << 16):
            got += piece
    return got


def alive(server):
    return requests.get(f"{server.address}/health", timeout=30).status_code == 200


POST, PUT = ("POST", "/api/2.0/mlflow/runs/create"), ("PUT", f"{FILES}/0/x/artifacts/big")


@pytest.mark.parametrize(("method", "path"), [POST, PUT, ("PUT", "/api/2.0/theragate/dossiers/0")])
def test_bodies_of_strangers_hold_no_memory(server, method, path):
    before, half = resident(server), b"x" * (20 * MIB)
    with contextlib.ExitStack() as stack:
        ends = [dialled(server, head(method, path, length=30 * MIB) + half, stack=stack) for _ in range(10)]
        assert resident(server) - before < 40 * MIB
        assert {answered(one)[:12] for one in ends} <= {b"HTTP/1.1 401", b""}
    assert alive(server)


def test_strangers_are_told_before_they_send(server):
    with contextlib.ExitStack() as stack:
        one = dialled(server, head(*PUT, length=60 * MIB, more="Expect: 100-continue\r\n"), stack=stack)
        assert answered(one).startswith(b"HTTP/1.1 401")
        guess = dialled(server, head(*PUT, length=60 * MIB, user="alan", password="a guess"), stack=stack)  # noqa: S106
        assert answered(guess).startswith(b"HTTP/1.1 401")
        endless = dialled(server, head(*PUT, more="Transfer-Encoding: chunked\r\n"), stack=stack)
        assert answered(endless).startswith(b"HTTP/1.1 401")


def test_one_user_holds_only_a_share_of_the_memory(server):
    before = resident(server)
    with contextlib.ExitStack() as stack:
        ends = [
            dialled(server, head(*POST, length=20 * MIB, user="mallory") + b"x" * (19 * MIB), stack=stack)
            for _ in range(8)
        ]
        answer = server.person("alan").send("POST", POST[1], data=b"{" + b" " * (10 * MIB))
        assert answer.status_code == 400  # it was read: there is room for others
        assert resident(server) - before < 200 * MIB
        got = [answered(one) for one in ends]
    assert sum(one.startswith(b"HTTP/1.1 408") for one in got) <= 1
    refused = [one for one in got if one.startswith(b"HTTP/1.1 503")]
    assert len(refused) >= 6, [one[:60] for one in got]
    assert b"send this one again" in refused[0]


def test_a_body_that_does_not_come_is_given_up(server):
    with contextlib.ExitStack() as stack:
        stranger = dialled(server, head(*POST, length=1000) + b"{", stack=stack)
        member = dialled(server, head(*POST, length=1000, user="mallory") + b"{", stack=stack)
        file = dialled(server, head(*PUT, length=1000, user="mallory") + b"{", stack=stack)
        for one in (stranger, member, file):
            got = answered(one)
            assert got.startswith(b"HTTP/1.1 408"), got
            assert b"send it faster" in got


def test_a_file_without_end_is_given_up_and_leaves_nothing(server):
    mallory = server.person("mallory")
    run = mallory.run(experiment_of(mallory))
    place = f"{experiment_of(mallory)}/{run}/artifacts"
    with contextlib.ExitStack() as stack:
        one = dialled(
            server,
            head("PUT", f"{FILES}/{place}/big", user="mallory", more="Transfer-Encoding: chunked\r\n"),
            stack=stack,
        )
        for _ in range(65):
            send(one, b"%x\r\n%s\r\n" % (MIB, b"x" * MIB))
        got = answered(one)
    assert got.startswith(b"HTTP/1.1 413"), got[:300]
    assert b"A file has 67,108,864 bytes at most" in got
    assert not [path for path in (server.artifacts / place).rglob("*") if path.is_file()]


def test_on_a_full_disk_no_file_is_taken(server, tmp_path):
    """A second server, for which no disk is large enough."""
    full = Server(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", server.deployment, limits=f"free_bytes={1 << 60}")
    with running(full):
        admin = full.person("admin")
        answer = admin.send("PUT", f"{FILES}/0/x/artifacts/file", data=b"x")
        assert answer.status_code == 507, answer.text
        assert "The server's disk is full" in answer.json()["message"]
        assert admin.api("POST", "experiments/create", name="still there").status_code == 200
    assert not [path for path in full.artifacts.rglob("*") if path.is_file()]


def test_files_at_the_same_time(server):
    with contextlib.ExitStack() as stack:
        ends = [
            dialled(server, head("PUT", f"{FILES}/0/x/artifacts/{number}", length=MIB, user="mallory"), stack=stack)
            for number in range(8)
        ]
        codes = [answered(one)[9:12] for one in ends]
    assert codes.count(b"503") == 4, codes


def test_heads_that_never_end(server):
    with contextlib.ExitStack() as stack:
        silent, slow = dialled(server, stack=stack), dialled(server, b"GET / HTTP/1.1\r\nHos", stack=stack)
        second = dialled(server, head("GET", "/health") + b"GET /hea", stack=stack)
        assert answered(silent) == answered(slow) == b""
        assert answered(second).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        trickle = dialled(server, b"GET / HTTP/1.1\r\n", stack=stack)
        with contextlib.suppress(OSError):
            while time.monotonic() < begun + 60:
                trickle.sendall(b"X: 1\r\n")
                trickle.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    if not trickle.recv(1):
                        break
        assert time.monotonic() < begun + 60
        large = dialled(server, b"GET / HTTP/1.1\r\nX: " + b"y" * (2 * MIB), stack=stack)
        assert answered(large)[:12] in (b"HTTP/1.1 400", b"")


def test_the_rest_of_a_request_that_was_answered(server):
    """An upload that MLflow refuses before it has read it goes on for ever, as far as uvicorn is concerned."""
    with contextlib.ExitStack() as stack:
        one = dialled(
            server,
            head("PUT", f"{FILES}/sealed/x", user="mallory", more="Transfer-Encoding: chunked\r\n"),
            stack=stack,
        )
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() < begun + 60:
                one.sendall(b"1\r\nx\r\n")
                one.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    if not one.recv(1 << 16):
                        break
        assert time.monotonic() < begun + 60


def test_answers_that_nobody_reads(server):
    """The connection is reset, and with it ends what the server keeps for it."""
    mallory = server.person("mallory")
    experiment = experiment_of(mallory)
    run = mallory.run(experiment)
    path = f"{FILES}/{experiment}/{run}/artifacts/large"
    assert mallory.send("PUT", path, data=b"x" * (60 * MIB)).status_code == 200
    with contextlib.ExitStack() as stack:
        ends = [dialled(server, head("GET", path, user="mallory"), stack=stack) for _ in range(5)]
        deadline = time.monotonic() + 60
        while established(server) < 5 and time.monotonic() < deadline:  # until the server has taken them from its queue
            alive(server)
        assert established(server) >= 5
        deadline = time.monotonic() + 60
        while established(server) and time.monotonic() < deadline:
            alive(server)
        assert not established(server)
        assert all(len(answered(one)) < 60 * MIB for one in ends)


def established(server) -> int:
    """How many connections the server holds, those of this test's own requests left out."""
    tree = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    return sum(
        one.status == "ESTABLISHED" and one.laddr.port == server.port
        for process in tree
        for one in process.net_connections("tcp")
    )


def test_connections_of_strangers_make_room(server):
    with contextlib.ExitStack() as stack:
        strangers = [dialled(server, b"GET / HT", stack=stack) for _ in range(50)]
        strangers += [dialled(server, head(*POST, length=900) + b"{", stack=stack) for _ in range(50)]
        assert server.person("ada").api("GET", "experiments/get", experiment_id="0").status_code == 200
        assert established(server) <= 61
        assert not answered(strangers[0])


def test_connections_with_a_wrong_password_make_room(server):
    """Whoever sends a password is not yet somebody."""
    with contextlib.ExitStack() as stack:
        for number in range(100):
            data = head(*POST, length=20 * MIB, user=f"nobody{number}", password="a guess") + b"{"  # noqa: S106
            dialled(server, data, stack=stack)
        assert server.person("ada").api("GET", "experiments/get", experiment_id="0").status_code == 200
        assert established(server) <= 61


def test_one_user_holds_only_a_share_of_the_connections(server):
    mallory = server.person("mallory")
    experiment = experiment_of(mallory)
    path = f"{FILES}/{experiment}/{mallory.run(experiment)}/artifacts/slow"
    assert mallory.send("PUT", path, data=b"x" * (30 * MIB)).status_code == 200
    with contextlib.ExitStack() as stack:
        ends = [dialled(server, head("GET", path, user="mallory"), stack=stack) for _ in range(30)]
        begun = [one.recv(12) for one in ends]  # nobody reads on
        assert begun.count(b"HTTP/1.1 503") == 10, begun
        assert server.person("ada").api("GET", "experiments/get", experiment_id="0").status_code == 200


def test_compressed_bodies_are_refused(server):
    answer = server.person("mallory").send(
        "POST", "/v1/traces", data=b"\x1f\x8b", headers={"Content-Encoding": "gzip", "Content-Type": "x"}
    )
    assert answer.status_code == 415
    assert "is not compressed" in answer.text


def test_a_websocket_is_not_opened(server):
    more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4\r\n"
    with contextlib.ExitStack() as stack:
        got = answered(dialled(server, head("GET", "/", more=more), stack=stack))
        assert got.startswith(b"HTTP/1.1 401"), got[:100]


def test_pipelined_requests_wait_in_the_network(server):
    before = resident(server)
    with contextlib.ExitStack() as stack:
        many = head("GET", "/") * 200_000
        ends = [dialled(server, many, stack=stack) for _ in range(5)]
        assert resident(server) - before < 40 * MIB
        for one in ends:
            one.close()
    assert alive(server)
