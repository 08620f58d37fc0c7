"""A package follows from the bundle alone, and is what the rules for packages accept."""

import mlflow
import pytest
from mlflow.models import Model
from tracking.conftest import NOW

from theragate.digests import sha256_tree
from theragate.errors import DataError
from theragate.release.model_files import inspect_package
from theragate.release.rebuilt import InspectedPackage, check_rebuilt
from theragate.tracking.packages import write_package
from theragate.tracking.publish import publish


def test_what_is_registered_anywhere_at_any_time_are_the_same_bytes(stores, server, make_bundle, tmp_path, monkeypatch):
    from theragate.tracking.store import Stores

    bundle, folders = make_bundle(), []
    (tmp_path / "uv.lock").write_text("version = 1\n")  # MLflow would take it into a model that it saves here
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(tmp_path)
    for number, where in enumerate((stores, Stores(server, server, None))):
        published = publish(bundle, where, register=True, now=NOW + number * 86_400_000)
        client = mlflow.MlflowClient(where.tracking, where.registry)
        address = client.get_model_version_download_uri(bundle.study.name, published.version)
        folders.append(tmp_path / f"downloaded{number}")
        folders[-1].mkdir()
        mlflow.artifacts.download_artifacts(address, dst_path=str(folders[-1]), tracking_uri=where.tracking)
    write_package(bundle, tmp_path / "built")
    rebuilt = InspectedPackage.of(tmp_path / "built")
    for folder in folders:
        registered = next(path.parent for path in folder.rglob("MLmodel"))
        assert sha256_tree(registered) == rebuilt.package.sha256
        check_rebuilt(InspectedPackage.of(registered), rebuilt, version="version 1")


def test_it_is_one_that_the_rules_for_packages_accept_and_mlflow_reads(make_bundle, tmp_path):
    bundle = make_bundle()
    write_package(bundle, tmp_path / "model")
    assert inspect_package(tmp_path / "model").model_sha256 == bundle.model_sha256
    read = Model.load(str(tmp_path / "model"))
    assert read.flavors["python_function"]["loader_module"] == "theragate.serving"
    assert read.metadata["inputs"] == {column.name: column.type for column in bundle.record.input_schema}
    assert (read.run_id, read.model_id, read.model_uuid) == (None, None, None)


def test_its_status_does_not_come_and_go_with_waivers(make_bundle, tmp_path):
    from datetime import date

    blocked = make_bundle(decision="BLOCKED")
    waived = make_bundle(decision="BLOCKED", waived_until=date(2100, 1, 1), waivers=("TG006 by bob",), waived_by="bob")
    write_package(blocked, tmp_path / "blocked")
    write_package(waived, tmp_path / "waived")
    assert sha256_tree(tmp_path / "blocked") == sha256_tree(tmp_path / "waived")


def test_other_libraries_make_another_version(make_bundle, monkeypatch):
    from theragate.tracking import bundle as module

    before = make_bundle().key
    monkeypatch.setattr(module, "version", lambda name: "9.9.9")
    assert make_bundle().key != before


def test_a_column_that_readers_would_read_differently_is_refused(make_bundle, tmp_path):
    from tracking.conftest import record_of

    odd = record_of(2).model_dump(mode="json")
    odd["input_schema"] = [{"name": "\U0001f600", "type": "number"}]
    with pytest.raises(DataError, match="no signs outside the Basic Multilingual Plane"):
        write_package(make_bundle(record=type(record_of(2)).model_validate(odd)), tmp_path / "model")
