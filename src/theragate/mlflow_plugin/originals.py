"""Getting at the files of a version before they are sealed, wherever they are."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from theragate.mlflow_plugin.configuration import served_destination
from theragate.release.model_files import Limits
from theragate.release.refusals import Refusal

__all__ = ["original"]


@contextmanager
def original(address: str) -> Iterator[Path]:
    """Yield the folder of a model's files: where they are, or a copy where they are in no folder of this machine.

    Parameters
    ----------
    address
        What MLflow gives as the place of a version: a path, ``file:``, ``mlflow-artifacts:`` of this server, or the
        address of a store like S3.

    Raises
    ------
    Refusal
        If the files cannot be reached, or are more than a package may hold.
    """
    address = _direct(address)
    if is_local_uri(address):
        yield Path(local_file_uri_to_path(address))
        return
    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        try:
            repository = get_artifact_repository(address)
            _check_amount(repository, Limits())
            repository.download_artifacts("", folder)
        except (MlflowException, OSError) as error:
            raise _out_of_reach(f"{type(error).__name__}") from error
        yield Path(folder)


def _direct(address: str) -> str:
    """Return the address behind that of the server's own artifacts."""
    parts = urlsplit(address)
    destination = served_destination(os.environ)
    if parts.scheme != "mlflow-artifacts" or destination is None:
        return address
    path = unquote(parts.path).strip("/")
    if not path or ".." in path.split("/") or unquote(path) != path:
        raise _out_of_reach("an address outside the artifacts")
    return f"{destination.rstrip('/')}/{path}"


def _check_amount(repository: Any, limits: Limits) -> None:
    """Look at what would be downloaded before it fills the disk."""
    total, count, folders = 0, 0, [""]
    while folders:
        for item in repository.list_artifacts(folders.pop() or None):
            count += 1
            total += item.file_size or 0
            if item.is_dir:
                folders.append(item.path)
            if count > limits.count or total > limits.total:
                raise _out_of_reach("more files or bytes than a model may have")


def _out_of_reach(received: str) -> Refusal:
    return Refusal(
        "the version's files",
        rule="the server can read them, and they are no more than a model may hold",
        received=received,
        remedy="Register the model again through this server.",
    )
