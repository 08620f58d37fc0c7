"""What MLflow, its database and the disk report, as one line that tells the user what to do."""

import re

from theragate.errors import StoreError

__all__ = ["store_error"]

_AGAIN = "then run the same command again; nothing was lost."

# What the message contains, what was received, what to do. The first match counts.
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
    ("unable to open database file", "a file that cannot be opened", f"Mend the folder or its permissions, {_AGAIN}"),
    ("permission denied", "a folder that may not be written", f"Mend its permissions, {_AGAIN}"),
    ("is full", "a full disk", f"Free space, {_AGAIN}"),
    ("no space left", "a full disk", f"Free space, {_AGAIN}"),
    ("connection refused", "no answer", f"Start the server or correct MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("max retries exceeded", "no answer", f"Start the server or correct MLFLOW_TRACKING_URI, {_AGAIN}"),
    ("timed out", "no answer in time", f"Look after the server, {_AGAIN}"),
    ("no module named", "a database whose driver is not installed", f"Install the driver, {_AGAIN}"),
    ("can't load plugin", "a database whose driver is not installed", f"Install the driver, {_AGAIN}"),
    (
        "out-of-date database schema",
        "a database of another version of MLflow",
        "Take a backup and run `mlflow db upgrade` on it, or name another database.",
    ),
)


def store_error(error: Exception, url: str) -> StoreError:
    """Translate a failure of the store at `url`; a password in the URL is left out."""
    message = str(error)
    for sign, received, remedy in _KNOWN:
        if sign in message.lower():
            return StoreError(_subject(url), rule="the store can be used", received=received, remedy=remedy)
    first = message.strip().splitlines()[0] if message.strip() else type(error).__name__
    return StoreError(
        _subject(url),
        rule="the store takes what is written",
        received=f"this from MLflow: {_without_password(first)[:300]}",
        remedy=f"Look after the store, {_AGAIN}",
    )


def _subject(url: str) -> str:
    return f"MLflow store `{_without_password(url)}`"


def _without_password(text: str) -> str:
    return re.sub(r"(://[^/@:\s]*):[^/@\s]*@", r"\1:***@", text)
