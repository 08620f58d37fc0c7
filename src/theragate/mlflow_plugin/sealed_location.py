"""Where the sealed copies of models are, and which paths below the artifacts lead to them."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.buckets import Bucket, is_bucket
from theragate.mlflow_plugin.spellings import plain_path
from theragate.release.names import folded

__all__ = [
    "SCHEME",
    "SEALED",
    "SealedLocation",
    "is_sealed",
    "local_path",
    "sealed_location",
    "served_destination",
]

SCHEME = "sealed+"  # precedes the URI of artifacts that the sealed repository guards
SEALED = "sealed"  # the folder of sealed copies below the server's artifacts
# MLflow's variables between the command that starts a server and the processes that serve.
_DESTINATION, _SERVES = "_MLFLOW_SERVER_ARTIFACT_DESTINATION", "_MLFLOW_SERVER_SERVE_ARTIFACTS"


@dataclass(frozen=True)
class SealedLocation:
    """The folder, or the place in a bucket, of the sealed copies, and the URI under which clients read them."""

    place: Path | Bucket
    uri: str


def sealed_location(environ: Mapping[str, str], database: str) -> SealedLocation:
    """Return where the sealed copies of a registry are.

    ``THERAGATE_SEALED`` names a folder or a place in a bucket. Otherwise it is `sealed`: below the artifacts that this
    server hands out, or beside the SQLite file. A server hands it out as `sealed` among its artifacts, wherever it is
    (`theragate.mlflow_plugin.artifacts`), so that clients need not reach it.

    Raises
    ------
    ConfigurationError
        If it is not set and has no default, or lies below the artifacts where clients can write.
    """
    named, destination = environ.get("THERAGATE_SEALED"), served_destination(environ)
    place = _place(named) if named else None
    if destination is None:
        place = place or _beside(database)
        return SealedLocation(place, place.uri if isinstance(place, Bucket) else place.as_uri())
    root = _place(destination)
    default = Bucket(f"{root.uri.rstrip('/')}/{SEALED}") if isinstance(root, Bucket) else root / SEALED
    place = place or default
    if place != default and _is_below(place, root):
        raise _unusable(f"`{place.uri if isinstance(place, Bucket) else place}`, which is below the artifacts")
    return SealedLocation(place, f"mlflow-artifacts:/{SEALED}")


def _place(uri: str) -> Path | Bucket:
    return Bucket(uri.rstrip("/")) if is_bucket(uri) else local_path(uri).resolve()


def _is_below(place: Path | Bucket, root: Path | Bucket) -> bool:
    if isinstance(place, Bucket):
        return isinstance(root, Bucket) and place.is_below(root)
    return isinstance(root, Path) and place.is_relative_to(root)


def _beside(database: str) -> Path:
    url = sqlalchemy.make_url(database)
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        raise _unusable("no folder, and no SQLite file to put them beside")
    return Path(url.database).resolve().parent / SEALED


def served_destination(environ: Mapping[str, str]) -> str | None:
    """Return the URI of the artifacts that this process hands out, without our scheme; None where it serves none."""
    if environ.get(_SERVES) != "true" or not environ.get(_DESTINATION):
        return None
    return environ[_DESTINATION].removeprefix(SCHEME)


def local_path(uri: str) -> Path:
    """Return the folder that an absolute path or a ``file:`` URI names.

    Raises
    ------
    ConfigurationError
        If `uri` is neither.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme or not uri.startswith("/"):
        raise _unusable(f"`{uri.partition('?')[0][:100]}`, which is no absolute path")
    return Path(uri)


def is_sealed(*parts: str | None) -> bool:
    """Return whether a path below the artifacts, in any spelling, leads to sealed copies or contains them all."""
    path = plain_path("/".join(part for part in parts if part))
    if path is None:
        return True
    first = posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/").partition("/")[0]
    return not first or folded(first) == SEALED


def _unusable(received: str) -> ConfigurationError:
    return ConfigurationError(
        "sealed models",
        rule=f"they are in a folder or bucket outside the artifacts, or in `{SEALED}` directly below them",
        received=received,
        remedy="Set THERAGATE_SEALED to the absolute path of a folder where only the server can write, or to "
        "`s3://BUCKET/FOLDER`.",
    )
