"""Promotes one version after another in forked processes, and kills each of them one step further on.

``python dying.py DATABASE FOLDER``: prints one line of JSON for each death. A step is what a crash can come before: a
file or folder that is made, opened for writing, renamed or removed, and every statement of SQL that is not a question,
the commit included. The store is the one that the server has; nothing of it knows that it is being killed.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from sqlalchemy import event
from sqlalchemy.engine import Engine

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.store import GatedStore
from theragate.release.ledger import Row, verify_rows
from theragate.release.model_files import inspect_package
from theragate.release.state import fold

FILES = {"os.mkdir", "os.chmod", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"}
APPLICATION = flask.Flask("people")


@contextmanager
def signed_in(name: str) -> Iterator[None]:
    with APPLICATION.test_request_context():
        flask.g.mlflow_authenticated_user = flask.g.theragate_confirmed = name  # there is no table of users here
        yield


class Reaper:
    """Counts steps, and kills this process before the one that is given."""

    def __init__(self, last: int) -> None:
        self.left, self.armed = last, False

    def step(self) -> None:
        if self.armed:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in FILES or (
            name == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            self.step()

    def arm(self) -> None:
        sys.addaudithook(self.hook)

        @event.listens_for(Engine, "before_cursor_execute")
        def statement(connection: Any, cursor: Any, text: str, *more: Any) -> None:
            if not text.lstrip().upper().startswith(("SELECT", "PRAGMA")) or "advisory" in text:
                self.step()

        event.listen(Engine, "commit", lambda connection: self.step())
        event.listen(Engine, "rollback", lambda connection: self.step())
        self.armed = True


def prepared(store: GatedStore, deployment: Deployment, folder: Path, study: str) -> str:
    """Register, attest and approve a version of a new study; return its number."""
    deployment.accept(policy_of(study))
    package = write_package(folder / study, study, size=100_000)
    attested = attest(package, study, deployment.evaluator)
    with signed_in("alan"):
        store.create_registered_model(study)
        version = str(store.create_model_version(study, str(package)).version)
    with signed_in("evaluator"):
        store.put_dossier(attested.dossier)
        store.set_model_version_tag(study, version, ModelVersionTag("theragate.attestation", attested.envelope))
    with signed_in("ada"):
        store.set_model_version_tag(study, version, ModelVersionTag("theragate.approve", attested.approval))
    return version


def opened(address: str) -> GatedStore:
    SqlAlchemyStore._engine_map.clear()  # a connection is nothing to share with a process that dies
    return reopened(address)


def reopened(address: str) -> GatedStore:
    """A new store after `_dispose_engine`: no connection is left, but the statements are compiled already."""
    return GatedStore(address, configuration=Configuration(os.environ, Path.cwd()))


def die(address: str, study: str, version: str, *, after: int) -> bool:
    """Promote in a child that is killed after some steps; return whether it came to the end before."""
    child = os.fork()
    if child == 0:
        store, reaper = reopened(address), Reaper(after)
        with signed_in("grace"):
            reaper.arm()
            store.set_registered_model_alias(study, "champion", version)
            reaper.step()  # all is done, and nobody has been told
            reaper.armed = False
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def examine(store: GatedStore, deployment: Deployment, study: str, version: str) -> dict[str, Any]:
    """What somebody finds after the restart."""
    rows = [Row.model_validate_json(json.dumps(row)) for row in store.ledger_rows()]
    verify_rows(rows, deployment.trust())
    champion = fold(rows).of(study).champion
    alias = store.get_registered_model(study).aliases
    place = store.get_model_version_download_uri(study, version)
    found = {
        "ledger": None if champion is None else champion.version,
        "alias": None if "champion" not in alias else str(alias["champion"]),
        "sealed": "/sealed/" in place,
        "tag": "theragate.released" in store.get_model_version(study, version).tags,
    }
    if champion is not None:
        inspect_package(Path(place.removeprefix("file://")))
    return found


def main() -> None:
    address, folder = sys.argv[1], Path(sys.argv[2])
    deployment = Deployment(folder / "deployment")
    deployment.write()
    os.environ |= {
        "THERAGATE_TRUST": str(deployment.trust_file),
        "THERAGATE_LEDGER_KEY": str(deployment.ledger_file),
        "THERAGATE_SEALED": str(folder / "sealed"),
    }
    whole, number = False, 0
    while not whole:
        study = f"study_{number}"
        store = reopened(address)
        version = prepared(store, deployment, folder, study)
        store._dispose_engine()
        whole = die(address, study, version, after=number)
        store = reopened(address)
        found = examine(store, deployment, study, version)
        if found["alias"] is None:
            with signed_in("grace"):
                store.set_registered_model_alias(study, "champion", version)
        again = examine(store, deployment, study, version)
        store._dispose_engine()
        print(json.dumps({"step": number, "whole": whole, "found": found, "again": again}), flush=True)  # noqa: T201 - its answer
        number += 1


if __name__ == "__main__":
    main()
