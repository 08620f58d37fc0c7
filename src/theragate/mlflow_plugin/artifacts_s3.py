"""The artifacts in a bucket, and sealed models in one."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from theragate.mlflow_plugin.artifacts import SealedRepository, base_name, check_open, no_such_artifact
from theragate.mlflow_plugin.buckets import Bucket, no_such_object, reaching
from theragate.mlflow_plugin.errors import translated_errors
from theragate.mlflow_plugin.sealing_s3 import BucketVault

__all__ = ["SealedBucket", "SealedS3Repository"]


def _answered(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of MLflow's repository raise sentences, where it lets the errors of its client through."""

    @wraps(method)
    def call(self: Any, *arguments: Any, **more: Any) -> Any:
        with translated_errors(), reaching(self.artifact_uri, self.environ):
            try:
                return method(self, *arguments, **more)
            except Exception as raised:
                if no_such_object(raised):
                    raise no_such_artifact(str(arguments[0] if arguments else "")) from raised
                raise

    return call


class _AnsweringRepository(S3ArtifactRepository):
    """MLflow's repository; its errors are sentences."""

    environ: Mapping[str, str]

    list_artifacts = _answered(S3ArtifactRepository.list_artifacts)
    log_artifact = _answered(S3ArtifactRepository.log_artifact)
    log_artifacts = _answered(S3ArtifactRepository.log_artifacts)
    delete_artifacts = _answered(S3ArtifactRepository.delete_artifacts)
    get_download_presigned_url = _answered(S3ArtifactRepository.get_download_presigned_url)
    create_multipart_upload = _answered(S3ArtifactRepository.create_multipart_upload)
    complete_multipart_upload = _answered(S3ArtifactRepository.complete_multipart_upload)
    abort_multipart_upload = _answered(S3ArtifactRepository.abort_multipart_upload)
    create_presigned_upload_url = _answered(S3ArtifactRepository.create_presigned_upload_url)
    _download_file = _answered(S3ArtifactRepository._download_file)


class SealedBucket(_AnsweringRepository):
    """The complete sealed copies in a bucket, to be read."""

    def __init__(self, bucket: Bucket, environ: Mapping[str, str]) -> None:
        super().__init__(bucket.uri)
        self.environ, self._vault = environ, BucketVault(bucket, environ)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List the copies, or a folder of one; see MLflow."""
        if path:
            self._check_complete(path)
            return list(super().list_artifacts(path))
        return [item for item in super().list_artifacts() if item.is_dir and self._is_complete(item.path)]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._check_complete(remote_file_path)
        super()._download_file(remote_file_path, local_path)

    def _check_complete(self, path: str) -> None:
        if not self._is_complete(path.lstrip("/").partition("/")[0]):
            raise no_such_artifact(path)

    @_answered
    def _is_complete(self, sha256: str) -> bool:
        return self._vault.is_complete(sha256)


class SealedS3Repository(SealedRepository, _AnsweringRepository):
    """Artifacts in a bucket, at ``sealed+s3://…``, and below `sealed` the sealed models, which may be elsewhere."""

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        """Let a client read from the bucket directly; see MLflow."""
        check_open(artifact_path)
        return super().get_download_presigned_url(artifact_path, expiration)

    def create_multipart_upload(self, local_file: str, num_parts: int = 1, artifact_path: str | None = None) -> Any:
        """Begin an upload in parts; see MLflow."""
        check_open(artifact_path, base_name(local_file))
        return super().create_multipart_upload(local_file, num_parts, artifact_path)

    def complete_multipart_upload(
        self, local_file: str, upload_id: str, parts: Any = None, artifact_path: str | None = None
    ) -> None:
        """End an upload in parts; see MLflow."""
        check_open(artifact_path, base_name(local_file))
        super().complete_multipart_upload(local_file, upload_id, parts, artifact_path)

    def abort_multipart_upload(self, local_file: str, upload_id: str, artifact_path: str | None = None) -> None:
        """Give up an upload in parts; see MLflow."""
        check_open(artifact_path, base_name(local_file))
        super().abort_multipart_upload(local_file, upload_id, artifact_path)

    def create_presigned_upload_url(self, artifact_path: str, expiration: int = 900) -> Any:
        """Let a client write to the bucket directly; see MLflow."""
        check_open(artifact_path)
        return super().create_presigned_upload_url(artifact_path, expiration)
