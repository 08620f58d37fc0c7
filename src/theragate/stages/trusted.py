"""Whom this project trusts: its trust file, or without one this machine's development key and its own policies."""

from collections.abc import Mapping

from theragate.release.keys import DEVELOPMENT_KEY, VerifyingKey, development_key, read_key
from theragate.release.trust import Trust, development_trust, project_policies, read_trust, trust_path
from theragate.settings import Settings

__all__ = ["deployed_trust", "own_key", "trusted"]


def own_key(settings: Settings) -> VerifyingKey | None:
    """Return this machine's development key; None where there is none yet.

    Raises
    ------
    ConfigurationError
        If it cannot be used.
    """
    path = settings.private / DEVELOPMENT_KEY
    return read_key(str(path), named="the development key").public if path.exists() else None


def deployed_trust(settings: Settings, environ: Mapping[str, str]) -> Trust | None:
    """Return the trust of the deployment; None where there is no trust file.

    Raises
    ------
    ConfigurationError, DataError
        If there is one that cannot be used, or that trusts this machine's development key.
    """
    path = trust_path(environ, settings.home)
    return None if path is None else read_trust(path, development=own_key(settings))


def trusted(settings: Settings, environ: Mapping[str, str]) -> Trust:
    """Return whom to trust; where there is no trust file, the development key is made on first use.

    Raises
    ------
    ConfigurationError, DataError
        If the trust file is missing or wrong, or ``params.yaml`` or the development key cannot be used.
    """
    deployed = deployed_trust(settings, environ)
    if deployed is not None:
        return deployed
    key, _ = development_key(settings.private)
    return development_trust(key.public, project_policies(settings.home))
