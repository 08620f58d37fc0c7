"""The sealed artifact repositories, opened by MLflow as a server opens them."""

import asyncio
import io

import pytest
from mlflow.entities.multipart_upload import MultipartUploadPart
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow_plugin.attested_by_hand import write_package

from theragate.release.package_rules import TEXTS

DIGEST = "d" * 64
INSIDE = [f"sealed/{DIGEST}", "sealed", "x/../sealed", "SEALED/x", "%73ealed/x", ""]


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    write_package(tmp_path / "sealed" / DIGEST, "content")
    monkeypatch.setenv("THERAGATE_SEALED", str(tmp_path / "sealed"))
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "sealed+s3://bucket/a")
    return tmp_path


@pytest.fixture(params=["file", "s3"])
def repository(request, sealed, monkeypatch):
    if request.param == "s3":
        return get_artifact_repository("sealed+s3://bucket/a")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", f"sealed+{sealed.as_uri()}")
    return get_artifact_repository(f"sealed+{sealed.as_uri()}")


def test_sealed_models_are_read(repository, sealed, tmp_path):
    model = f"sealed/{DIGEST}/data/estimator/model.json"
    assert repository.get_local_path(model) == str(sealed / model)
    listed = {item.path for item in repository.list_artifacts(f"sealed/{DIGEST}")}
    assert listed == {f"sealed/{DIGEST}/{name}" for name in ("data", *TEXTS)}
    copy = tmp_path / "copy"
    copy.mkdir()
    repository.download_artifacts(f"sealed/{DIGEST}", str(copy))
    assert (copy / model).read_bytes() == (sealed / model).read_bytes()


@pytest.fixture(params=["file", "elsewhere", "s3"])
def anywhere(request, sealed, tmp_path, monkeypatch):
    """A repository with the sealed folder below the artifacts, in a folder of its own, and beside a bucket."""
    if request.param == "s3":
        return get_artifact_repository("sealed+s3://bucket/a")
    root = tmp_path if request.param == "file" else tmp_path / "artifacts"
    root.mkdir(exist_ok=True)
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", f"sealed+{root.as_uri()}")
    return get_artifact_repository(f"sealed+{root.as_uri()}")


def test_of_the_sealed_folder_only_what_was_attested_is_handed_out(anywhere, sealed, tmp_path):
    model, part = sealed / "sealed" / DIGEST, sealed / "sealed" / ".dddddddddddddddd.x.part"
    write_package(part, "unfinished")
    (model / "registered_model_meta").write_text("model_version: '7'\n")
    (sealed / "sealed" / "note.json").write_text("1")
    assert {item.path for item in anywhere.list_artifacts("sealed")} == {f"sealed/{DIGEST}"}
    listed = {item.path for item in anywhere.list_artifacts(f"sealed/{DIGEST}")}
    assert listed == {f"sealed/{DIGEST}/{name}" for name in ("data", *TEXTS)}
    assert anywhere.get_local_path(f"sealed/{DIGEST}/MLmodel") == str(model / "MLmodel")
    for path in (
        f"sealed/{DIGEST}/registered_model_meta",
        f"sealed/{DIGEST}/./registered_model_meta",
        f"sealed/{DIGEST}/registered%5fmodel_meta",
        f"sealed//{DIGEST}//registered_model_meta",
        f"SEALED/{DIGEST}/MLmodel",
        f"sealed/{part.name}/MLmodel",
        f"sealed/{DIGEST}/../{part.name}/MLmodel",
        f"sealed/{DIGEST}/..\\{part.name}/MLmodel",
        "sealed/note.json",
        "sealed/../sealed/note.json",
    ):
        for read in (anywhere.get_local_path, anywhere.list_artifacts):
            with pytest.raises(MlflowException, match=r"No such artifact|Invalid path"):
                read(path)
        with pytest.raises(MlflowException, match=r"No such artifact|Invalid path"):
            anywhere._download_file(path, str(tmp_path / "stolen"))
        assert not (tmp_path / "stolen").exists()
    copy = tmp_path / "copy"
    copy.mkdir()
    anywhere.download_artifacts(f"sealed/{DIGEST}", str(copy))
    assert {path.name for path in (copy / "sealed" / DIGEST).iterdir()} == {"data", *TEXTS}


@pytest.mark.parametrize("path", INSIDE)
def test_sealed_models_are_not_written_or_deleted(repository, sealed, path):
    file = sealed / "poison.json"
    file.write_text("1")
    attacks = [
        lambda: repository.log_artifacts(str(sealed), path),
        lambda: repository.delete_artifacts(path),
    ]
    if path:
        attacks.append(lambda: repository.log_artifact(str(file), path))
    if hasattr(repository, "create_multipart_upload"):
        part = [MultipartUploadPart(1, "etag")]
        attacks += [
            lambda: repository.create_presigned_upload_url(path or "sealed"),
            lambda: repository.get_download_presigned_url(path or "sealed"),
        ]
        if path:
            attacks += [
                lambda: repository.create_multipart_upload("poison.json", 1, path),
                lambda: repository.complete_multipart_upload("poison.json", "1", part, path),
                lambda: repository.abort_multipart_upload("poison.json", "1", path),
            ]
    elif path:
        attacks += [
            lambda: repository.log_artifact_from_stream(io.BytesIO(b"1"), "poison.json", path),
            lambda: asyncio.run(repository.log_artifact_from_async_stream(sent(), "poison.json", path)),
        ]
    for attack in attacks:
        with pytest.raises(MlflowException, match="never written, moved or deleted"):
            attack()


async def sent():
    yield b"1"


def test_everything_else_is_written(sealed):
    repository = get_artifact_repository(f"sealed+{sealed.as_uri()}")
    file = sealed / "note.txt"
    file.write_text("1")
    repository.log_artifact(str(file), "1/run/artifacts")
    repository.log_artifact_from_stream(io.BytesIO(b"2"), "sealed", "1/run/artifacts")
    assert (sealed / "1" / "run" / "artifacts" / "note.txt").read_text() == "1"
    repository.delete_artifacts("1/run")
    assert not (sealed / "1" / "run").exists()
