"""Opening MLflow's stores: created once, checked before use, every failure reported in one line."""

import hashlib
import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import sqlalchemy
from filelock import FileLock, Timeout
from google.protobuf.json_format import ParseError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_latest_schema_revision, _initialize_tables
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from requests.exceptions import RequestException
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from theragate.errors import StoreError
from theragate.files import whole_file
from theragate.settings import Settings
from theragate.tracking.failures import no_store, store_error, store_name
from theragate.tracking.relocation import follow_project
from theragate.tracking.transport import guarded

__all__ = ["Stores", "opened", "prepare"]

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ANSWERED: dict[str, float] = {}  # when a server last answered, by its URL, in seconds of the monotonic clock
_REMEMBERED = 60.0  # seconds
_LOCK_TIMEOUT = 120  # seconds that one publication waits for another
# It prints a traceback of each failing transaction, which is reported in one line here.
_DATABASE_LOG = logging.getLogger("mlflow.store.db.utils")
_HTTP_LOG = logging.getLogger("urllib3.connection")  # it shows headers that a server has garbled


@dataclass(frozen=True)
class Stores:
    """MLflow's stores as URLs.

    ``tracking`` and ``registry`` are a database (``sqlite:///…``, ``postgresql://…``) or a server (``http://…``); the
    registry is guarded where ``gated+`` stands before its database. ``artifacts`` is where the artifacts of a new
    experiment go; empty leaves it to the server. ``timeout`` is the seconds that a command waits for a server in all.
    """

    tracking: str
    registry: str
    artifacts: str
    timeout: float = 1800

    @classmethod
    def of(cls, settings: Settings) -> "Stores":
        """Return the stores of `settings`."""
        return cls(
            tracking=settings.tracking,
            registry=settings.registry,
            artifacts=settings.artifacts,
            timeout=settings.timeout,
        )


def prepare(stores: Stores) -> None:
    """Create the database where there is none yet, and check that the stores can be used.

    Raises
    ------
    StoreError
        If a store is out of reach, locked, read-only, damaged, or of another version of MLflow.
    """
    with opened(stores):
        pass


@contextmanager
def opened(stores: Stores) -> Iterator[MlflowClient]:
    """Yield a client of checked stores, alone among the processes of this machine.

    An embedded store whose project was moved or copied is led to its files there; see `follow_project`.

    Two first users of a fresh database would both create it, and two publications of one bundle would both write it:
    the lock lets one go first, so that the other finds the work done.

    Raises
    ------
    StoreError
        For whatever goes wrong with a store inside the block.
    """
    with ExitStack() as stack:
        for log in (_DATABASE_LOG, _HTTP_LOG):
            stack.enter_context(_silent(log))
        urls = sorted({_backend(stores.tracking), _backend(stores.registry)})
        for url in urls:
            stack.enter_context(_alone(url))
        try:
            with guarded(urls, seconds=stores.timeout, artifacts=stores.artifacts):
                for url in urls:
                    _check(url)
                # MLflow remembers the folder of a run by its id alone, which a copied project shares with its original.
                _artifact_repos_cache.clear()
                yield MlflowClient(tracking_uri=stores.tracking, registry_uri=stores.registry)
        except (MlflowException, SQLAlchemyError, RequestException, ImportError, OSError, ParseError) as error:
            raise store_error(error, stores.tracking) from error


def _backend(url: str) -> str:
    """Return the URL of the database or server itself: a guarded registry shares that of the tracking store."""
    return url.removeprefix("gated+")


@contextmanager
def _silent(log: logging.Logger) -> Iterator[None]:
    before, log.disabled = (
        log.disabled,
        not log.isEnabledFor(logging.DEBUG),
    )  # when debugging MLflow, everything is shown
    try:
        yield
    finally:
        log.disabled = before


@contextmanager
def _alone(url: str) -> Iterator[None]:
    try:
        with FileLock(_lock_path(url), timeout=_LOCK_TIMEOUT):
            yield
    except Timeout as error:
        raise StoreError(
            "MLflow store",
            rule="one process publishes at a time",
            received=f"another one that has not finished after {_LOCK_TIMEOUT} seconds",
            remedy="Wait for it to end, then run the same command again.",
        ) from error


def _lock_path(url: str) -> Path:
    path = _sqlite_path(url)
    if path is not None:
        with _translated_errors(url):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f"{path.name}.lock")
    # One lock per home: another person's lock file in the shared folder could not be opened.
    name = hashlib.sha256(f"{Path.home()} {url}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"theragate-{name}.lock"


@contextmanager
def _translated_errors(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise store_error(error, url) from error


def _sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for any other store."""
    if not url.startswith("sqlite:"):
        return None
    database = _parsed(url).database
    return Path(database) if database and not database.startswith((":", "file:")) else None


def _parsed(url: str) -> sqlalchemy.URL:
    try:
        return sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):  # a port that is not a number
        raise no_store(url) from None  # the library's message holds parts of the URL


def _check(url: str) -> None:
    path = _sqlite_path(url)
    if url.partition(":")[0] in ("file", url):
        raise StoreError(
            f"MLflow store `{store_name(url)}`",
            rule="it is the URL of a database or of a server",
            received="the path of a folder",
            remedy="Set MLFLOW_TRACKING_URI to `sqlite:///…` or `http://…`, or unset it.",
        )
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        _create(path)
    elif url.startswith(("http://", "https://")):
        _check_server(url)
    elif url.partition(":")[0].partition("+")[0] in _DATABASES:
        _check_database(url)
    if path is not None:
        follow_project(path)


def _create(path: Path) -> None:
    """Create the database under a temporary name and rename it, so that a killed process leaves no partial one."""
    with whole_file(path, mode=0o600) as temporary:
        engine = sqlalchemy.create_engine(f"sqlite:///{temporary}", poolclass=sqlalchemy.NullPool)
        _initialize_tables(engine)
        engine.dispose()


def _check_database(url: str) -> None:
    """Check before MLflow does: it would retry for minutes, and upgrade an older database unasked."""
    engine = sqlalchemy.create_engine(_parsed(url), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        if not tables:
            return  # a new database, which MLflow sets up itself
        known = "alembic_version" in tables
        query = "SELECT version_num FROM alembic_version"
        revisions = connection.exec_driver_sql(query).scalars().all() if known else []
        if revisions == [_get_latest_schema_revision()]:
            # Changes nothing, but fails where the database is locked or cannot be written.
            connection.exec_driver_sql("UPDATE experiments SET name = name WHERE false")
            connection.rollback()
            return
    raise StoreError(
        f"MLflow store `{store_name(url)}`",
        rule=f"the database is one of MLflow {mlflow.__version__}",
        received=f"schema {', '.join(revisions)}" if revisions else "a database of another program",
        remedy="Take a backup and run `mlflow db upgrade` on it, or name another database.",
    )


def _check_server(url: str) -> None:
    """Check that a server answers, once a minute: a command that asks about every study asks this once."""
    now = time.monotonic()
    if now - _ANSWERED.get(url, -_REMEMBERED) < _REMEMBERED:
        return
    creds = get_default_host_creds(url)
    answer = http_request(creds, "/version", "GET", max_retries=0, timeout=10, raise_on_status=False)
    mine, theirs = mlflow.__version__, answer.text.strip()
    if answer.status_code == 401:
        raise StoreError(
            "MLflow server",
            rule="whoever asks signs in",
            received="HTTP status 401: nobody has, or not with the right password",
            remedy="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to those of your account.",
        )
    if answer.status_code != 200 or mine.split(".")[:2] != theirs.split(".")[:2]:
        raise StoreError(
            "MLflow server",
            rule=f"it answers, and has version {mine}",
            received=f"version {theirs[:20]}" if answer.status_code == 200 else _status(answer.status_code, theirs),
            remedy="Check MLFLOW_TRACKING_URI, or install the server's version.",
        )
    _ANSWERED[url] = now


def _status(code: int, text: str) -> str:
    """Say a status; a 403 of a release server says in a sentence why, such as too many wrong passwords."""
    plain = code == 403 and text.isprintable() and 0 < len(text) <= 300
    return f"HTTP status {code}: {text.rstrip('.')}" if plain else f"HTTP status {code}"
