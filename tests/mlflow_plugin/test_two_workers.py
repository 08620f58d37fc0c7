"""A server of two processes that remember passwords, each for itself: one of them has not heard of a new password."""

from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
from mlflow_plugin.attested_by_hand import Deployment, policy_of
from mlflow_plugin.conftest import Release
from mlflow_plugin.servers import PASSWORD, Person, Server, running
from mlflow_plugin.test_refusals import refuses

NEW = "the new password of grace"
STUDY = "study_of_two"


@pytest.fixture(scope="module")
def pair(tmp_path_factory, make_database) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pair")
    deployment = Deployment(folder / "deployment")
    deployment.accept(policy_of(STUDY))
    # Of this account, more wrong passwords are sent than are free.
    server = Server(folder, make_database("sqlite"), deployment, workers=2, limits="guesses=1000")
    with running(server):
        server.hire()
        yield server


def held(server: Server) -> list[set[int]]:
    """The clients' ports of the connections that each process of the server holds."""
    assert server.process is not None
    return [
        {one.raddr.port for one in process.net_connections() if one.status == psutil.CONN_ESTABLISHED}
        for process in psutil.Process(server.process.pid).children(recursive=True)
    ]


def test_an_old_password_releases_nothing_through_any_process(pair, tmp_path):
    """Whichever process remembers the old password still lets it read, and decides nothing."""
    release = Release(pair, tmp_path, STUDY)
    version, attested = release.register("candidate")
    with ExitStack() as kept:
        connections: list[Person] = []
        before = set().union(*held(pair))
        while sum(bool(ports - before) for ports in held(pair)) < 2:
            assert len(connections) < 500
            connections.append(release.person("grace"))
            kept.callback(connections[-1].session.close)
            assert connections[-1].api("GET", "users/current").status_code == 200
        change = {"username": "grace", "password": NEW, "current_password": PASSWORD}
        assert connections[0].api("PATCH", "users/update-password", **change).status_code == 200
        found = [person.api("GET", "users/current").status_code for person in connections]
        assert set(found) == {200, 401}, "one process has heard of it, and the other remembers"
        for person in connections:
            answer = person.tag(STUDY, version, "theragate.approve", attested.approval)
            if answer.status_code != 401:
                refuses(answer, "with the present password")
    assert release.events() == []
    grace = release.person("grace")
    grace.session.auth = ("grace", NEW)
    assert grace.tag(STUDY, version, "theragate.approve", attested.approval).status_code == 200
