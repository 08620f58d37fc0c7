"""One release server for each kind of database; every test works on a study of its own."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from mlflow_plugin.attested_by_hand import AttestedPackage, Deployment, attest, policy_of, write_package
from mlflow_plugin.ruled import cluster, rule
from mlflow_plugin.servers import Person, Server, running

KINDS = [pytest.param(kind, marks=pytest.mark.xdist_group(f"release-{kind}")) for kind in ("sqlite", "postgresql")]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL of our own on a Unix socket; each caller makes a database in it."""
    with cluster() as address:
        yield address


def new_database(address: str, name: str) -> str:
    engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return sqlalchemy.make_url(address).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def make_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that names a new, empty database of a kind."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
        return new_database(request.getfixturevalue("postgresql"), f"release_{os.getpid()}_{next(_NUMBERS)}")

    return make


@pytest.fixture(scope="session", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[str], str]
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    deployment, database = Deployment(folder / "deployment"), make_database(request.param)
    if request.param == "postgresql":
        database = rule(database, deployment)
    made = Server(folder, database, deployment)
    with running(made):
        made.hire()
        yield made


@dataclass
class Release:
    """A study of its own on a server, and what people do with it."""

    server: Server
    folder: Path
    study: str

    def person(self, name: str) -> Person:
        return self.server.person(name)

    def package(self, content: str, *, size: int = 0) -> Path:
        """A package like no other."""
        return write_package(self.folder / content, f"{self.study} {content}", size=size)

    def register(self, content: str, *, size: int = 0, by: str = "alan", **changes: Any) -> tuple[str, AttestedPackage]:
        """Register a new package and hand in its attestation, as author and evaluator do."""
        package = self.package(content, size=size)
        attested = attest(package, self.study, self.server.deployment.evaluator, **changes)
        version = self.person(by).register(self.study, package)
        self.hand_in(version, attested)
        return version, attested

    def hand_in(self, version: str, attested: AttestedPackage) -> None:
        evaluator = self.person("evaluator")
        answers = [
            evaluator.put_dossier(attested),
            evaluator.tag(self.study, version, "theragate.attestation", attested.envelope),
        ]
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]

    def approve(self, version: str, attested: AttestedPackage, *, by: str = "ada") -> None:
        answer = self.person(by).tag(self.study, version, "theragate.approve", attested.approval)
        assert answer.status_code == 200, answer.text

    def promote(self, version: str, *, by: str = "grace") -> None:
        answer = self.person(by).set_alias(self.study, version)
        assert answer.status_code == 200, answer.text

    def champion(self, content: str = "champion", **more: Any) -> tuple[str, AttestedPackage]:
        """Bring a new version into service."""
        version, attested = self.register(content, **more)
        self.approve(version, attested)
        self.promote(version)
        return version, attested

    def serving(self) -> str | None:
        """The version that has the alias."""
        return self.person("ada").aliases(self.study).get("champion")

    def events(self) -> list[tuple[str, str]]:
        """What the ledger says of this study."""
        rows = [row["event"] for row in self.person("ada").ledger()]
        return [(event["kind"], event["version"]) for event in rows if event["study"] == self.study]


@pytest.fixture
def release(server: Server, tmp_path: Path) -> Release:
    study = f"study_{next(_NUMBERS)}"
    server.deployment.accept(policy_of(study))
    return Release(server, tmp_path, study)
