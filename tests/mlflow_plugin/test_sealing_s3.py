"""Sealed models in a bucket: what the product never does to them, and what an administrator can, which is found out."""

import sys
from pathlib import Path

import pytest
from buckets import store_of_buckets
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow_plugin.attested_by_hand import write_package
from mlflow_plugin.sealed_at_once import sealed_at_once
from support import free_port

from theragate.digests import sha256_tree
from theragate.errors import ConfigurationError, StoreError
from theragate.mlflow_plugin import buckets
from theragate.mlflow_plugin.artifacts_s3 import SealedBucket
from theragate.mlflow_plugin.buckets import Bucket, BucketOutageError
from theragate.mlflow_plugin.sealing_s3 import BucketVault
from theragate.release.package_rules import TEXTS
from theragate.release.refusals import Refusal

pytestmark = pytest.mark.xdist_group("buckets")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with store_of_buckets(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def environ(store, monkeypatch):
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    return store.environ


@pytest.fixture
def name(request):
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())[:60].strip("-")


@pytest.fixture
def vault(store, environ, name):
    return BucketVault(Bucket(f"{store.make(name)}/models"), environ)


@pytest.fixture
def package(tmp_path):
    return write_package(tmp_path / "package", "content", size=300_000)


def test_a_copy_is_named_by_its_digest_and_holds_what_was_attested_alone(vault, package, store, name):
    expected = sha256_tree(package)
    (package / "registered_model_meta").write_text("model_version: '7'\n")
    sealed = vault.seal(package, expected=expected)
    assert sealed.sha256 == expected
    assert sealed.model_sha256 == sha256_tree(package / "data" / "estimator")
    assert vault.find(expected) == sealed
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert store.keys(name) == {f"models/{expected}/{path}" for path in files - {"registered_model_meta"}}


def test_other_files_than_expected_leave_nothing(vault, package, store, name):
    with pytest.raises(Refusal, match="they are those that were attested"):
        vault.seal(package, expected="0" * 64)
    assert store.keys(name) == set()
    assert vault.find("0" * 64) is None


def test_sealing_again_writes_nothing(vault, package, store, name):
    store.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    before = versions(store, name)
    vault.seal(package, expected=expected)
    assert versions(store, name) == before
    assert len({key for key, _ in before}) == len(before), "of each object there is one version"


def versions(store, name):
    listed = store.client.list_object_versions(Bucket=name)
    return sorted((item["Key"], item["VersionId"]) for item in listed.get("Versions", []))


def test_an_object_is_never_replaced_by_the_product(vault, package, store, name):
    """Somebody has put another file where one of a model will be: it stays, and nothing is released with it."""
    expected = sha256_tree(package)
    key = f"models/{expected}/data/estimator/model.json"
    store.client.put_object(Bucket=name, Key=key, Body=b"{}")
    with pytest.raises(StoreError, match="a sealed copy never changes; received a copy that has changed"):
        vault.seal(package, expected=expected)
    assert store.client.get_object(Bucket=name, Key=key)["Body"].read() == b"{}"


def test_an_unfinished_copy_is_found_by_nobody_and_completed_by_the_next(vault, package, store, name, environ):
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    store.client.delete_object(Bucket=name, Key=f"models/{expected}/MLmodel")
    assert vault.find(expected) is None
    handed_out = SealedBucket(vault.bucket, environ)
    assert handed_out.list_artifacts() == []
    with pytest.raises(MlflowException, match="No such artifact"):
        handed_out.list_artifacts(expected)
    with pytest.raises(MlflowException, match="No such artifact"):
        handed_out._download_file(f"{expected}/requirements.txt", "/dev/null")
    assert vault.seal(package, expected=expected).sha256 == expected


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (("put", "data/estimator/model.json"), "a copy that has changed"),
        (("put", "registered_model_meta"), "a copy with a file beside it"),
        (("put", "MLmodel"), r"one whose model file `MLmodel` may not be in a model"),
        (("put", "data//estimator"), "a copy with an object that is no file"),
        (("delete", "requirements.txt"), r"one whose model file `requirements.txt` may not be in a model"),
    ],
)
def test_what_an_administrator_does_is_found_out(vault, package, store, name, change, received):
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    how, path = change
    where = {"Bucket": name, "Key": f"models/{expected}/{path}"}
    store.client.put_object(**where, Body=b"other") if how == "put" else store.client.delete_object(**where)
    with pytest.raises(StoreError, match=f"never changes; received {received}"):
        vault.find(expected)
    with pytest.raises(StoreError, match="never changes"):
        vault.seal(package, expected=expected)


def test_a_store_without_conditional_writes_is_refused(vault, package, store, name, monkeypatch):
    """Such a store takes the header, ignores it, and replaces."""
    client = vault._client
    put = type(client).put_object

    def lax(self, *arguments, IfNoneMatch=None, **more):  # noqa: N803 - its name in S3
        return put(self, *arguments, **more)

    monkeypatch.setattr(type(client), "put_object", lax)
    expected = sha256_tree(package)
    with pytest.raises(StoreError, match=r"received a store that replaces it all the same\. Name a bucket"):
        vault.seal(package, expected=expected)
    assert vault.find(expected) is None


def test_many_who_seal_the_same_at_once_end_with_one_copy(vault, package, store, name):
    expected = sha256_tree(package)
    assert sealed_at_once(vault, package, expected, 4) == [expected] * 4


def test_in_a_locked_bucket_not_even_an_administrator_ends_a_version(store, environ, package, name):
    """A new version or a mark can be laid over it, which is found out; what was sealed stays below."""
    vault = BucketVault(Bucket(store.make(name, lock_days=10)), environ)
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    where = {"Bucket": name, "Key": f"{expected}/data/estimator/model.json"}
    sealed = store.client.head_object(**where)["VersionId"]
    with pytest.raises(store.client.exceptions.ClientError, match="Access"):
        store.client.delete_object(**where, VersionId=sealed)
    store.client.put_object(**where, Body=b"other")
    with pytest.raises(StoreError, match="never changes"):
        vault.find(expected)
    content = store.client.get_object(**where, VersionId=sealed)["Body"].read()
    assert content == (package / "data" / "estimator" / "model.json").read_bytes()


@pytest.fixture
def served(store, environ, monkeypatch, name):
    """The repository of a server whose artifacts and sealed models are in one bucket."""
    place = f"{store.make(name)}/a"
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", f"sealed+{place}")
    return get_artifact_repository(f"sealed+{place}")


def test_a_server_hands_out_sealed_models_and_takes_everything_else(served, environ, name, package, tmp_path):
    expected = sha256_tree(package)
    BucketVault(Bucket(f"s3://{name}/a/sealed"), environ).seal(package, expected=expected)
    assert [item.path for item in served.list_artifacts("sealed")] == [f"sealed/{expected}"]
    listed = {item.path for item in served.list_artifacts(f"sealed/{expected}")}
    assert listed == {f"sealed/{expected}/{name}" for name in ("data", *TEXTS)}
    (tmp_path / "copy").mkdir()
    served.download_artifacts(f"sealed/{expected}", str(tmp_path / "copy"))
    assert sha256_tree(tmp_path / "copy" / "sealed" / expected) == expected
    note = tmp_path / "note.txt"
    note.write_text("1")
    served.log_artifact(str(note), "1/run/artifacts")
    assert Path(served.download_artifacts("1/run/artifacts/note.txt")).read_text() == "1"
    for path in ("sealed", f"sealed/{expected}", "x/../sealed"):
        with pytest.raises(MlflowException, match="never written, moved or deleted"):
            served.log_artifact(str(note), path)
        with pytest.raises(MlflowException, match="never written, moved or deleted"):
            served.delete_artifacts(path)
    served.delete_artifacts("1/run")
    with pytest.raises(MlflowException, match="No such artifact") as raised:
        served._download_file("1/run/artifacts/note.txt", str(tmp_path / "gone"))
    assert raised.value.get_http_status_code() == 404


def test_a_store_that_does_not_answer_is_a_sentence(served, environ, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://{nowhere}")
    served.environ = environ | {"MLFLOW_S3_ENDPOINT_URL": f"http://user:pass@{nowhere}"}
    (tmp_path / "note.txt").write_text("1")
    for attempt in (
        lambda: served.log_artifact(str(tmp_path / "note.txt"), "1"),
        lambda: served._download_file("1/note.txt", str(tmp_path / "copy")),
        lambda: served.list_artifacts("1"),
    ):
        with pytest.raises(MlflowException, match=f"store answers at `http://{nowhere}`; received no answer") as raised:
            attempt()
        assert raised.value.get_http_status_code() == 503, "a client tries again by itself"


def test_keys_that_are_not_set_are_a_sentence(store, environ, monkeypatch, name):
    bucket = Bucket(store.make(name))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StoreError, match="the server has keys to it; received none"):
        bucket.check(environ)


def test_a_bucket_that_is_not_there_is_a_sentence(store, environ, tmp_path):
    bucket = Bucket("s3://no-such-bucket/a")
    with pytest.raises(StoreError, match="the bucket `no-such-bucket`: it exists; received no bucket of that name"):
        bucket.check(environ)
    (tmp_path / "note.txt").write_text("1")
    with pytest.raises(MlflowException, match="no bucket of that name"):
        get_artifact_repository("sealed+s3://no-such-bucket/a").log_artifact(str(tmp_path / "note.txt"), "1")


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("InvalidAccessKeyId", StoreError, "keys that may not"),
        ("SignatureDoesNotMatch", StoreError, "keys that may not"),
        ("AccessDenied", StoreError, "what the bucket grants them"),
        ("SlowDown", BucketOutageError, "it answers; received `SlowDown`"),
        ("NotImplemented", StoreError, "received the error `NotImplemented`"),
    ],
)
def test_what_a_store_refuses_is_a_sentence(environ, code, kind, message):
    from botocore.exceptions import ClientError

    with pytest.raises(kind, match=message), buckets.reaching("s3://bucket/a", environ):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "PutObject")


def test_a_client_that_is_not_installed_is_a_sentence(environ, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3.exceptions", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'theragate\[s3\]'"), buckets.reaching("s3://b/a", {}):
        raise AssertionError


def test_a_bucket_without_versions_is_told(store, environ, name):
    bucket = Bucket(store.make(name))
    assert not bucket.check(environ)
    store.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert bucket.check(environ)
