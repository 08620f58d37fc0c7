"""Our errors as MLflow's: the UI and every client show the sentence that they carry."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from theragate.errors import DataError, TheragateError
from theragate.mlflow_plugin.buckets import BucketOutageError
from theragate.release.refusals import Refusal

__all__ = ["malformed", "refusal", "refused_by_rules", "translated_errors"]

_BY_RULE = "TG001"  # the SQLSTATE of a refusal in deployment/postgresql.sql


def refusal(subject: str, *, rule: str, received: str, remedy: str) -> MlflowException:
    """Return a refusal as an error of MLflow (HTTP status 403)."""
    return _translated(Refusal(subject, rule=rule, received=received, remedy=remedy))


def malformed(subject: str, *, rule: str, received: str) -> MlflowException:
    """Return an error of MLflow about a request that cannot be read (HTTP status 400)."""
    return _translated(DataError(subject, rule=rule, received=received, remedy="Send it as MLflow's client does."))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn our errors into MLflow's: a refusal into HTTP status 403, a bucket's outage into 503, any other into 400.

    Only after 503 a client tries again by itself: what was refused once is refused again.
    """
    try:
        yield
    except TheragateError as error:
        raise _translated(error) from error


@contextmanager
def refused_by_rules() -> Iterator[None]:
    """Let a refusal by the rules of the database be a refusal (HTTP status 403) in its one sentence."""
    try:
        yield
    except MlflowException as error:
        original: Any = getattr(error.__cause__, "orig", None)
        if getattr(original, "sqlstate", None) != _BY_RULE:
            raise
        raise MlflowException(str(original.diag.message_primary), error_code=PERMISSION_DENIED) from error


def _translated(error: TheragateError) -> MlflowException:
    later = TEMPORARILY_UNAVAILABLE if isinstance(error, BucketOutageError) else BAD_REQUEST
    return MlflowException(str(error), error_code=PERMISSION_DENIED if isinstance(error, Refusal) else later)
