"""Our errors as MLflow's: the UI and every client show the sentence that they carry."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED

from theragate.errors import TheragateError
from theragate.release.refusals import Refusal

__all__ = ["refusal", "translated_errors"]


def refusal(subject: str, *, rule: str, received: str, remedy: str) -> MlflowException:
    """Return a refusal as an error of MLflow (HTTP status 403)."""
    return _translated(Refusal(subject, rule=rule, received=received, remedy=remedy))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn our errors into MLflow's: a refusal into HTTP status 403, any other into 400.

    Neither is a status on which a client retries by itself: what was refused once is refused again.
    """
    try:
        yield
    except TheragateError as error:
        raise _translated(error) from error


def _translated(error: TheragateError) -> MlflowException:
    code = PERMISSION_DENIED if isinstance(error, Refusal) else BAD_REQUEST
    return MlflowException(str(error), error_code=code)
