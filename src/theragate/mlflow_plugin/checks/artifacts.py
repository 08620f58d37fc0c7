"""Files that the server keeps and that belong to nothing in its database: nobody would ever look for them there."""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from theragate.mlflow_plugin.checks.files import folders, sqlite_file
from theragate.mlflow_plugin.checks.findings import Finding, warning
from theragate.mlflow_plugin.sealed_location import SEALED
from theragate.mlflow_plugin.tables import LEDGER
from theragate.settings import Settings

__all__ = ["check_artifacts"]

# Where MLflow keeps files, by the rows that say so; those of an experiment lie in the folders of its runs and models.
_PLACES = (
    "SELECT artifact_uri FROM runs",
    "SELECT artifact_location FROM logged_models",
    "SELECT source FROM model_versions",
    "SELECT storage_location FROM model_versions",
    "SELECT value FROM trace_tags WHERE key = 'mlflow.artifactLocation'",
)
_MOST = 100_000  # files that are counted
_NAMED = 3


def check_artifacts(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find sealed copies that no row of the ledger names, and artifacts of no run, model or trace; folders only."""
    places = dict(folders(settings, environ))
    root, sealed = places.get("the artifacts"), places.get("the sealed models")
    known, released = set[str](), set[str]()
    for address in dict.fromkeys((settings.tracking, settings.registry.removeprefix("gated+"))):
        file = sqlite_file(address)
        if file is not None and not file.exists():  # SQLite would make it
            return
        engine = sqlalchemy.create_engine(address)
        try:
            with engine.connect() as connection:
                if root is not None:
                    known |= _known(connection, root)
                released |= _released(connection)
        except SQLAlchemyError:
            return  # the check of the database says so
        finally:
            engine.dispose()
    if sealed is not None and sealed.is_dir():
        names = (entry.name for entry in os.scandir(sealed) if entry.name not in released)
        yield from _found(
            f"the sealed models, `{sealed}`",
            "each is named by a row of the ledger",
            ((name, sealed / name) for name in names if not re.fullmatch(r"\..*\.part", name)),
            "A promotion that was refused in the end leaves one; remove those that nobody will promote.",
        )
    if root is not None and root.is_dir():
        above = {parent for place in known for parent in _parents(place)}
        yield from _found(
            f"the artifacts, `{root}`",
            "each file belongs to a run, a logged model, a trace or a version of the database",
            _strays(root, "", known | {SEALED}, above),
            "Whoever may EDIT an experiment can have sent them; look at them, and remove what nobody needs.",
        )


def _known(connection: Connection, root: Path) -> set[str]:
    tables = set(sqlalchemy.inspect(connection).get_table_names())
    found = set[str]()
    for query in _PLACES:
        if query.split()[3] in tables:
            for (location,) in connection.execute(sqlalchemy.text(query)):
                found |= {place for place in [_below(str(location or ""), root)] if place}
    return found


def _released(connection: Connection) -> set[str]:
    if not sqlalchemy.inspect(connection).has_table(LEDGER.name):
        return set()
    events = connection.execute(sqlalchemy.select(LEDGER.c.event)).scalars()
    return {digest for event in events for digest in re.findall(r'"package_sha256":"([0-9a-f]{64})"', str(event))}


def _below(location: str, root: Path) -> str:
    """Return a location relative to the folder of artifacts; empty for one elsewhere."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    if parts.scheme == "mlflow-artifacts":
        return unquote(parts.path).strip("/")
    path = Path(unquote(parts.path) if parts.scheme == "file" else location)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) and path != root else ""


def _parents(place: str) -> Iterator[str]:
    while "/" in place:
        place = place.rpartition("/")[0]
        yield place


def _strays(folder: Path, below: str, known: set[str], above: set[str]) -> Iterator[tuple[str, Path]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        place = f"{below}/{entry.name}" if below else entry.name
        if place in known:
            continue
        if place in above and entry.is_dir(follow_symlinks=False):
            yield from _strays(folder / entry.name, place, known, above)
        else:
            yield place, folder / entry.name


def _found(subject: str, rule: str, strays: Iterator[tuple[str, Path]], remedy: str) -> Iterator[Finding]:
    """Report what was found, if there are files in it."""
    names, number, size = list[str](), 0, 0
    for name, path in strays:
        files = list(islice(_sizes(path), _MOST - number))
        if files:
            names.append(name)
            number, size = number + len(files), size + sum(files)
        if number >= _MOST:
            break
    if names:
        least = "at least " if number >= _MOST else ""
        such = ", ".join(f"`{name[:100]}`" for name in names[:_NAMED])
        received = (
            f"{least}{number:,} files ({size:,} bytes) of nothing, in {such}{' and others' * (len(names) > _NAMED)}"
        )
        yield warning(subject, rule=rule, received=received, remedy=remedy)


def _sizes(path: Path) -> Iterator[int]:
    if path.is_symlink() or not path.is_dir():
        yield path.lstat().st_size
        return
    for folder, _, names in os.walk(path):
        for name in names:
            yield os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - many files
