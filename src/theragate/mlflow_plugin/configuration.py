"""What the server is told by its environment: whom to trust, with which key it signs, where the sealed copies are."""

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.names import CHAMPION
from theragate.release.keys import SigningKey, development_key, read_key
from theragate.release.names import folded, same_alias
from theragate.release.trust import Trust, TrustedKey, present_trust, read_trust, trust_path
from theragate.settings import Settings, read_settings

__all__ = [
    "SCHEME",
    "SEALED",
    "Configuration",
    "SealedLocation",
    "is_sealed",
    "local_path",
    "sealed_location",
    "served_destination",
]

SCHEME = "sealed+"  # before the address of artifacts, in front of which the sealed repository stands
SEALED = "sealed"  # the folder of sealed copies below the server's artifacts
# MLflow's own words between the command that starts a server and the processes that serve.
_DESTINATION, _SERVES = "_MLFLOW_SERVER_ARTIFACT_DESTINATION", "_MLFLOW_SERVER_SERVE_ARTIFACTS"


@dataclass(frozen=True)
class Configuration:
    """The environment as it is now. Trust is read anew for every decision: a key that is revoked signs no longer."""

    environ: Mapping[str, str]
    settings: Settings

    @classmethod
    def now(cls) -> "Configuration":
        """Return the configuration of this process."""
        return cls(os.environ, read_settings(os.environ, Path.cwd()))

    def protects(self, alias: str) -> bool:
        """Return whether `alias` is a spelling of a protected alias; that of the champion always is."""
        if same_alias(alias, (CHAMPION,)):
            return True
        path = trust_path(self.environ, self.settings.home)
        return path is not None and read_trust(path, development=None).protects(alias)

    def trust(self) -> Trust:
        """Return whom to trust: what the trust file says, or without one this machine.

        Raises
        ------
        ConfigurationError, DataError
            If the trust file is missing or wrong.
        """
        return present_trust(self.settings, self.environ)

    def ledger_keys(self) -> tuple[TrustedKey, ...]:
        """Return the keys whose rows count."""
        return self.trust().of_role("ledger")

    def ledger_key(self, trust: Trust) -> SigningKey:
        """Return the key with which this server signs the ledger.

        Raises
        ------
        ConfigurationError
            If there is none, or `trust` does not give it that role.
        """
        if trust.development:
            return development_key(self.settings.private)[0]
        value = self.environ.get("THERAGATE_LEDGER_KEY")
        if not value:
            raise _no_key("none")
        key = read_key(value, named="THERAGATE_LEDGER_KEY")
        entries = [entry for entry in trust.of_role("ledger") if entry.key == key.public]
        if not entries or entries[0].revoked is not None:
            raise _no_key("a key that the trust file revokes" if entries else "a key that it does not list")
        return key


@dataclass(frozen=True)
class SealedLocation:
    """Where sealed copies are: a folder of the server's, and the address by which clients get at it."""

    folder: Path
    address: str


def sealed_location(environ: Mapping[str, str], database: str) -> SealedLocation:
    """Return where the sealed copies of a registry are.

    ``THERAGATE_SEALED`` names a folder. Otherwise it is `sealed`: below the artifacts that this server hands out, or
    beside the SQLite file. Where the artifacts are in a bucket, the server hands out the folder in place of the
    bucket's `sealed` (`theragate.mlflow_plugin.artifacts_s3`).

    Raises
    ------
    ConfigurationError
        If it cannot be known, or is a place below the artifacts where clients could write.
    """
    named, destination = environ.get("THERAGATE_SEALED"), served_destination(environ)
    folder = local_path(named).resolve() if named else None
    if destination is None:
        folder = folder or _beside(database)
        return SealedLocation(folder, folder.as_uri())
    proxied = f"mlflow-artifacts:/{SEALED}"
    if "://" in destination and not destination.startswith("file:"):
        if folder is None:
            raise _no_place("none, while the artifacts are in a bucket")
        return SealedLocation(folder, proxied)
    root = local_path(destination).resolve()
    if folder is None or folder == root / SEALED:
        return SealedLocation(root / SEALED, proxied)
    if folder.is_relative_to(root):
        raise _no_place(f"a folder below the artifacts that is not `{SEALED}`")
    return SealedLocation(folder, folder.as_uri())


def _beside(database: str) -> Path:
    url = sqlalchemy.make_url(database)
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        raise _no_place("none")
    return Path(url.database).resolve().parent / SEALED


def served_destination(environ: Mapping[str, str]) -> str | None:
    """Return the address of the artifacts that this process hands out to clients, without our scheme; or None."""
    if environ.get(_SERVES) != "true" or not environ.get(_DESTINATION):
        return None
    return environ[_DESTINATION].removeprefix(SCHEME)


def local_path(address: str) -> Path:
    """Return the folder that a path or a ``file:`` address names.

    Raises
    ------
    ConfigurationError
        If it is another address.
    """
    parts = urlsplit(address)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme or not address.startswith("/"):
        raise _no_place(f"`{address.partition('?')[0][:100]}`")
    return Path(address)


def is_sealed(*parts: str | None) -> bool:
    """Return whether a path below the artifacts is that of the sealed copies, in any spelling, or holds them all."""
    path = "/".join(part for part in parts if part)
    while unquote(path) != path:
        path = unquote(path)
    first = posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/").partition("/")[0]
    return not first or folded(first) == SEALED


def _no_key(received: str) -> ConfigurationError:
    return ConfigurationError(
        "the server's ledger key",
        rule="THERAGATE_LEDGER_KEY is a key that the trust file lists with the role `ledger`",
        received=received,
        remedy="Make one with `theragate keys make`, and list its public half in the trust file.",
    )


def _no_place(received: str) -> ConfigurationError:
    return ConfigurationError(
        "sealed models",
        rule=f"they are in a folder outside the artifacts, or in `{SEALED}` directly below them",
        received=received,
        remedy="Set THERAGATE_SEALED to the absolute path of a folder where only the server can write.",
    )
