"""The artifacts in a bucket, with the sealed models of the server's own folder handed out as if they were in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from theragate.mlflow_plugin.artifacts import SealedRepository, base_name, check_open
from theragate.mlflow_plugin.errors import translated_errors
from theragate.mlflow_plugin.sealed_location import SCHEME, SEALED, is_sealed, sealed_location

__all__ = ["SealedS3Repository"]


class SealedS3Repository(SealedRepository, S3ArtifactRepository):
    """Artifacts in a bucket, at ``sealed+s3://…``, and below `sealed` the folder ``THERAGATE_SEALED``.

    A bucket has no atomic rename, and whoever holds its keys can write to it: what is in service stays on the server.
    """

    def __init__(
        self,
        artifact_uri: str,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(artifact_uri.removeprefix(SCHEME), tracking_uri=tracking_uri, registry_uri=registry_uri)
        self._environ = environ

    def get_local_path(self, artifact_path: str) -> str | None:
        """Return the path of a sealed file on this machine; None for a file in the bucket."""
        if is_sealed(artifact_path):
            return str(self._sealed().get_local_path(_below(artifact_path)))
        return None

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List a folder; see MLflow."""
        if path and is_sealed(path):
            items = self._sealed().list_artifacts(_below(path) or None)
            return [FileInfo(f"{SEALED}/{item.path}", item.is_dir, item.file_size) for item in items]
        return super().list_artifacts(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        if is_sealed(remote_file_path):
            self._sealed()._download_file(_below(remote_file_path), local_path)
        else:
            super()._download_file(remote_file_path, local_path)

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        """Let a client read from the bucket directly; see MLflow."""
        check_open(artifact_path)
        return super().get_download_presigned_url(artifact_path, expiration)

    def _sealed(self) -> LocalArtifactRepository:
        with translated_errors():
            folder = sealed_location(self._environ, "").folder
        return LocalArtifactRepository(folder.as_uri())

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


def _below(path: str) -> str:
    """Return a path relative to the sealed folder; in any spelling but ours it names nothing there."""
    first, *rest = Path(path).parts
    return "/".join(rest) if first == SEALED else path
