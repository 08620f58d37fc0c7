"""Whom this project trusts: its trust file, or without one this machine's development key and its own policies."""

from collections.abc import Mapping

from theragate.release.keys import DEVELOPMENT_KEY, development_key
from theragate.release.trust import Trust, development_trust, project_policies, read_trust, trust_path
from theragate.settings import Settings

__all__ = ["trusted"]


def trusted(settings: Settings, environ: Mapping[str, str]) -> Trust:
    """Return whom to trust; where there is no trust file, the development key is made on first use.

    Raises
    ------
    ConfigurationError, DataError
        If the trust file is missing or wrong.
    """
    path = trust_path(environ, settings.home)
    if path is None:
        key, _ = development_key(settings.private)
        return development_trust(key.public, project_policies(settings.home))
    own = settings.private / DEVELOPMENT_KEY
    return read_trust(path, development=development_key(settings.private)[0].public if own.exists() else None)
