"""Who else on the machine can read or change the files of a release server."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from theragate.errors import TheragateError
from theragate.mlflow_plugin.buckets import is_bucket
from theragate.mlflow_plugin.checks.findings import Finding, error, warning
from theragate.mlflow_plugin.guesses import guesses_path
from theragate.mlflow_plugin.limits import read_limits
from theragate.mlflow_plugin.sealed_location import SEALED, local_path
from theragate.release.keys import read_key
from theragate.release.trust import Trust, trust_path
from theragate.settings import Settings

__all__ = ["check_disk", "check_files", "check_private_keys", "check_trust_file", "folders", "sqlite_file"]

_OTHERS, _GROUP = stat.S_IWOTH, stat.S_IWGRP


def check_trust_file(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check that nobody else writes the trust file, or puts another in its place."""
    path = trust_path(environ, settings.home)
    if path is None or not path.exists():
        return  # reading it says so
    for place in dict.fromkeys((path.absolute(), path.resolve())):
        for one in (place, *place.parents):
            yield from _written_by_others(one, "the trust file", "It says whom the server trusts.")


def _written_by_others(path: Path, what: str, why: str) -> Iterator[Finding]:
    mode = _mode(path)
    if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
        return  # in such a folder nobody removes what belongs to somebody else
    subject = f"{'the folder of ' if stat.S_ISDIR(mode) else ''}{what}, `{path}`"
    if mode & _OTHERS:
        yield error(
            subject,
            rule="only its owner can write there",
            received=f"mode {stat.S_IMODE(mode):o}: everybody on this machine can",
            remedy=f"Run `chmod o-w` on it. {why}",
            worst=True,
        )
    elif mode & _GROUP:
        yield error(
            subject,
            rule="only its owner can write there",
            received=f"mode {stat.S_IMODE(mode):o}: its group can",
            remedy=f"Run `chmod g-w` on it. {why}",
        )


def check_private_keys(settings: Settings, environ: Mapping[str, str], trust: Trust) -> Iterator[Finding]:
    """Check that the machine has the ledger's key only: with an evaluator's key too, it could release anything."""
    evaluators = {entry.key for entry in trust.of_role("evaluator")}
    found = ["the variable THERAGATE_EVALUATOR_KEY"] if environ.get("THERAGATE_EVALUATOR_KEY") else []
    for path in sorted((settings.private / "keys").glob("*.pem")):
        try:
            public = read_key(str(path), named=f"key file `{path.name}`").public
        except TheragateError as raised:
            yield Finding.of(raised)
            continue
        if public in evaluators:
            found.append(f"the file `private/keys/{path.name}`")
    for place in found:
        yield error(
            "an evaluator's private key",
            rule="it is with CI, and never where the ledger's key is",
            received=place,
            remedy="Remove it here; if others may have read it, `theragate keys rotate`.",
        )


def check_files(settings: Settings, environ: Mapping[str, str], sign_in: Path | None) -> Iterator[Finding]:
    """Check the databases, the artifacts and the sealed models.

    Parameters
    ----------
    sign_in
        The SQLite file of the users; None where they are elsewhere.
    """
    databases = {
        "the database of runs": sqlite_file(settings.tracking),
        "the database of the registry": sqlite_file(settings.registry.removeprefix("gated+")),
        "the database of users": sign_in,
        "the table of wrong passwords": guesses_path(settings),
    }
    seen = set()
    for what, path in databases.items():
        if path is not None and path.exists() and path not in seen:
            seen.add(path)
            yield from _closed(path, what, f"Run `chmod 600` on it and `chmod 700` on `{path.parent}`.", error)
    for what, path in folders(settings, environ):
        if path.is_dir():
            yield from _closed(path, what, "Run `chmod 700` on it: models may describe patients.", warning)


def _closed(path: Path, what: str, remedy: str, level: object) -> Iterator[Finding]:
    wrong = list(_written_by_others(path, what, ""))
    yield from wrong
    if not wrong and _is_read_by_others(path):
        report = error if level is error else warning
        yield report(
            f"{what}, `{path}`",
            rule="the server's user alone reads it",
            received=f"mode {stat.S_IMODE(_mode(path)):o}, and everybody can enter its folders",
            remedy=remedy,
        )


def _is_read_by_others(path: Path) -> bool:
    """Return whether everybody can read a file, or enter a folder, through all the folders above."""
    mode = _mode(path)
    needed = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return bool(mode & needed) and all(_mode(folder) & stat.S_IXOTH for folder in path.resolve().parents)


def check_disk(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check that there is room for files, sealed copies and the database."""
    needed = read_limits(environ).free_bytes
    database = sqlite_file(settings.tracking)
    places = dict(folders(settings, environ)) | ({"the database": database.parent} if database else {})
    if is_bucket(settings.artifacts):
        places["files on their way to the bucket"] = Path(tempfile.gettempdir())
    for what, path in places.items():
        folder = next((one for one in (path, *path.parents) if one.is_dir()), None)
        if folder is None:
            continue
        free = shutil.disk_usage(folder).free
        if free < needed:
            yield error(
                f"the disk of {what}, `{path}`",
                rule=f"{needed:,} bytes are free, or no file is taken and nothing released",
                received=f"{free:,} bytes",
                remedy="Free space, or move it to a larger disk.",
            )
        elif free < 10 * needed:
            yield warning(
                f"the disk of {what}, `{path}`",
                rule="there is room for what is to come",
                received=f"{free:,} free bytes",
                remedy=f"Watch it: below {needed:,} bytes no file is taken.",
            )
        if not os.access(folder, os.W_OK):
            yield error(
                f"{what}, `{path}`",
                rule="the server's user writes there",
                received="a folder that this user cannot write",
                remedy="Run the check as the server's user, or give it the folder.",
            )


def folders(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Return the folders in which the server keeps files, each with what it holds."""
    named = environ.get("THERAGATE_SEALED")
    artifacts = settings.artifacts if "://" in settings.artifacts else f"file://{settings.artifacts}"
    if urlsplit(artifacts).scheme == "file":
        yield "the artifacts", local_path(artifacts)
        if not named:
            yield "the sealed models", local_path(artifacts) / SEALED
    if named and not is_bucket(named):
        yield "the sealed models", local_path(named)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite database; None where the database is none, or in memory."""
    if not uri.startswith("sqlite"):
        return None
    name = sqlalchemy.make_url(uri).database
    return None if not name or name.startswith((":", "file:")) else Path(name)


def _mode(path: Path) -> int:
    return path.stat().st_mode
