import shutil
import sqlite3
from pathlib import Path

import mlflow
import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.store.db.base_sql_model import Base
from mlflow.store.model_registry.dbmodels import models as _registry  # noqa: F401 - its tables are known by the import
from mlflow.store.tracking.dbmodels import models as _tracking  # noqa: F401 - likewise

from theragate.errors import StoreError
from theragate.settings import read_settings
from theragate.tracking.relocation import _locations, embedded_root, follow_project
from theragate.tracking.store import Stores, opened

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
NAMES = ["plain", "Früh & spät (1)", "50% of 100", "with space/and below"]


def database(project: Path) -> Path:
    return project / "mlflow-store" / "mlflow.db"


def stores_of(project: Path) -> Stores:
    return Stores.of(read_settings({}, project))


def fill(project: Path) -> str:
    """Log a run, a model and a version as Theragate does, and an experiment as MLflow alone does; return the run."""
    stores = stores_of(project)
    with opened(stores) as client:
        experiment = client.create_experiment("ours", artifact_location=f"{stores.artifacts}/ours")
        run_id = str(client.create_run(experiment).info.run_id)
        client.log_text(run_id, "from the first", "note.txt")
        model = client.create_logged_model(experiment, "model")
        client.create_registered_model("ours")
        client.create_model_version("ours", model.artifact_location, run_id=run_id, model_id=model.model_id)
        client.create_experiment("by hand", artifact_location=str(project / "mlruns" / "by hand"))
    return run_id


@pytest.fixture
def first(tmp_path: Path, empty_database: bytes) -> Path:
    project = tmp_path / "Erste Fassung"
    database(project).parent.mkdir(parents=True)
    for name in ("params.yaml", "dvc.yaml"):
        (project / name).touch()
    database(project).write_bytes(empty_database)
    return project


def texts(path: Path) -> list[tuple[str, str, str]]:
    """Every text in a database, with its table and column."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a table of the database itself
        columns = [column[0] for column in cursor.description]
        found += [
            (table, column, value)
            for row in cursor
            for column, value in zip(columns, row, strict=True)
            if isinstance(value, str)
        ]
    connection.close()
    return found


def naming(path: Path, project: Path) -> list[tuple[str, str, str]]:
    roots = (str(project), project.as_uri())
    return [each for each in texts(path) if any(root in each[2] for root in roots)]


def change(path: Path, query: str, *values: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(query, values)
    connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_moved_store_leads_to_its_files(first, tmp_path, name):
    run_id = fill(first)
    before = len(naming(database(first), first))
    moved = tmp_path / name
    moved.parent.mkdir(exist_ok=True)
    first.rename(moved)
    with opened(stores_of(moved)) as client:
        assert [item.path for item in client.list_artifacts(run_id)] == ["note.txt"]
        experiment = client.get_experiment_by_name("ours")
        assert experiment.artifact_location == f"{stores_of(moved).artifacts}/ours"
        assert client.get_experiment_by_name("by hand").artifact_location == str(moved / "mlruns" / "by hand")
        version = client.get_model_version("ours", "1")
        assert version.source.startswith(experiment.artifact_location)
        assert client.get_model_version_download_uri("ours", "1") == version.source
    assert naming(database(moved), first) == []
    assert len(naming(database(moved), moved)) == before
    stock = MlflowClient(stores_of(moved).tracking)  # MLflow alone, which knows nothing of us
    assert mlflow.artifacts.load_text(f"{stock.get_run(run_id).info.artifact_uri}/note.txt") == "from the first"


def test_a_copy_and_its_original_keep_to_themselves(first, tmp_path):
    run_id = fill(first)
    copy = shutil.copytree(first, first / "copies" / "Zweite")  # below the original, whose root its own begins with
    untouched = database(first).read_bytes()
    files = sorted((first / "mlflow-store").rglob("*"))
    with opened(stores_of(copy)) as client:
        client.log_text(run_id, "from the second", "note.txt")
        client.create_run(client.get_experiment_by_name("ours").experiment_id)
    assert database(first).read_bytes() == untouched
    assert sorted((first / "mlflow-store").rglob("*")) == files
    with opened(stores_of(first)) as client:
        artifacts = client.get_run(run_id).info.artifact_uri
    assert mlflow.artifacts.load_text(f"{artifacts}/note.txt") == "from the first"
    assert naming(database(first), copy) == []
    assert all(str(copy) in text or copy.as_uri() in text for _, _, text in naming(database(copy), first))


def test_nothing_is_written_where_nothing_has_moved(first):
    fill(first)
    before = database(first).stat().st_mtime_ns
    follow_project(database(first))
    assert database(first).stat().st_mtime_ns == before


def test_locations_elsewhere_stay(first, tmp_path):
    fill(first)
    others = (f"file://{tmp_path}/Erste Fassung 2/x", "mlflow-artifacts:/1", "s3://bucket/Erste Fassung", "/mnt/big/2")
    for number, location in enumerate(others):
        change(
            database(first),
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage) VALUES (?, ?, 'active')",
            f"elsewhere {number}",
            location,
        )
    moved = first.rename(tmp_path / "moved")
    follow_project(database(moved))
    kept = {text for table, column, text in texts(database(moved)) if column == "artifact_location"}
    assert set(others) <= kept


@pytest.mark.parametrize("recorded", ["/", "relative", "/etc", "", "file:///etc", "/%", "_" * 20])
def test_an_edited_record_leads_nowhere_but_into_the_project(first, recorded):
    fill(first)
    outside = "file:///etc/mlflow/shadow"
    change(database(first), "UPDATE runs SET artifact_uri = ?", outside)
    change(database(first), "UPDATE theragate_project SET root = ?", recorded)
    follow_project(database(first))
    (location,) = {text for _, column, text in texts(database(first)) if column == "artifact_uri"}
    assert location in (outside, f"{first.as_uri()}/mlflow/shadow")
    assert [text for table, _, text in texts(database(first)) if table == "theragate_project"] == [str(first)]


@pytest.mark.parametrize("way_out", ["/..", "/%2e%2E", "/x/../.."])
def test_a_location_that_leads_out_of_the_project_is_not_carried_along(first, tmp_path, way_out):
    fill(first)
    change(database(first), "UPDATE runs SET artifact_uri = ?", f"{first.as_uri()}{way_out}/etc")
    moved = first.rename(tmp_path / "moved")
    follow_project(database(moved))
    assert ("runs", "artifact_uri", f"{first.as_uri()}{way_out}/etc") in texts(database(moved))


def test_a_store_in_which_somebody_signed_in_has_decided_is_left_alone(first, tmp_path):
    fill(first)
    with opened(stores_of(first)) as client:
        client.search_registered_models()  # the guarded registry makes its ledger
    event = '{"actor":"ada","identity":"signed_in","reason":""}'
    ledger = "INSERT INTO theragate_ledger VALUES (1, 'ours', 'approve', 1, ?, '', 'x', '', '')"
    change(database(first), ledger, event)
    moved = first.rename(tmp_path / "moved")
    before = database(moved).read_bytes()
    follow_project(database(moved))
    assert database(moved).read_bytes() == before


def test_a_store_that_is_not_the_embedded_one_is_left_alone(tmp_path, empty_database):
    for place in ("mlflow-store/other.db", "store/mlflow.db"):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(empty_database)
        assert embedded_root(path) is None
        follow_project(path)
        assert path.read_bytes() == empty_database


def test_a_project_behind_a_link_is_the_same_project(first, tmp_path):
    fill(first)
    (tmp_path / "link").symlink_to(first)
    assert embedded_root(database(tmp_path / "link")) == first
    before = database(first).read_bytes()
    follow_project(database(tmp_path / "link"))
    assert database(first).read_bytes() == before


def test_a_failure_changes_nothing_and_the_next_one_goes_on(first, tmp_path):
    """All or nothing: a trigger refuses the last of the changes."""
    fill(first)
    moved = first.rename(tmp_path / "moved")
    refuse = "CREATE TRIGGER no BEFORE UPDATE ON model_versions BEGIN SELECT RAISE(ABORT, 'out of order'); END"
    change(database(moved), refuse)
    before = texts(database(moved))
    with pytest.raises(StoreError, match="out of order"), opened(stores_of(moved)):
        pass
    assert texts(database(moved)) == before
    change(database(moved), "DROP TRIGGER no")
    follow_project(database(moved))
    assert naming(database(moved), first) == []


def test_every_column_of_mlflow_that_may_hold_a_location_is_known():
    """A new version of MLflow with another one fails here; what is not a file of the store is listed."""
    with sqlalchemy.create_engine("sqlite://").connect() as connection:  # without tables of ours
        followed = {(column.table.name, column.name) for column, _ in _locations(connection)}
    followed -= {("trace_tags", "value")}
    others = {
        ("webhooks", "url"),
        ("datasets", "dataset_source"),  # what somebody said of the data
        ("evaluation_dataset_records", "source"),
        ("mcp_access_endpoints", "url"),
        ("mcp_server_versions", "source"),
        ("workspaces", "trace_archival_location"),  # of a server alone
    }
    signs = ("location", "uri", "url", "path", "source")
    found = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(sign in column.name for sign in signs)
        and not column.name.endswith(("source_type", "source_id", "source_run_id"))
        and (table.name, column.name) not in {("runs", "source_name"), ("runs", "source_version")}
    }
    assert found == followed | others
