"""What the server's environment says: whom to trust, which aliases are protected, which key signs the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.names import CHAMPION
from theragate.release.keys import SigningKey, development_key, read_key
from theragate.release.names import same_alias
from theragate.release.trust import Trust, present_trust, read_trust, trust_path
from theragate.settings import Settings, read_settings

__all__ = ["Configuration"]


@dataclass(frozen=True)
class Configuration:
    """The configuration of a server, read again for every decision: a key that is revoked signs nothing any more.

    Parameters
    ----------
    environ
        The environment variables of the process, as they are now and not as they were at its start.
    folder
        The folder in which the process was started.
    """

    environ: Mapping[str, str]
    folder: Path

    @property
    def settings(self) -> Settings:
        """The project's settings."""
        return read_settings(self.environ, self.folder)

    def protects(self, alias: str) -> bool:
        """Return whether `alias` is a spelling of a protected alias; `champion` always is one."""
        if same_alias(alias, (CHAMPION,)):
            return True
        path = trust_path(self.environ, self.settings.home)
        return path is not None and read_trust(path, development=None).protects(alias)

    def trust(self) -> Trust:
        """Return the trust of the trust file, or without one that of this machine.

        Raises
        ------
        ConfigurationError, DataError
            If the trust file is missing or invalid.
        """
        return present_trust(self.settings, self.environ)

    def ledger_key(self, trust: Trust) -> SigningKey:
        """Return the key with which this server signs the ledger.

        Raises
        ------
        ConfigurationError
            If there is none, or `trust` does not list it with the role `ledger`.
        """
        if trust.development:
            return development_key(self.settings.private)[0]
        value = self.environ.get("THERAGATE_LEDGER_KEY")
        if not value:
            raise _unusable("no key")
        key = read_key(value, named="THERAGATE_LEDGER_KEY")
        entries = [entry for entry in trust.of_role("ledger") if entry.key == key.public]
        if not entries:
            raise _unusable(f"key {key.key_id[:12]}, which it does not list")
        if entries[0].revoked is not None:
            raise _unusable(f"key {key.key_id[:12]}, which it revokes on {entries[0].revoked}")
        return key


def _unusable(received: str) -> ConfigurationError:
    return ConfigurationError(
        "the server's ledger key",
        rule="THERAGATE_LEDGER_KEY is a key that the trust file lists with the role `ledger`",
        received=received,
        remedy="Make one with `theragate keys make`, and list its public half in the trust file.",
    )
