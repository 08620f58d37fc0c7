"""The rules of deployment/postgresql.sql, on a real PostgreSQL: who reaches the database itself is stopped by them."""

import pytest
import sqlalchemy
from mlflow.entities.model_registry import ModelVersionTag
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.dying import opened, prepared, signed_in
from sqlalchemy.exc import DBAPIError

from theragate.project.templates import pages

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload``"),  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
    pytest.mark.xdist_group("release-postgresql"),
]
STUDY = "study_ruled"


@pytest.fixture(scope="module")
def ruled(make_database, tmp_path_factory):
    """A database with the rules, the server's store under its own role, and the owner's connection."""
    folder = tmp_path_factory.mktemp("ruled")
    deployment = Deployment(folder / "deployment")
    deployment.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
        patch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
        patch.setenv("THERAGATE_SEALED", str(folder / "sealed"))
        patch.chdir(folder)
        address = make_database("postgresql")
        opened(f"gated+{address}")._dispose_engine()  # the first start makes the tables
        owner = sqlalchemy.create_engine(address)
        with owner.connect() as connection:
            for _ in range(2):  # it can be run again
                connection.connection.cursor().execute(pages()["postgresql.sql"].read_text())
                connection.connection.commit()
        url = sqlalchemy.make_url(address).set(username="theragate_server")
        store = opened(f"gated+{url.render_as_string(hide_password=False)}")
        version = prepared(store, deployment, folder, STUDY)
        with signed_in("grace"):
            store.set_registered_model_alias(STUDY, "champion", version)
        yield store, owner
        store._dispose_engine()
        owner.dispose()


def test_the_server_releases_under_the_rules(ruled):
    store, _ = ruled
    with signed_in("ada"):
        store.set_model_version_tag(STUDY, "1", ModelVersionTag("theragate.withdraw", "To see whether the rules hold."))
        assert store.get_registered_model(STUDY).aliases == {}
        store.set_registered_model_alias(STUDY, "champion", "1")
        store.set_registered_model_alias(STUDY, "candidate", "1")
    assert store.get_registered_model(STUDY).aliases == {"champion": 1, "candidate": 1}
    assert [row["event"]["kind"] for row in store.ledger_rows()] == ["approve", "promote", "withdraw", "rollback"]


DIRECT = [
    "UPDATE registered_model_aliases SET version = 2 WHERE name = 'study_ruled' AND alias = 'champion'",
    "DELETE FROM registered_model_aliases WHERE name = 'study_ruled' AND alias = 'champion'",
    "INSERT INTO registered_model_aliases (workspace, name, alias, version) "
    "VALUES ('default', 'study_ruled', 'CHAMPION', 1)",
    "UPDATE theragate_ledger SET study = 'x' WHERE seq = 1",
    "DELETE FROM theragate_ledger",
    "TRUNCATE theragate_ledger",
    "INSERT INTO theragate_ledger SELECT seq + 100, study, 'promote', 2, event, hash, previous_hash, key_id, signature "
    "FROM theragate_ledger WHERE seq = 1",
]


@pytest.mark.parametrize("who", ["the server's role", "the owner"])
@pytest.mark.parametrize("statement", DIRECT)
def test_whoever_reaches_the_database_moves_nothing_alone(ruled, statement, who):
    store, owner = ruled
    engine = owner if who == "the owner" else store.engine
    before = store.ledger_rows(), store.get_registered_model(STUDY).aliases
    with (
        pytest.raises(DBAPIError, match=r"says the ledger|append-only|permission denied"),
        engine.begin() as connection,
    ):
        connection.execute(sqlalchemy.text(statement))
    assert (store.ledger_rows(), store.get_registered_model(STUDY).aliases) == before


def test_the_server_cannot_drop_the_rules(ruled):
    store, _ = ruled
    for statement in (
        "DROP TRIGGER theragate_champion ON registered_model_aliases",
        "ALTER TABLE theragate_ledger DISABLE TRIGGER ALL",
        "UPDATE theragate_dossiers SET content = ''",
    ):
        with pytest.raises(DBAPIError, match=r"must be owner|permission denied"), store.engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement))
