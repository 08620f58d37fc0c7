"""The guarded registry as release managers and consumers use it: versions, aliases, packages."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.errors import StoreError
from theragate.study import NAME
from theragate.tracking.downloads import Check, fetch_file, fetch_folder
from theragate.tracking.release_api import ReleaseApi, StoreRefusal, refusal_text
from theragate.tracking.store import Stores, opened
from theragate.tracking.transport import placed_here, sealed_here

__all__ = ["RegisteredVersion", "Registry", "connected", "read_artifact"]

_PAGE = 100  # entries of one answer: each version brings its attestation
_MOST = 50_000

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
        number = str(version.version)
        if not re.fullmatch(r"[1-9][0-9]{0,8}", number, re.ASCII):
            raise ValueError("the number of a version")
        return cls(
            study=version.name,
            number=number,
            created=int(version.creation_timestamp),
            aliases=tuple(sorted(map(str, version.aliases))),
            tags={str(key): str(text) for key, text in version.tags.items()},
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
        with _understood():
            found = _pages(lambda token: self._client.search_registered_models(max_results=_PAGE, page_token=token))
            return [model.name for model in found if re.fullmatch(NAME, model.name)]

    def versions(self, study: str) -> list[RegisteredVersion]:
        """Return a study's versions, the newest first; none where it has no registered model."""
        with _understood():
            versions = _pages(
                lambda token: self._client.search_model_versions(
                    f"name = '{study}'", max_results=_PAGE, page_token=token
                )
            )
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
        with _understood():
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

    def fetch_package(self, study: str, number: str, folder: Path, *, check: Check, sealed: str | None = None) -> Path:
        """Fetch the files of a version into a folder below `folder`; return it.

        Parameters
        ----------
        check
            Called with every path, its size, and the bytes and files so far, before the file is fetched.
        sealed
            The digest under which a released version is sealed. A server is asked for that copy, whatever it says of
            the version's place.

        Raises
        ------
        StoreError
            If the registry names another place than such a copy, or hands out anything unexpected.
        """
        server, registry, target = str(self._client.tracking_uri), str(self._client._registry_uri), folder / "package"
        address = str(self._client.get_model_version_download_uri(study, number))
        if sealed is not None:
            if sealed_here(address, sealed):
                server = ""  # no server hands it out: it is read from this disk
            elif registry.startswith(("http://", "https://")) and not placed_here(address):
                server, address = registry, f"mlflow-artifacts:/sealed/{sealed}"
            elif not address.rstrip("/").endswith(f"/{sealed}"):
                raise _not_sealed(study, number)
        target.mkdir()
        return fetch_folder(server, address, target, check=check)

    def read_artifact(self, run_id: str, path: str) -> bytes | None:
        """Return the content of a run's artifact; None where there is no such artifact."""
        return read_artifact(self._client, run_id, path)


def read_artifact(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    """Return the content of a run's artifact, of 16 MiB at most; None where there is no such artifact."""
    if not run_id:
        return None
    address = str(client.get_run(run_id).info.artifact_uri)
    with tempfile.TemporaryDirectory() as folder:
        return fetch_file(str(client.tracking_uri), address, path, Path(folder))


@contextmanager
def _understood() -> Iterator[None]:
    """Say of an answer that MLflow's client does not understand that it is the server's fault."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise StoreError(
            "MLflow server",
            rule="it answers as MLflow does",
            received=f"an answer of another form ({type(error).__name__})",
            remedy="Check MLFLOW_TRACKING_URI, and who runs that server.",
        ) from error


def _pages(ask: Callable[[str | None], Any]) -> list[Any]:
    """Return all that a search finds, page by page; a server may not go on for ever."""
    found: list[Any] = []
    tokens: set[str | None] = {None}
    token: str | None = None
    while True:
        page = ask(token)
        found += page
        token = page.token or None
        if token is None:
            return found
        if token in tokens or not page or len(found) > _MOST:
            raise StoreError(
                "MLflow server",
                rule=f"a search ends, after {_MOST:,} entries at most",
                received="pages without end",
                remedy="Check MLFLOW_TRACKING_URI, and who runs that server.",
            )
        tokens.add(token)


def _not_sealed(study: str, number: str) -> StoreError:
    return StoreError(
        f"`{study}` version {number}",
        rule="what was released is read from its sealed copy",
        received="another place",
        remedy="Use nothing of it: somebody has written to the registry's database. See docs/threat-model.md.",
    )
