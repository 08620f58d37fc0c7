"""How a refusal reaches a person: as MLflow's own error, with our sentence, shown in red by its UI."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED

from theragate.errors import TheragateError
from theragate.release.refusals import Refusal

__all__ = ["refusal", "translated_errors"]


def refusal(subject: str, *, rule: str, received: str, remedy: str) -> MlflowException:
    """Return a refusal in MLflow's words (HTTP status 403)."""
    return _error(Refusal(subject, rule=rule, received=received, remedy=remedy))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn our errors into MLflow's: a refusal into HTTP status 403, any other into 400.

    No status that a client would try again by itself: what was refused once is refused again.
    """
    try:
        yield
    except TheragateError as error:
        raise _error(error) from error


def _error(error: TheragateError) -> MlflowException:
    code = PERMISSION_DENIED if isinstance(error, Refusal) else BAD_REQUEST
    return MlflowException(str(error), error_code=code)
