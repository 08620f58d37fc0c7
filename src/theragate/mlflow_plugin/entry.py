"""The entry points that MLflow loads by name; they import the parts only when a store or repository is opened.

MLflow loads every entry point when it is imported. The schemes are our own, never built-in ones: MLflow only warns of
an entry point that fails to load, and would then serve a built-in scheme unguarded.

These are doors: here, and nowhere behind them, the environment of the process is read.
"""

import os
from pathlib import Path
from typing import Any

__all__ = ["registry_store", "sealed_file_repository", "sealed_s3_repository"]


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Open the guarded registry at ``gated+sqlite:///…`` or ``gated+postgresql://…``."""
    from theragate.mlflow_plugin.configuration import Configuration
    from theragate.mlflow_plugin.store import GatedStore

    return GatedStore(store_uri, tracking_uri, configuration=Configuration(os.environ, Path.cwd()))


def sealed_file_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """Open the artifacts at ``sealed+file:///…``."""
    from theragate.mlflow_plugin.artifacts import SealedFileRepository

    return SealedFileRepository(artifact_uri, tracking_uri, registry_uri, environ=os.environ)


def sealed_s3_repository(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """Open the artifacts at ``sealed+s3://…``."""
    from theragate.mlflow_plugin.artifacts_s3 import SealedS3Repository

    return SealedS3Repository(artifact_uri, tracking_uri, registry_uri, environ=os.environ)
