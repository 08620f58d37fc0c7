"""The guarded registry as release managers and consumers use it: versions, aliases, the ledger, papers and packages."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import http_request

from theragate.digests import sha256_bytes
from theragate.errors import StoreError, TheragateError
from theragate.study import NAME
from theragate.tracking.store import Stores, opened

__all__ = ["RegisteredVersion", "Registry", "StoreRefusal", "connected"]

_LEDGER, _DOSSIERS = "/api/2.0/theragate/ledger", "/api/2.0/theragate/dossiers"
_NO_MORE = 999_999_999  # the largest number of a row that a server takes; no ledger reaches it
_PATIENCE = 600  # seconds in which a server answers; it may have to copy a large model first
# With these MLflow passes on what a registry has decided; with others, that it does not work.
_DECISIONS = {
    "BAD_REQUEST",
    "FEATURE_DISABLED",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "PERMISSION_DENIED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_CONFLICT",
    "RESOURCE_DOES_NOT_EXIST",
    "UNAUTHENTICATED",
}


class StoreRefusal(TheragateError):  # noqa: N818 - the word that a release manager reads
    """What the registry has refused, in its own sentence; nothing has changed."""

    exit_code = 3

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__("the registry", rule="it agrees", received="a refusal", remedy=sentence)

    def __str__(self) -> str:
        """Return the registry's sentence as it is: it names subject, rule, what was received and the remedy."""
        return self.sentence

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return (type(self), (self.sentence,))


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry shows it: ``created`` in milliseconds since 1970; anybody may have set the tags."""

    study: str
    number: str
    created: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str

    @classmethod
    def of(cls, version: ModelVersion) -> "RegisteredVersion":
        """Read MLflow's entity."""
        return cls(
            study=version.name,
            number=str(version.version),
            created=int(version.creation_timestamp),
            aliases=tuple(sorted(version.aliases)),
            tags=dict(version.tags),
            run_id=version.run_id or "",
        )


@contextmanager
def connected(stores: Stores) -> Iterator["Registry"]:
    """Yield the registry of checked stores.

    Raises
    ------
    StoreRefusal
        If the registry refuses what the block asks for.
    StoreError
        If it is out of reach, of another version, or no guarded one.
    """
    with opened(stores) as client:
        try:
            yield Registry(client)
        except MlflowException as error:
            if error.error_code not in _DECISIONS:
                raise
            raise StoreRefusal(_sentence(error)) from error


class Registry:
    """A registry that is open; its methods raise MLflow's own errors, which `connected` translates."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        # MLflow's own, and the only way to methods that its client does not know.
        self._store: Any = client._get_registry_client().store

    def studies(self) -> list[str]:
        """Return the names of all registered models under which something can be released, however many there are."""
        names: list[str] = []
        token: str | None = ""
        while token is not None:
            page = self._client.search_registered_models(max_results=1000, page_token=token or None)
            names += [model.name for model in page if re.fullmatch(NAME, model.name)]
            token = page.token or None
        return names

    def versions(self, study: str) -> list[RegisteredVersion]:
        """Return a study's versions, the newest first; none where it has no registered model."""
        found = self._client.search_model_versions(f"name = '{study}'", max_results=10_000)
        if not found:
            return []
        aliases: dict[str, list[str]] = {}
        for alias, number in self._client.get_registered_model(study).aliases.items():
            aliases.setdefault(str(number), []).append(alias)
        for version in found:  # a search leaves the aliases out
            version.aliases = aliases.get(str(version.version), [])
        return sorted(map(RegisteredVersion.of, found), key=lambda facts: -int(facts.number))

    def version(self, study: str, number: str) -> RegisteredVersion:
        """Return one version."""
        return RegisteredVersion.of(self._client.get_model_version(study, number))

    def named(self, study: str, alias: str) -> str | None:
        """Return the number of the version that has an alias; None where none has it."""
        try:
            number = self._client.get_registered_model(study).aliases.get(alias)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if number is None else str(number)

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the rows of the ledger with a number above `after`, in their order, unverified."""
        if hasattr(self._store, "ledger_rows"):
            return list(self._store.ledger_rows(after))
        answer = self._asked(_LEDGER, params={"after": after}).json()
        rows = answer.get("rows") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            raise _unguarded()
        return rows

    @property
    def guarded(self) -> bool:
        """Whether it keeps a ledger."""
        if hasattr(self._store, "ledger_rows"):
            return True
        return getattr(self._store, "get_host_creds", None) is not None and self._is_guarded()

    def dossier(self, sha256: str) -> bytes:
        """Return the full evidence and the policy that a version was judged by, unverified."""
        if hasattr(self._store, "get_dossier"):
            return bytes(self._store.get_dossier(sha256))
        return bytes(self._asked(f"{_DOSSIERS}/{sha256}").content)

    def put_dossier(self, content: bytes) -> bool:
        """Give full evidence and policy to a guarded registry; return whether it is one. Any other never sees them."""
        if hasattr(self._store, "put_dossier"):
            self._store.put_dossier(content)
            return True
        if not self.guarded:
            return False
        self._asked(f"{_DOSSIERS}/{sha256_bytes(content)}", method="PUT", data=content)
        return True

    def _is_guarded(self) -> bool:
        try:
            self._asked(_LEDGER, params={"after": _NO_MORE})
        except StoreError:
            return False
        return True

    def tell(self, study: str, number: str, tag: str, text: str) -> None:
        """Set a tag of a version: an action tag is how a person approves, revokes and withdraws."""
        self._client.set_model_version_tag(study, number, tag, text)

    def point(self, study: str, alias: str, number: str) -> None:
        """Give an alias to a version; of a protected alias the registry decides whether it agrees."""
        self._client.set_registered_model_alias(study, alias, number)

    def fetch_package(self, study: str, number: str, folder: Path) -> Path:
        """Download what the registry serves as this version's files into `folder`; return where they are."""
        address = self._client.get_model_version_download_uri(study, number)
        return Path(
            download_artifacts(artifact_uri=address, dst_path=str(folder), tracking_uri=self._client.tracking_uri)
        )

    def read_artifact(self, run_id: str, path: str) -> bytes | None:
        """Return a file of a run; None where the run has no such file."""
        if not run_id or path not in {item.path for item in self._client.list_artifacts(run_id)}:
            return None
        with tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()

    def _asked(self, route: str, *, method: str = "GET", **more: Any) -> Any:
        credentials = getattr(self._store, "get_host_creds", None)
        if credentials is None:
            raise _unguarded()
        answer = http_request(
            credentials(), route, method, max_retries=0, timeout=_PATIENCE, raise_on_status=False, **more
        )
        if answer.status_code == 404 and "theragate" not in answer.text.lower():
            raise _unguarded()
        if answer.status_code not in (200, 201, 204):
            raise StoreRefusal(_said(answer))
        return answer


def _said(answer: Any) -> str:
    try:
        said = answer.json()
    except ValueError:
        said = None
    text = said.get("message") if isinstance(said, dict) else None
    return str(text or f"the registry answers with HTTP status {answer.status_code}")


def _sentence(error: MlflowException) -> str:
    """Return the message without the code that MLflow's client puts before it."""
    return str(error.message).removeprefix(f"{error.error_code}: ").strip()


def _unguarded() -> StoreError:
    return StoreError(
        "the registry",
        rule="releases need a guarded registry, which keeps a ledger",
        received="one without a ledger",
        remedy="Use the default registry, or start `theragate server` and set MLFLOW_TRACKING_URI to it.",
    )
