"""Whether the packages of ``requirements.lock`` are the ones that are installed."""

import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from theragate.digests import sha256_json

__all__ = ["Environment", "read_environment"]

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(?:\s*;\s*(.*?))?\s*\\?$")


@dataclass(frozen=True)
class Environment:
    """The installed packages against the lock: which are missing, which are of another version, and the digest."""

    sha256: str
    missing: tuple[str, ...]
    others: tuple[str, ...]


def read_environment(lock: Path) -> Environment:
    """Compare what is installed with a lock file of pinned requirements; a lock that cannot be read names itself.

    The digest is over the version of Python and all installed packages with their versions. Packages that the lock
    does not name are in the digest, and are otherwise let alone.
    """
    installed = dict(_installed())
    digest = sha256_json({"python": platform.python_version(), "packages": installed})
    try:
        pinned = dict(_pinned(lock.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return Environment(digest, missing=(lock.name,), others=())
    return Environment(
        digest,
        missing=tuple(sorted(set(pinned) - set(installed))),
        others=tuple(sorted(name for name in set(pinned) & set(installed) if pinned[name] != installed[name])),
    )


def _installed() -> Iterator[tuple[str, str]]:
    """Yield name and version of each package, the first on the path last, since it is the one that is imported.

    They stand in the names of the folders ``<name>-<version>.dist-info``. Reading every package's own metadata, as
    `importlib.metadata` does, takes a third of a second.
    """
    for folder in reversed(sys.path):
        for info in sorted(Path(folder or ".").glob("*.dist-info")):
            name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
            if name:
                yield canonicalize_name(name), version


def _pinned(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        pin = _PINNED.match(line)
        if pin is None:
            continue
        name, version, marker = pin.groups()
        try:
            if marker and not Marker(marker).evaluate():
                continue
        except InvalidMarker:
            continue
        yield canonicalize_name(name), version
