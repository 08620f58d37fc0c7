"""The artifacts in a bucket, with the sealed models of the server's own folder handed out as if they were in it."""

from typing import Any

from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from theragate.mlflow_plugin.artifacts import SealedRepository, base_name, check_open

__all__ = ["SealedS3Repository"]


class SealedS3Repository(SealedRepository, S3ArtifactRepository):
    """Artifacts in a bucket, at ``sealed+s3://…``, and below `sealed` the folder ``THERAGATE_SEALED``.

    A bucket has no atomic rename, and whoever holds its keys can write to it: what is in service stays on the server.
    """

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
