"""Single sign-on, with a real proxy before a real server: whose name counts, and everything that passes for it."""

import contextlib
import secrets
import select
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from mlflow_plugin.attested_by_hand import Deployment, policy_of
from mlflow_plugin.conftest import Release
from mlflow_plugin.servers import ADMIN, PASSWORD, PEOPLE, Person, Server, running

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.confirmation import PROXY
from theragate.mlflow_plugin.proxy import SECRET, SECRET_HEADER, USER_HEADER, read_secret

pytestmark = pytest.mark.xdist_group("proxy")
SESSIONS = {f"session-of-{name}": name for name in (*PEOPLE, ADMIN, "nobody")}


@dataclass
class Proxied(Server):
    """A release server that believes the proxy with its secret."""

    function: str = PROXY
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    def environ(self) -> dict[str, str]:
        path = self.folder / "proxy-secret"
        path.touch(mode=0o600)
        path.write_text(self.secret + "\n", encoding="ascii")
        return super().environ() | {SECRET: str(path)}

    def person(self, name: str) -> Person:
        """Somebody as the proxy announces them."""
        person = super().person(name)
        person.session.auth = None
        person.session.headers.update({USER_HEADER: name, SECRET_HEADER: self.secret})
        return person


class Forwarding(BaseHTTPRequestHandler):
    """A proxy that knows people by a cookie, and either replaces the headers of a client or adds to them."""

    server: "Proxy"

    def answer(self) -> None:
        name = SESSIONS.get(self.headers.get("Cookie", "").partition("=")[2], "")
        length = int(self.headers.get("Content-Length") or 0)
        ours = {USER_HEADER.lower(), SECRET_HEADER.lower()}
        kept = [(key, value) for key, value in self.headers.items() if self.server.adds or key.lower() not in ours]
        lines = [f"{self.command} {self.path} HTTP/1.1"]
        lines += [f"{key}: {value}" for key, value in kept if key.lower() != "connection"]
        lines += [f"{SECRET_HEADER}: {self.server.secret}", f"{USER_HEADER}: {name}", "Connection: close", "", ""]
        with socket.create_connection(("127.0.0.1", self.server.target)) as upstream:
            upstream.sendall("\r\n".join(lines).encode("latin-1") + self.rfile.read(length))
            while data := upstream.recv(1 << 16):
                self.wfile.write(data)
        self.close_connection = True

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names of the library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: int, secret: str, *, adds: bool) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.target, self.secret, self.adds = target, secret, adds


@contextlib.contextmanager
def proxy(server, *, adds=False):
    with Proxy(server.port, server.secret, adds=adds) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxied")
    limits = "requests_of_one_user=3"
    made = Proxied(folder, f"sqlite:///{folder}/mlflow.db", Deployment(folder / "deployment"), limits=limits)
    with running(made):
        made.hire()
        yield made


def browser(address, name):
    person = Person(name, address)
    person.session.auth = None
    person.session.headers["Cookie"] = f"session=session-of-{name}"
    return person


def who(person):
    answer = person.api("GET", "users/current")
    return answer.json()["user"]["username"] if answer.status_code == 200 else answer.status_code


ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts?path=0"  # not served by Flask, and signed in to on another road


def test_the_proxy_says_who_has_signed_in(server):
    with proxy(server) as address:
        assert who(browser(address, "ada")) == "ada"
        assert who(browser(address, "grace")) == "grace"
        assert who(browser(address, "stranger")) == 401, "the proxy knows no such session"
        assert "without one" in browser(address, "nobody").send("GET", "/api/2.0/mlflow/users/current").text
        spoofing = browser(address, "mallory")
        spoofing.session.headers.update({USER_HEADER: "ada", SECRET_HEADER: "0" * 64})
        assert who(spoofing) == "mallory", "what a client says is replaced"


BY_PASSWORD = ("Authorization", requests.auth._basic_auth_str("ada", PASSWORD))
SPOOFS = {
    "the name alone": [(USER_HEADER, "ada")],
    "an empty secret": [(USER_HEADER, "ada"), (SECRET_HEADER, "")],
    "another secret": [(USER_HEADER, "ada"), (SECRET_HEADER, "0" * 64)],
    "the secret begun": [(USER_HEADER, "ada"), (SECRET_HEADER, "{secret}"[:4])],
    "a secret of other letters": [(USER_HEADER, "ada"), (SECRET_HEADER, "\xe4" * 64)],
    "other headers of proxies": [("X-Forwarded-User", "ada"), ("X-Remote-User", "ada"), ("REMOTE_USER", "ada")],
    "the password": [BY_PASSWORD],
    "the password and the name": [
        (USER_HEADER, "ada"),
        ("Authorization", requests.auth._basic_auth_str("ada", PASSWORD)),
    ],
    "the secret without a name": [(SECRET_HEADER, "{secret}")],
    "the secret and a password": [
        (SECRET_HEADER, "{secret}"),
        ("Authorization", requests.auth._basic_auth_str("ada", PASSWORD)),
    ],
    "two names": [(USER_HEADER, "mallory"), (USER_HEADER, "ada"), (SECRET_HEADER, "{secret}")],
    "two names with a comma": [(USER_HEADER, "mallory,ada"), (SECRET_HEADER, "{secret}")],
    "two in another case": [(USER_HEADER, "mallory"), (USER_HEADER.lower(), "ada"), (SECRET_HEADER, "{secret}")],
    "two with underscores": [(USER_HEADER, "mallory"), ("X_Theragate_User", "ada"), (SECRET_HEADER, "{secret}")],
    "one with underscores": [("X_Theragate_User", "ada"), (SECRET_HEADER, "{secret}")],
    "two secrets": [(USER_HEADER, "ada"), (SECRET_HEADER, "0" * 64), (SECRET_HEADER, "{secret}")],
    "another spelling": [(USER_HEADER, "ADA"), (SECRET_HEADER, "{secret}")],
    "a letter of another alphabet": [(USER_HEADER, "\xe0da"), (SECRET_HEADER, "{secret}")],
}


@pytest.mark.parametrize("how", SPOOFS)
@pytest.mark.parametrize("path", ["/api/2.0/mlflow/users/current", ARTIFACTS, "/api/2.0/theragate/ledger"])
def test_what_passes_for_the_proxy_is_nobody(server, how, path):
    lines = [f"{name}: {value.replace('{secret}', server.secret)}" for name, value in SPOOFS[how]]
    head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "Connection: close", "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert int(answer.split()[1]) in (400, 401), answer
    assert server.secret.encode() not in answer
    assert b"Traceback" not in answer


def test_a_proxy_that_adds_to_a_clients_headers_lets_nobody_in(server):
    with proxy(server, adds=True) as address:
        assert who(browser(address, "mallory")) == "mallory"
        spoofing = browser(address, "mallory")
        spoofing.session.headers[USER_HEADER] = "ada"
        for path in ("/api/2.0/mlflow/users/current", ARTIFACTS):
            assert spoofing.send("GET", path).status_code == 400


def test_people_release_under_their_own_session(server, tmp_path):
    study = "study_of_the_proxy"
    server.deployment.accept(policy_of(study))
    release = Release(server, tmp_path, study)
    version, attested = release.register("candidate")
    with proxy(server) as address:
        mallory, ada = browser(address, "mallory"), browser(address, "ada")
        mallory.session.headers[USER_HEADER] = "ada"
        refused = mallory.tag(study, version, "theragate.approve", attested.approval)
        assert refused.status_code == 403
        assert "`mallory`, who is not one" in refused.json()["message"]
        assert ada.tag(study, version, "theragate.approve", attested.approval).status_code == 200
        assert browser(address, "grace").set_alias(study, version).status_code == 200
        events = [row["event"] for row in ada.ledger() if row["event"]["study"] == study]
    assert [(event["kind"], event["actor"], event["identity"]) for event in events] == [
        ("approve", "ada", "signed_in"),
        ("promote", "grace", "signed_in"),
    ]


def test_one_user_holds_only_a_share_of_the_requests(server):
    """People come from one address, that of the proxy: it is by name that they are told apart."""
    lines = ["POST /api/2.0/mlflow/runs/create HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 10"]
    lines += [f"{USER_HEADER}: mallory", f"{SECRET_HEADER}: {server.secret}", "", "{"]
    with contextlib.ExitStack() as stack:
        ends = []
        for _ in range(5):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            one.sendall("\r\n".join(lines).encode())
            ends.append(one)
        refused = [one for one in select.select(ends, [], [], 60)[0] if one.recv(12) == b"HTTP/1.1 503"]
        assert refused
        assert who(server.person("ada")) == "ada"


@pytest.mark.parametrize(
    ("content", "mode", "received"),
    [
        (None, 0, "cannot be read"),
        ("short", 0o600, "5 characters"),
        ("x" * 64, 0o644, "mode 644"),
        ("ä" * 64, 0o600, "be read"),
    ],
)
def test_a_secret_that_is_none(tmp_path, content, mode, received):
    path = tmp_path / "secret"
    if content is not None:
        path.touch(mode=mode)
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
    with pytest.raises(ConfigurationError, match=received):
        read_secret({SECRET: str(path)})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret({})
