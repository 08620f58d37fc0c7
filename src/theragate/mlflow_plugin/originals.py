"""Reaching the files of a version before they are sealed, wherever they are."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE, ErrorCode
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from theragate.mlflow_plugin.sealed_location import served_destination
from theragate.release.package_rules import Limits
from theragate.release.refusals import Refusal

__all__ = ["check_place", "original"]


@contextmanager
def original(uri: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folder of a model's files: their own, or that of a copy where they are not on this machine.

    Parameters
    ----------
    uri
        The location of a version as MLflow gives it: a path, ``file:``, ``mlflow-artifacts:`` of this server, or that
        of a store such as S3.
    environ
        The server's environment variables, which say where its own artifacts are.

    Raises
    ------
    Refusal
        If the files cannot be read, are more than a package may hold, or are not among the artifacts of this server:
        whoever registers a version must not let the server fetch anything else, with its own rights.
    MlflowException
        If their store does not answer for now.
    """
    uri = _direct(uri, environ)
    if is_local_uri(uri):
        yield Path(local_file_uri_to_path(uri))
        return
    check_place(uri, environ)
    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        try:
            repository = get_artifact_repository(uri)
            _check_amount(repository, Limits())
            repository.download_artifacts("", folder)
        except (MlflowException, OSError) as error:
            if getattr(error, "error_code", None) == ErrorCode.Name(TEMPORARILY_UNAVAILABLE):
                raise  # nothing is wrong with the files
            raise _out_of_reach(f"files that cannot be read ({type(error).__name__})") from error
        yield Path(folder)


def _direct(uri: str, environ: Mapping[str, str]) -> str:
    """Return the URI behind that of the server's own artifacts."""
    parts = urlsplit(uri)
    destination = served_destination(environ)
    if parts.scheme != "mlflow-artifacts" or destination is None:
        return uri
    path = unquote(parts.path).strip("/")
    if not path or ".." in path.split("/") or unquote(path) != path:
        raise _out_of_reach("a location outside the artifacts")
    return f"{destination.rstrip('/')}/{path}"


def check_place(uri: str, environ: Mapping[str, str]) -> None:
    """Refuse a location in a store that is not that of this server's artifacts: it would be read with its keys.

    Raises
    ------
    Refusal
        If `uri` is such a location; MLflow itself decides about files of this machine, and about other servers.
    """
    if is_local_uri(uri) or urlsplit(uri).scheme == "mlflow-artifacts":
        return
    places = (served_destination(environ), environ.get("THERAGATE_ARTIFACTS"))
    if not any(place and uri.startswith(f"{place.rstrip('/')}/") for place in places):
        raise _out_of_reach(f"a location at `{uri.partition(':')[0]}:…` that is not among its artifacts")


def _check_amount(repository: Any, limits: Limits) -> None:
    """Refuse a download that is too large before it fills the disk."""
    total, count, folders = 0, 0, [""]
    while folders:
        for item in repository.list_artifacts(folders.pop() or None):
            count += 1
            total += item.file_size or 0
            if item.is_dir:
                folders.append(item.path)
            if count > limits.count or total > limits.total:
                raise _out_of_reach(f"at least {count:,} files and folders with {total:,} bytes")


def _out_of_reach(received: str) -> Refusal:
    return Refusal(
        "the version's files",
        rule="the server can read them, and they are no more than a model may have",
        received=received,
        remedy="Register the model again through this server.",
    )
