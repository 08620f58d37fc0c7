"""The guarded registry as release managers and consumers use it: versions, aliases, packages."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.study import NAME
from theragate.tracking.release_api import ReleaseApi, StoreRefusal, refusal_text
from theragate.tracking.store import Stores, opened

__all__ = ["RegisteredVersion", "Registry", "connected"]

# With these codes MLflow passes on a registry's decision; with others, a failure.
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


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in the registry; ``created`` is in milliseconds since 1970, and anybody may have set the tags."""

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
            if error.error_code not in _DECISIONS or "403 !=" in str(
                error.message
            ):  # the latter says not what is missing
                raise
            raise StoreRefusal(refusal_text(error)) from error


class Registry:
    """An open registry; its methods raise MLflow's own errors, which `connected` translates.

    ``api`` has the calls that only a guarded registry answers.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self.api = ReleaseApi(client._get_registry_client().store)

    @property
    def signs_in(self) -> bool:
        """Whether it is a server, which shows everybody only what that person may READ."""
        return str(self._client._registry_uri).startswith(("http://", "https://"))

    def studies(self) -> list[str]:
        """Return the names of all registered models that can be released, however many there are."""
        names: list[str] = []
        token: str | None = ""
        while token is not None:
            page = self._client.search_registered_models(max_results=1000, page_token=token or None)
            names += [model.name for model in page if re.fullmatch(NAME, model.name)]
            token = page.token or None
        return names

    def versions(self, study: str) -> list[RegisteredVersion]:
        """Return a study's versions, the newest first; none where it has no registered model."""
        versions = self._client.search_model_versions(f"name = '{study}'", max_results=10_000)
        if not versions:
            return []
        aliases: dict[str, list[str]] = {}
        for alias, number in self._client.get_registered_model(study).aliases.items():
            aliases.setdefault(str(number), []).append(alias)
        for version in versions:  # a search omits the aliases
            version.aliases = aliases.get(str(version.version), [])
        return sorted(map(RegisteredVersion.of, versions), key=lambda version: -int(version.number))

    def version(self, study: str, number: str) -> RegisteredVersion:
        """Return one version."""
        return RegisteredVersion.of(self._client.get_model_version(study, number))

    def with_alias(self, study: str, alias: str) -> str | None:
        """Return the number of the version with an alias; None where no version has it."""
        try:
            number = self._client.get_registered_model(study).aliases.get(alias)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if number is None else str(number)

    def set_tag(self, study: str, number: str, tag: str, text: str) -> None:
        """Set a tag of a version; action tags are how a person approves, revokes and withdraws."""
        self._client.set_model_version_tag(study, number, tag, text)

    def set_alias(self, study: str, alias: str, number: str) -> None:
        """Give an alias to a version; the registry decides about a protected one."""
        self._client.set_registered_model_alias(study, alias, number)

    def fetch_package(self, study: str, number: str, folder: Path) -> Path:
        """Download the files of a version into `folder`, as the registry serves them; return their folder."""
        address = self._client.get_model_version_download_uri(study, number)
        return Path(
            download_artifacts(artifact_uri=address, dst_path=str(folder), tracking_uri=self._client.tracking_uri)
        )

    def read_artifact(self, run_id: str, path: str) -> bytes | None:
        """Return the content of a run's artifact; None where there is no such artifact."""
        if not run_id or path not in {item.path for item in self._client.list_artifacts(run_id)}:
            return None
        with tempfile.TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()
