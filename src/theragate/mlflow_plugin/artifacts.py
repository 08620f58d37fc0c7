"""The artifacts that the server hands out; sealed models among them can be read but never written.

Whoever may edit an experiment writes its artifacts through the server, including the files of its registered models.
What is in service is therefore a copy, in a folder that these repositories refuse to change.
"""

from collections.abc import AsyncIterable
from typing import Any, BinaryIO

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from theragate.mlflow_plugin.errors import refusal
from theragate.mlflow_plugin.sealed_location import SCHEME, is_sealed

__all__ = ["SealedFileRepository", "SealedRepository", "base_name", "check_open"]


class SealedRepository:
    """The refusals of every sealed repository; it precedes MLflow's class among the bases."""

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> Any:
        """Store a file; see MLflow."""
        check_open(artifact_path, base_name(local_file))
        return super().log_artifact(local_file, artifact_path)  # type: ignore[misc]

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> Any:
        """Store a folder; see MLflow."""
        check_open(artifact_path or "")
        return super().log_artifacts(local_dir, artifact_path)  # type: ignore[misc]

    def delete_artifacts(self, artifact_path: str | None = None) -> Any:
        """Delete a file or a folder; see MLflow."""
        check_open(artifact_path)
        return super().delete_artifacts(artifact_path)  # type: ignore[misc]


class SealedFileRepository(SealedRepository, LocalArtifactRepository):
    """Artifacts in a folder, at ``sealed+file:///…``."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri.removeprefix(SCHEME), tracking_uri, registry_uri)

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store what a client sends; see MLflow."""
        check_open(artifact_path, artifact_file_name)
        super().log_artifact_from_stream(stream, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store what a client sends; see MLflow."""
        check_open(artifact_path, artifact_file_name)
        await super().log_artifact_from_async_stream(chunks, artifact_file_name, artifact_path)


def base_name(local_file: str) -> str:
    """Return the name under which MLflow stores a file."""
    return local_file.replace("\\", "/").rpartition("/")[2]


def check_open(*parts: str | None) -> None:
    """Refuse to change a path that is a sealed copy or contains one."""
    if is_sealed(*parts):
        raise refusal(
            "sealed models",
            rule="they are never written, moved or deleted",
            received=f"a request to change `{'/'.join(part for part in parts if part)[:100]}`",
            remedy="Register a new version.",
        )
