"""The artifacts that the server hands out; sealed models among them can be read but never written.

Whoever may edit an experiment writes its artifacts through the server, including the files of its registered models.
What is in service is therefore a copy, in a folder that these repositories refuse to change. They hand it out as
`sealed` among the artifacts, wherever it is, and of it only what was attested: no unfinished copy, and no file beside
a model.
"""

import re
from collections.abc import AsyncIterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.mlflow_plugin.sealed_location import SCHEME, SEALED, is_sealed, sealed_location
from theragate.release.package_rules import META

__all__ = ["SealedFileRepository", "SealedRepository", "base_name", "check_open", "no_such_artifact"]


class SealedRepository:
    """What every sealed repository hands out and refuses; it precedes MLflow's class among the bases."""

    def __init__(
        self,
        artifact_uri: str,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        environ: Mapping[str, str],
    ) -> None:
        location = artifact_uri.removeprefix(SCHEME)
        super().__init__(location, tracking_uri=tracking_uri, registry_uri=registry_uri)  # type: ignore[call-arg]
        self.environ = environ

    def get_local_path(self, artifact_path: str) -> Any:
        """Return the path of a file on this machine, or None; see MLflow."""
        below = _below_sealed(artifact_path)
        if below is None:
            return super().get_local_path(artifact_path)  # type: ignore[misc]
        return self._sealed().get_local_path(_attested(below))

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List a folder; see MLflow."""
        below = _below_sealed(path)
        if below is None:
            return list(super().list_artifacts(path))  # type: ignore[misc]
        items = self._sealed().list_artifacts(_attested(below) if below else None)
        return [
            FileInfo(f"{SEALED}/{item.path}", item.is_dir, item.file_size) for item in items if _is_attested(item.path)
        ]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        below = _below_sealed(remote_file_path)
        if below is None:
            super()._download_file(remote_file_path, local_path)  # type: ignore[misc]
        else:
            self._sealed()._download_file(_attested(below), local_path)

    def _is_directory(self, artifact_path: str | None) -> bool:
        below = _below_sealed(artifact_path)
        if below is None:
            return bool(super()._is_directory(artifact_path))  # type: ignore[misc]
        return bool(self._sealed()._is_directory(_attested(below)))

    def _sealed(self) -> ArtifactRepository:
        with translated_errors():
            place = sealed_location(self.environ, "").place
        if isinstance(place, Path):
            return LocalArtifactRepository(place.as_uri())
        from theragate.mlflow_plugin.artifacts_s3 import SealedBucket  # the client of S3 need not be installed

        return SealedBucket(place, self.environ)

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


def _below_sealed(path: str | None) -> str | None:
    """Return a path relative to the sealed folder; None for one that leads elsewhere.

    A spelling that only some servers or file systems take for the sealed folder names nothing.
    """
    if not path or not is_sealed(path):
        return None
    parts = PurePosixPath(path).parts
    if parts[:1] == (SEALED,):
        return "/".join(parts[1:])
    if set(parts) <= {"/", ".", ".."}:  # the folder of all artifacts
        return None
    raise no_such_artifact(path)


def _is_attested(below: str) -> bool:
    """Return whether a path below the sealed folder is a complete copy, or names something that was attested in it."""
    first, *rest = PurePosixPath(below).parts or ("",)
    plain = ".." not in rest and "%" not in below and "\\" not in below
    return plain and re.fullmatch("[0-9a-f]{64}", first) is not None and rest[:1] != [META]


def _attested(below: str) -> str:
    if not _is_attested(below):
        raise no_such_artifact(f"{SEALED}/{below}")
    return below


def no_such_artifact(path: str) -> MlflowException:
    """Return the answer to a request for what is not there (HTTP status 404)."""
    return MlflowException(f"No such artifact: '{path[:200]}'", error_code=RESOURCE_DOES_NOT_EXIST)
