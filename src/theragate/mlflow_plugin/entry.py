"""What MLflow loads by name: functions that import the parts only when a store or repository is opened.

MLflow loads every entry point when it is imported itself. The schemes are our own, never a built-in one: an entry point
that fails to load is only warned of, and a built-in scheme would then be served without any guard.
"""

from typing import Any

__all__ = ["registry_store", "sealed_file_repository", "sealed_s3_repository"]


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Open the guarded registry at ``gated+sqlite:///…`` or ``gated+postgresql://…``."""
    from theragate.mlflow_plugin.store import GatedStore

    return GatedStore(store_uri, tracking_uri)


def sealed_file_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """Open the artifacts at ``sealed+file:///…``."""
    from theragate.mlflow_plugin.artifacts import SealedFileRepository

    return SealedFileRepository(artifact_uri, tracking_uri, registry_uri)


def sealed_s3_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """Open the artifacts at ``sealed+s3://…``."""
    from theragate.mlflow_plugin.artifacts_s3 import SealedS3Repository

    return SealedS3Repository(artifact_uri, tracking_uri, registry_uri)
