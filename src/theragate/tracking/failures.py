"""Failures of MLflow, its database and the disk, as one line that tells the user what to do."""

import re
from urllib.parse import parse_qsl, unquote

from mlflow.exceptions import MlflowException

from theragate.errors import StoreError, TheragateError
from theragate.tracking.release_api import StoreRefusal, refusal_text

__all__ = ["no_store", "refused_by_server", "store_error", "store_name"]

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
    (
        "permission denied for",
        "a role of the database that has not the right to",
        f"Sign in to it with the role that docs/deployment.md names, {_AGAIN}",
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


def store_error(error: Exception, url: str) -> TheragateError:
    """Translate a failure of the store at `url`, leaving out user and password in every spelling.

    A server's own refusal is passed on in its words: they say who lacks which right, or what no rule allows.
    """
    message = str(error)
    if isinstance(error, MlflowException) and error.error_code == "PERMISSION_DENIED" and "403 !=" not in message:
        return StoreRefusal(refusal_text(error))
    if url.startswith(("http://", "https://")):
        refused = refused_by_server(message, url)
        if refused is not None:
            return refused
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


def refused_by_server(message: str, url: str) -> TheragateError | None:
    """Return what a server has refused without a word; None for any other failure.

    Parameters
    ----------
    message
        What MLflow's client or the library `requests` says of it, with the status and the route.
    """
    status = message + _http(message)
    if "error code 401" in status:
        return StoreError(
            _subject(url),
            rule="whoever uses it has signed in",
            received="no user, or a rejected user or password",
            remedy=f"Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, {_AGAIN}",
        )
    if "error code 403" not in status:
        return None
    sealed, artifacts = "/sealed" in message, "/mlflow-artifacts/" in message
    right = (
        "READ as everybody's right (`default_permission` of its sign-in), because sealed models belong to no experiment"
        if sealed
        else "EDIT on the experiment whose artifacts these are, or READ to read them"
        if artifacts
        else "READ to read, EDIT to write and MANAGE to delete, on this experiment or registered model"
    )
    return StoreError(
        _subject(url),
        rule=f"whoever has signed in has the right that this needs: {right}",
        received="a user without it",
        remedy=f"Ask an administrator of MLflow for it, {_AGAIN}",
    )


def _http(message: str) -> str:
    """Return the status in a message of the library `requests` in the words of MLflow's."""
    status = re.search(r"\b(40[13]) Client Error", message)
    return f" error code {status.group(1)}" if status else ""


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
