"""What a guarded registry adds to MLflow's: the ledger and the dossiers, in this process or over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import http_request

from theragate.digests import sha256_bytes
from theragate.errors import StoreError, TheragateError

__all__ = ["ReleaseApi", "StoreRefusal", "refusal_text"]

_LEDGER, _DOSSIERS = "/api/2.0/theragate/ledger", "/api/2.0/theragate/dossiers"
_PAGE = 1000  # rows of the ledger in one answer
_AFTER_ALL = 999_999_999  # the largest row number that a server accepts; no ledger reaches it
_FAILED = 500  # the least HTTP status of a server that fails, where others refuse
_TIMEOUT = 600  # seconds in which a server answers; it may have to copy a large model first


class StoreRefusal(TheragateError):  # noqa: N818 - the word that a release manager reads
    """What the registry has refused, in its own sentence; nothing has changed."""

    exit_code = 3

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__("the registry", rule="it agrees", received="a refusal", remedy=sentence)

    def __str__(self) -> str:
        """Return the registry's own sentence, which names subject, rule, what was received and the remedy."""
        return self.sentence

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return (type(self), (self.sentence,))


class ReleaseApi:
    """The calls of a guarded registry that MLflow's client does not know.

    Parameters
    ----------
    store
        MLflow's own store behind a client, in this process or a REST store: the only way to such calls.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the next rows of the ledger with a number above `after`, in their order, unverified.

        There are 1,000 at most; none means that the ledger has no more.
        """
        if hasattr(self._store, "ledger_rows"):
            with _refusing():
                return list(self._store.ledger_rows(after, _PAGE))
        answer = self._request(_LEDGER, params={"after": after, "limit": _PAGE}).json()
        rows = answer.get("rows") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or len(rows) > _PAGE:
            raise _unguarded()
        return rows

    @property
    def guarded(self) -> bool:
        """Whether the registry is guarded: it keeps a ledger."""
        if hasattr(self._store, "ledger_rows"):
            return True
        return getattr(self._store, "get_host_creds", None) is not None and self._is_guarded()

    def dossier(self, sha256: str) -> bytes:
        """Return a dossier by its digest, unverified."""
        if hasattr(self._store, "get_dossier"):
            with _refusing():
                return bytes(self._store.get_dossier(sha256))
        return bytes(self._request(f"{_DOSSIERS}/{sha256}").content)

    def put_dossier(self, content: bytes) -> bool:
        """Send a dossier to a guarded registry and to no other; return whether it is one."""
        if hasattr(self._store, "put_dossier"):
            with _refusing():
                self._store.put_dossier(content)
            return True
        if not self.guarded:
            return False
        self._request(f"{_DOSSIERS}/{sha256_bytes(content)}", method="PUT", data=content)
        return True

    def _is_guarded(self) -> bool:
        try:
            self._request(_LEDGER, params={"after": _AFTER_ALL})
        except StoreError:
            return False
        return True

    def _request(self, route: str, *, method: str = "GET", **more: Any) -> Any:
        credentials = getattr(self._store, "get_host_creds", None)
        if credentials is None:
            raise _unguarded()
        answer = http_request(
            credentials(), route, method, max_retries=0, timeout=_TIMEOUT, raise_on_status=False, **more
        )
        if answer.status_code == 404 and "theragate" not in answer.text.lower():
            raise _unguarded()
        if answer.status_code >= _FAILED:
            raise _failing(answer.status_code)
        if answer.status_code not in (200, 201, 204):
            raise StoreRefusal(_message(answer))
        return answer


@contextmanager
def _refusing() -> Iterator[None]:
    """Let a registry in this process refuse as one over HTTP does."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        raise StoreRefusal(refusal_text(error)) from error


def refusal_text(error: MlflowException) -> str:
    """Return a registry's message without the code that MLflow's client puts before it."""
    return str(error.message).removeprefix(f"{error.error_code}: ").strip()


def _message(answer: Any) -> str:
    try:
        content = answer.json()
    except ValueError:
        content = None
    text = content.get("message") if isinstance(content, dict) else None
    return str(text or f"the registry answers with HTTP status {answer.status_code}")


def _failing(status: int) -> StoreError:
    """Return the error about a server that fails, whose own words are about its insides."""
    return StoreError(
        "the registry",
        rule="its server and database answer",
        received=f"HTTP status {status}, a failure of one of them",
        remedy="Try again; if it lasts, tell whoever runs the server, whose log says more.",
    )


def _unguarded() -> StoreError:
    return StoreError(
        "the registry",
        rule="releases need a guarded registry, which keeps a ledger",
        received="a registry without a ledger",
        remedy="Use the default registry, or start `theragate server` and set MLFLOW_TRACKING_URI to it.",
    )
