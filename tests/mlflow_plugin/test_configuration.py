from pathlib import Path

import pytest
from mlflow_plugin.attested_by_hand import Deployment

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.buckets import Bucket
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.sealed_location import local_path, sealed_location
from theragate.release.keys import SigningKey, development_key

SERVED = {"_MLFLOW_SERVER_SERVE_ARTIFACTS": "true", "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "sealed+file:///srv/a"}


def configured(environ, home: Path) -> Configuration:
    """The configuration of a process that runs in `home` with these variables."""
    return Configuration(environ, home)


def test_beside_the_database_where_nothing_is_served():
    location = sealed_location({}, "sqlite:////srv/store/mlflow.db")
    assert (location.place, location.uri) == (Path("/srv/store/sealed"), "file:///srv/store/sealed")


def test_below_the_artifacts_where_they_are_served():
    location = sealed_location(SERVED, "postgresql://localhost/x")
    assert (location.place, location.uri) == (Path("/srv/a/sealed"), "mlflow-artifacts:/sealed")
    assert sealed_location({**SERVED, "THERAGATE_SEALED": "/srv/a/sealed"}, "sqlite://") == location


def test_where_the_setting_says():
    location = sealed_location({**SERVED, "THERAGATE_SEALED": "file:///srv/worm"}, "sqlite://")
    assert (location.place, location.uri) == (Path("/srv/worm"), "mlflow-artifacts:/sealed")
    location = sealed_location({"THERAGATE_SEALED": "file:///srv/worm"}, "sqlite://")
    assert (location.place, location.uri) == (Path("/srv/worm"), "file:///srv/worm"), "there is no server"


IN_BUCKET = {**SERVED, "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "sealed+s3://bucket/a"}


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ({}, Bucket("s3://bucket/a/sealed")),
        ({"THERAGATE_SEALED": "s3://bucket/a/sealed/"}, Bucket("s3://bucket/a/sealed")),
        ({"THERAGATE_SEALED": "s3://bucket/above"}, Bucket("s3://bucket/above")),
        ({"THERAGATE_SEALED": "s3://locked"}, Bucket("s3://locked")),
        ({"THERAGATE_SEALED": "/srv/sealed"}, Path("/srv/sealed")),
    ],
)
def test_on_the_server_where_the_artifacts_are_in_a_bucket(named, place):
    location = sealed_location(IN_BUCKET | named, "postgresql://localhost/x")
    assert (location.place, location.uri) == (place, "mlflow-artifacts:/sealed")


def test_in_a_bucket_where_the_artifacts_are_not():
    named = {"THERAGATE_SEALED": "s3://locked/models"}
    assert sealed_location(SERVED | named, "sqlite://").uri == "mlflow-artifacts:/sealed"
    location = sealed_location(named, "sqlite://")
    assert (location.place, location.uri) == (Bucket("s3://locked/models"), "s3://locked/models"), "there is no server"


@pytest.mark.parametrize("place", ["s3://bucket/a", "s3://bucket/a/1", "s3://bucket/a/sealed/x"])
def test_never_in_a_bucket_where_clients_can_write(place):
    with pytest.raises(ConfigurationError, match="outside the artifacts"):
        sealed_location({**IN_BUCKET, "THERAGATE_SEALED": place}, "sqlite://")


@pytest.mark.parametrize(
    "place",
    ["s3://", "s3:bucket/a", "s3://bucket/a/../b", "s3://bucket//a", "s3://bucket/./a", "s3://key:secret@bucket/a"],
)
def test_a_bucket_has_one_spelling(place):
    with pytest.raises(ConfigurationError, match="it is written as `s3://BUCKET/FOLDER`") as raised:
        sealed_location({**IN_BUCKET, "THERAGATE_SEALED": place}, "sqlite://")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("folder", ["/srv/a", "/srv/a/1", "/srv/a/sealed/x", "/srv/a/../a/other"])
def test_never_where_clients_can_write(folder):
    with pytest.raises(ConfigurationError, match="outside the artifacts"):
        sealed_location({**SERVED, "THERAGATE_SEALED": folder}, "sqlite://")


@pytest.mark.parametrize("database", ["postgresql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_it_has_to_be_known(database):
    with pytest.raises(ConfigurationError, match="Set THERAGATE_SEALED"):
        sealed_location({}, database)


@pytest.mark.parametrize("address", ["relative", "https://host/x", "file://host/x", ""])
def test_an_address_that_is_no_folder(address):
    with pytest.raises(ConfigurationError):
        local_path(address)


def test_the_protected_aliases(tmp_path):
    assert configured({}, tmp_path).protects("Champion\n")
    assert not configured({}, tmp_path).protects("candidate")
    deployment = Deployment(tmp_path / "d")
    deployment.write(protected_aliases=("production",))
    configuration = configured({"THERAGATE_TRUST": str(deployment.trust_file)}, tmp_path)
    assert configuration.protects("PRODUCTION")
    assert configuration.protects("champion"), "it is protected whatever the file says"


def test_without_a_trust_file_this_machines_key_counts(tmp_path):
    configuration = configured({}, tmp_path)
    trust = configuration.trust()
    key = configuration.ledger_key(trust)
    assert trust.development
    assert key.public == development_key(tmp_path / "private")[0].public == trust.of_role("ledger")[0].key


def test_the_ledgers_key_is_one_that_the_trust_file_gives_this_role(tmp_path):
    deployment = Deployment(tmp_path / "d")
    deployment.write()
    environ = {"THERAGATE_TRUST": str(deployment.trust_file)}
    trust = configured(environ, tmp_path).trust()
    with pytest.raises(ConfigurationError, match="received no key"):
        configured(environ, tmp_path).ledger_key(trust)
    for key in (SigningKey.generate(), deployment.evaluator):
        other = {**environ, "THERAGATE_LEDGER_KEY": key.pem().decode()}
        with pytest.raises(ConfigurationError, match="which it does not list"):
            configured(other, tmp_path).ledger_key(trust)
    right = configured({**environ, "THERAGATE_LEDGER_KEY": str(deployment.ledger_file)}, tmp_path)
    assert right.ledger_key(trust).public == deployment.ledger.public


def test_a_trust_file_that_trusts_the_development_key(tmp_path):
    key, _ = development_key(tmp_path / "private")
    deployment = Deployment(tmp_path / "d", ledger=key)
    deployment.write()
    with pytest.raises(ConfigurationError, match="never trusts a development key"):
        configured({"THERAGATE_TRUST": str(deployment.trust_file)}, tmp_path).trust()


def test_a_trust_file_that_is_named_and_missing(tmp_path):
    with pytest.raises(Exception, match="no such file"):
        configured({"THERAGATE_TRUST": str(tmp_path / "none.json")}, tmp_path).trust()
