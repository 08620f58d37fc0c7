"""Failures of MLflow, its database and the disk, as one line that tells the user what to do."""

import re
from urllib.parse import parse_qsl, unquote

from theragate.errors import StoreError

__all__ = ["no_store", "store_error", "store_name"]

_AGAIN = "then run the same command again; nothing was lost."

# Text of the message, what was received, what to do. The first match counts.
_KNOWN = (
    ("database is locked", "a locked database", f"Close the program that holds it, {_AGAIN}"),
    ("readonly database", "a database that is read-only", f"Make the file and its folder writable, {_AGAIN}"),
    ("read-only file system", "a disk that is read-only", f"Choose a writable folder, {_AGAIN}"),
    (
        "file is not a database",
        "a file that is not a database",
        "Restore it from a backup, or move it away and run `theragate sync`, which fills a new one.",
    ),
    (
        "malformed",
        "a damaged database",
        "Restore it from a backup, or move it away and run `theragate sync`, which fills a new one.",
    ),
    (
        "unable to open database file",
        "a file that cannot be opened",
        f"Correct the folder or its permissions, {_AGAIN}",
    ),
    ("permission denied", "a folder that cannot be written", f"Correct its permissions, {_AGAIN}"),
    ("is full", "a full disk", f"Free space, {_AGAIN}"),
    ("no space left", "a full disk", f"Free space, {_AGAIN}"),
    ("connection refused", "no answer", f"Start the server or correct MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("max retries exceeded", "no answer", f"Start the server or correct MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("authentication failed", "a rejected user or password", f"Correct them in MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("access denied for user", "a rejected user or password", f"Correct them in MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("timed out", "no answer in time", f"Check the server, {_AGAIN}"),
    ("no module named", "a database whose driver is not installed", f"Install the driver, {_AGAIN}"),
    ("can't load plugin", "a database whose driver is not installed", f"Install the driver, {_AGAIN}"),
    (
        "out-of-date database schema",
        "a database of another version of MLflow",
        "Take a backup and run `mlflow db upgrade` on it, or name another database.",
    ),
)


def store_error(error: Exception, url: str) -> StoreError:
    """Translate a failure of the store at `url`, leaving out user and password in every spelling."""
    message = str(error)
    for sign, received, remedy in _KNOWN:
        if sign in message.lower():
            return StoreError(_subject(url), rule="the store can be used", received=received, remedy=remedy)
    first = message.strip().splitlines()[0] if message.strip() else type(error).__name__
    return StoreError(
        _subject(url),
        rule="the store accepts what is written",
        received=f"this error from MLflow: {_without_secrets(first, url)[:300]}",
        remedy=f"Check the store, {_AGAIN}",
    )


def no_store(url: str) -> StoreError:
    """Return the error about a text that is not the URL of a store."""
    return StoreError(
        _subject(url),
        rule="it is the URL of a database or of a server",
        received="text that is not one",
        remedy="Correct MLFLOW_TRACKING_URI: DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE, with `%40` for an `@` "
        "in the password, and so on.",
    )


def store_name(url: str) -> str:
    """Return `url` without user, password and query, which may hold them too.

    A password that was not encoded may hold any character: everything up to the last ``@`` counts as credentials.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url if ":" not in url else f"{url.partition(':')[0]}:…"
    credentials, _, location = rest.rpartition("@")
    if "?" in credentials:  # the password holds a `?`, or the query holds the `@`
        return f"{scheme}{separator}***"
    return f"{scheme}{separator}{'***@' if credentials else ''}{location.partition('?')[0]}"


def _subject(url: str) -> str:
    return f"MLflow store `{store_name(url)}`"


def _without_secrets(text: str, url: str) -> str:
    """Remove the URL, and what `store_name` leaves out of it, from a text by MLflow or a driver."""
    rest, name = url.partition("://")[2], store_name(url)
    credentials, query = rest.rpartition("@")[0], rest.partition("?")[2]
    parts = [*re.split(r"[:@/?&=]", credentials), *re.split(r"[@&=]", query), *(value for _, value in parse_qsl(query))]
    for secret in sorted({url, credentials, *parts, *map(unquote, parts)}, key=len, reverse=True):
        if len(secret) > 2 and secret not in name:
            text = text.replace(secret, name if secret == url else "***")
    return re.sub(r"://\S*@", "://***@", text)
