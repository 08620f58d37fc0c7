"""A database that was set back: noticed by every command, and by a server that was started again."""

import json
import shutil

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from mlflow_plugin.conftest import KINDS
from mlflow_plugin.dying import opened, prepared, signed_in
from mlflow_plugin.servers import PASSWORD, Server
from support import theragate

from theragate import load_champion
from theragate.errors import StoreError
from theragate.mlflow_plugin.tables import LEDGER

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates


@pytest.fixture(params=KINDS)
def again(request, make_database, tmp_path, monkeypatch):
    """Return a function that starts a server's store again on the same database, which has a champion."""
    deployment = Deployment(tmp_path / "deployment")
    deployment.write()
    monkeypatch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
    monkeypatch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
    monkeypatch.setenv("THERAGATE_SEALED", str(tmp_path / "sealed"))
    monkeypatch.chdir(tmp_path)
    address, stores = f"gated+{make_database(request.param)}", []

    def start():
        stores.append(opened(address))
        return stores[-1]

    store = start()
    version = prepared(store, deployment, tmp_path, "study_a")
    with signed_in("grace"):
        store.set_registered_model_alias("study_a", "champion", version)
    yield start
    for store in stores:
        store._dispose_engine()


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (1, "received a ledger that ends at row 1, though row 2 was seen before"),
        (0, "received an empty ledger in place of the one that was seen at this address, which had 2 rows or more"),
    ],
)
def test_a_restarted_server_decides_nothing_on_a_ledger_that_was_set_back(again, kept, words):
    store = again()
    with store.engine.begin() as connection:
        connection.execute(LEDGER.delete().where(LEDGER.c.seq > kept))
    for decide in (
        lambda: store.set_registered_model_alias("study_a", "champion", "1"),
        lambda: store.delete_registered_model_alias("study_a", "champion"),
    ):
        with signed_in("grace"), pytest.raises(MlflowException, match=words):
            decide()
    assert len(store.ledger_rows()) == kept


def test_a_database_that_grows_is_served_by_a_restarted_server(again):
    store = again()
    with signed_in("grace"):
        store.delete_registered_model_alias("study_a", "champion")
    with signed_in("grace"):
        again().set_registered_model_alias("study_a", "champion", "1")
    assert len(store.ledger_rows()) == 4


def test_a_ledger_with_other_rows_of_the_same_signer_is_noticed(again, tmp_path):
    with again().engine.begin() as connection:
        before = [dict(row) for row in connection.execute(sqlalchemy.select(LEDGER).order_by(LEDGER.c.seq)).mappings()]
        connection.execute(LEDGER.delete().where(LEDGER.c.seq > 1))
        connection.execute(
            sqlalchemy.text("UPDATE model_versions SET storage_location = source")
        )  # it is not sealed yet
    memory = tmp_path / "private" / "server" / "ledgers.json"
    kept = memory.read_text()
    memory.unlink()  # as on another machine, on which this server's key signs another second row
    with signed_in("ada"):
        again().set_registered_model_alias("study_a", "champion", "1")
    memory.write_text(kept)
    with signed_in("grace"), pytest.raises(MlflowException, match="received a row 2 other than the one that was seen"):
        again().delete_registered_model_alias("study_a", "champion")
    assert before[-1]["hash"] in kept


COMMANDS = [
    ("release", "list"),
    ("release", "show", "study_a"),
    ("release", "diff", "study_a"),
    ("release", "verify", "study_a"),
    ("release", "audit"),
    ("release", "approve", "study_a", "--reason", "Read the card, and all limits hold."),
    ("release", "promote", "study_a", "1"),
    ("release", "rollback", "study_a"),
    ("release", "withdraw", "study_a", "--reason", "Risks look wrong in the new ward."),
    ("release", "revoke", "study_a", "1", "--reason", "Risks look wrong in the new ward."),
    ("predict", "study_a", "in.csv", "--output", "out.csv"),
]


def environ_of(server: Server, name: str) -> dict[str, str]:
    return {
        "XDG_STATE_HOME": str(server.folder / "consumer" / "state"),
        "MLFLOW_TRACKING_URI": server.address,
        "MLFLOW_TRACKING_USERNAME": name,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "THERAGATE_TRUST": str(server.deployment.trust_file),
    }


@pytest.mark.xdist_group("release-sqlite")
def test_every_command_and_the_server_notice_a_database_that_was_restored(tmp_path, monkeypatch):
    database, backup = tmp_path / "mlflow.db", tmp_path / "backup.db"
    server = Server(tmp_path, f"sqlite:///{database}", Deployment(tmp_path / "deployment"))
    server.deployment.accept(policy_of("study_a"))
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    (consumer / "in.csv").write_text("age\n1\n")
    as_grace = environ_of(server, "grace")
    for name, value in as_grace.items():
        monkeypatch.setenv(name, value)
    try:
        server.start()
        server.hire()
        package = write_package(tmp_path / "package", "study_a")
        attested = attest(package, "study_a", server.deployment.evaluator)
        version = server.person("alan").register("study_a", package)
        evaluator, manager = server.person("evaluator"), server.person("grace")
        evaluator.put_dossier(attested)
        evaluator.tag("study_a", version, "theragate.attestation", attested.envelope)
        server.person("ada").tag("study_a", version, "theragate.approve", attested.approval)
        assert manager.set_alias("study_a", version).status_code == 200
        assert theragate(consumer, "release", "verify", "study_a", **as_grace).count("holds") == 6
        server.stop()
        shutil.copy(database, backup)
        server.start()
        assert "warning" not in (tmp_path / "log").read_text()
        assert manager.delete_alias("study_a").status_code == 200
        pins = consumer / "pins.jsonl"
        assert "row 3 is pinned" in theragate(consumer, "release", "audit", "--pin", str(pins), **as_grace)
        note = ("--key", str(server.deployment.ledger_file))
        theragate(consumer, "release", "audit", "--checkpoint", "note", *note, **as_grace)
        theragate(consumer, "release", "audit", "--against", "note", *note, **as_grace)
        server.stop()
        shutil.copy(backup, database)
        server.start()
        assert "no release is decided here until this is mended" in (tmp_path / "log").read_text()
        refused = manager.delete_alias("study_a")
        assert refused.status_code == 400
        assert "ends at row 2, though row 3 was seen before" in refused.json()["message"]

        for words in COMMANDS:
            said = theragate(consumer, *words, code=1, **as_grace)
            assert "ends at row 2, though row 3 was seen before" in said, words
            assert said.count("\n") == 1, said
        with pytest.raises(StoreError, match="though row 3"):
            load_champion("study_a")

        accept = ("--accept-head", f"2:{manager.ledger()[-1]['hash'][:12]}", "--reason", "The server's disk was lost.")
        said = theragate(consumer, "release", "audit", *accept, "--against", str(pins), code=1, **as_grace)
        assert "it has row 3, " in said, "what is pinned outside is not accepted away"
        said = theragate(consumer, "release", "audit", *accept, "--against", "note", *note, code=1, **as_grace)
        assert "its first 3 rows are those of the checkpoint; received a ledger that ends at row 2" in said
        theragate(consumer, "release", "audit", *accept, **as_grace)
        theragate(consumer, "release", "list", **as_grace)
        assert manager.delete_alias("study_a").status_code == 400, "the server has to accept it for itself"
        theragate(tmp_path, "release", "audit", *accept, **as_grace | {"MLFLOW_TRACKING_URI": server.database})
        assert manager.delete_alias("study_a").status_code == 200
        kept = json.loads((tmp_path / "private" / "server" / "ledgers.json").read_text())["accepted"]
        assert [(one["before"]["seq"], one["after"]["seq"]) for one in kept] == [(3, 2)]
        assert kept[0]["reason"] == "The server's disk was lost."
    finally:
        server.stop()
