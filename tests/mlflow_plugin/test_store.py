"""The store in this process, on both databases: what needs no server, because it is about the tables."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _all_tables_exist
from mlflow_plugin.attested_by_hand import Deployment, attest
from mlflow_plugin.conftest import KINDS
from mlflow_plugin.dying import opened, prepared, signed_in

from theragate.errors import StoreError
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.ledger import Ledger
from theragate.mlflow_plugin.sealing import Vault
from theragate.mlflow_plugin.tables import LEDGER
from theragate.release.ledger import Row, verify_rows

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates


@pytest.fixture(scope="module", params=KINDS)
def database(request, make_database, tmp_path_factory):
    """A database with one champion, and the deployment around it."""
    folder = tmp_path_factory.mktemp("database")
    deployment = Deployment(folder / "deployment")
    deployment.write()
    patch = pytest.MonkeyPatch()
    patch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
    patch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
    patch.setenv("THERAGATE_SEALED", str(folder / "sealed"))
    patch.chdir(folder)
    address = make_database(request.param)
    store = opened(f"gated+{address}")
    version = prepared(store, deployment, folder, "study_a")
    with signed_in("grace"):
        store.set_registered_model_alias("study_a", "champion", version)
    yield store, deployment, folder
    store._dispose_engine()
    patch.undo()


def rows_of(store):
    return [Row.model_validate_json(json.dumps(row)) for row in store.ledger_rows()]


CHANGES = {
    "another person": ("UPDATE theragate_ledger SET event = replace(event, 'ada', 'eve') WHERE seq = 1", 1),
    "another version": (
        "UPDATE theragate_ledger SET event = replace(event, '\"1\"', '\"2\"'), version = 2 WHERE seq = 1",
        1,
    ),
    "a column": ("UPDATE theragate_ledger SET kind = 'promote' WHERE seq = 1", 1),
    "a hash": ("UPDATE theragate_ledger SET previous_hash = hash WHERE seq = 2", 2),
    "a signature": ("UPDATE theragate_ledger SET signature = 'AAAA' WHERE seq = 2", 2),
    "no JSON": ("UPDATE theragate_ledger SET event = '{}' WHERE seq = 2", 2),
    "removed": ("DELETE FROM theragate_ledger WHERE seq = 1", 1),
    "renumbered": ("UPDATE theragate_ledger SET seq = 7 WHERE seq = 2", 2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_is_changed_by_hand_is_named_and_nothing_is_released(database, change):
    store, deployment, _ = database
    statement, bad = CHANGES[change]
    with store.engine.begin() as connection:
        saved = [dict(row) for row in connection.execute(sqlalchemy.select(LEDGER).order_by(LEDGER.c.seq)).mappings()]
        connection.execute(sqlalchemy.text(statement))
    try:
        with pytest.raises((StoreError, MlflowException), match=f"ledger, row {bad}"):
            verify_rows(rows_of(store), deployment.trust())
        fresh = opened(f"gated+{store.db_uri}")
        with signed_in("grace"), pytest.raises(MlflowException, match=f"ledger, row {bad}.*Release nothing"):
            fresh.delete_registered_model_alias("study_a", "champion")
        assert fresh.get_registered_model("study_a").aliases == {"champion": 1}
        fresh._dispose_engine()
    finally:
        with store.engine.begin() as connection:
            connection.execute(LEDGER.delete())
            connection.execute(LEDGER.insert(), saved)
    verify_rows(rows_of(store), deployment.trust())


def test_a_server_remembers_the_last_row_and_notices_when_the_end_is_cut_off(database):
    store, deployment, _ = database
    configuration = Configuration(os.environ, deployment.folder)
    ledger, trust = Ledger(configuration, database=store.db_uri), deployment.trust()
    with store.ManagedSessionMaker() as session:
        ledger.remember(ledger.read(session, trust))
    with store.engine.begin() as connection:
        saved = [dict(row) for row in connection.execute(sqlalchemy.select(LEDGER).order_by(LEDGER.c.seq)).mappings()]
        connection.execute(LEDGER.delete().where(LEDGER.c.seq == saved[-1]["seq"]))
    try:
        with store.ManagedSessionMaker() as session, pytest.raises(StoreError, match="received no such row"):
            ledger.read(session, trust)
    finally:
        with store.engine.begin() as connection:
            connection.execute(LEDGER.insert(), saved[-1:])


def test_our_tables_do_not_disturb_mlflows(database):
    store, _, _ = database
    tables = set(sqlalchemy.inspect(store.engine).get_table_names())
    assert {"theragate_ledger", "theragate_dossiers"} <= tables
    assert _all_tables_exist(store.engine)
    opened(f"gated+{store.db_uri}")._dispose_engine()


@pytest.mark.parametrize("description", [None, "The same again."])
def test_a_model_that_is_there_is_said_to_be_there(database, description):
    """Whoever registers a second version asks for the model first, and goes on at this answer."""
    store, _, _ = database
    with signed_in("ada"), pytest.raises(MlflowException, match="already exists") as raised:
        store.create_registered_model("study_a", description=description)
    assert raised.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert store.get_registered_model("study_a").name == "study_a"


def test_whoever_has_not_signed_in_decides_nothing_where_there_is_a_trust_file(database, monkeypatch):
    store, _, _ = database
    monkeypatch.setenv("THERAGATE_USER", "ada")
    for act in (
        lambda: store.delete_registered_model_alias("study_a", "champion"),
        lambda: store.set_model_version_tag(
            "study_a", "1", ModelVersionTag("theragate.revoke", "By word of mouth and nothing else.")
        ),
    ):
        with pytest.raises(MlflowException, match="`ada`, a name that is only claimed"):
            act()
    assert store.get_registered_model("study_a").aliases == {"champion": 1}


def test_a_server_without_the_ledgers_key_releases_nothing(database, monkeypatch):
    store, _, _ = database
    before = rows_of(store)
    monkeypatch.delenv("THERAGATE_LEDGER_KEY")
    with signed_in("grace"), pytest.raises(MlflowException, match="THERAGATE_LEDGER_KEY is a key"):
        store.delete_registered_model_alias("study_a", "champion")
    assert store.get_registered_model("study_a").aliases == {"champion": 1}
    assert rows_of(store) == before


def test_what_goes_wrong_after_the_decision_takes_everything_back(database, monkeypatch):
    store, _, _ = database
    before = rows_of(store)

    def broken(*_):
        raise OSError("the machine is on fire")

    monkeypatch.setattr("theragate.mlflow_plugin.ledger.add_row", broken)
    with signed_in("grace"), pytest.raises(MlflowException, match="on fire"):
        store.delete_registered_model_alias("study_a", "champion")
    assert store.get_registered_model("study_a").aliases == {"champion": 1}
    assert rows_of(store) == before
    with store.ManagedSessionMaker() as session:
        assert session.execute(sqlalchemy.text("SELECT 1")).scalar() == 1, "no decision is left open"


def test_an_attestation_that_is_exchanged_while_the_files_are_sealed_is_noticed(database, monkeypatch):
    store, deployment, folder = database
    study = "study_swapped"
    version, seal = prepared(store, deployment, folder, study), Vault.seal
    other = attest(folder / study, study, deployment.evaluator, looks=2)

    def swapping(vault, source, *, expected):
        store.set_model_version_tag(study, version, ModelVersionTag("theragate.attestation", other.envelope))
        return seal(vault, source, expected=expected)

    before = rows_of(store)
    monkeypatch.setattr(Vault, "seal", swapping)
    with signed_in("grace"), pytest.raises(MlflowException, match="another decision in between"):
        store.set_registered_model_alias(study, "champion", version)
    assert store.get_registered_model(study).aliases == {}
    assert rows_of(store) == before


def test_threads_decide_one_after_the_other(database):
    store, deployment, folder = database
    studies = [f"study_thread{number}" for number in range(6)]
    versions = {study: prepared(store, deployment, folder, study) for study in studies}
    before = len(rows_of(store))

    def promote(study):
        with signed_in("grace"):
            store.set_registered_model_alias(study, "champion", versions[study])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(promote, studies))
    rows = rows_of(store)
    assert len(rows) == before + 6
    verify_rows(rows, deployment.trust())
    assert {row.event.study for row in rows[before:]} == set(studies)


def test_processes_decide_one_after_the_other(database):
    store, deployment, folder = database
    studies = [f"study_process{number}" for number in range(4)]
    versions = {study: prepared(store, deployment, folder, study) for study in studies}
    before = len(rows_of(store))
    children = []
    for study in studies:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                mine = opened(f"gated+{store.db_uri}")
                with signed_in("grace"):
                    mine.set_registered_model_alias(study, "champion", versions[study])
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    rows = rows_of(store)
    assert len(rows) == before + 4
    verify_rows(rows, deployment.trust())
