"""A cohort from a database, by any driver that SQLAlchemy knows.

The database's own messages may name users, hosts or values. None of them is shown; ours say what to do.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import check_exists, require_columns
from theragate.cohorts.sources._raw_table import RawTable
from theragate.cohorts.sources._typed import plain_columns
from theragate.digests import sha256_file
from theragate.errors import ConfigurationError, DataError, StoreError
from theragate.study import SqlSource

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["read_sql"]

CHUNK = 20_000  # rows fetched at once
PATIENCE = 10  # seconds to connect
WAITS = {"psycopg", "psycopg2", "pymysql", "mysqldb", "mariadbconnector"}  # drivers that take `connect_timeout`
REFUSALS = ("authentication", "password", "access denied", "permission", "role", "login failed")


def read_sql(spec: SqlSource, context: SourceContext, scratch: Scratch) -> RawTable:  # noqa: ARG001 - the signature that all sources share
    """Run the study's query and return its rows, sorted by the patients' ids; those of one patient stay in its order.

    The rows are streamed in chunks. Nothing is committed, so that a query which writes leaves no trace.

    Raises
    ------
    ConfigurationError
        If the variable is unset or holds no database URL, or the driver is not installed.
    StoreError
        If the database cannot be reached or refuses the credentials.
    DataError
        If there is no query, the database refuses it, its result lacks a column that ``source`` names, or one of
        several rows of a patient counts and it does not say in which order they come.
    """
    subject = f"query `{context.named(spec.query)}`"
    check_exists(context.folder / spec.query, subject, remedy="Write one SELECT into it.")
    query = _text(context.folder / spec.query, subject)
    if spec.repeated is not None and not re.search(r"\border\s+by\b", query, re.IGNORECASE):
        raise DataError(
            subject,
            rule=f"where the {spec.repeated.keep} row of each patient counts, it says in which order",
            received="a query without ORDER BY",
            remedy="Add one, such as `ORDER BY visit_date`, or remove `source.repeated`.",
        )
    engine = _engine(spec, context.environ)
    try:
        frame = _read(engine, query, spec, subject)
    finally:
        engine.dispose()
    require_columns(list(frame.columns), {"id": [spec.id], "text": spec.text}, subject)
    texts = {column: frame[column].map(str, na_action="ignore").astype("str") for column in spec.text}
    frame = plain_columns(frame.assign(**texts), subject=subject, texts={*spec.text, spec.id})
    order = frame[spec.id].astype("str").sort_values(kind="stable").index
    version = f"{engine.dialect.name}, query sha256:{sha256_file(context.folder / spec.query)}"
    return RawTable(frame.loc[order], version=version, id_column=spec.id)


def _text(path: Path, subject: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip().removesuffix(";")
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise DataError(
            subject, rule="it is one SELECT, in UTF-8", received="no text", remedy="Write one SELECT into it."
        )
    return text


def _engine(spec: SqlSource, environ: Mapping[str, str]) -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    subject = f"environment variable {spec.url_variable}"
    if not environ.get(spec.url_variable):
        raise ConfigurationError(
            subject,
            rule="it holds the URL of the source's database",
            received="nothing: it is not set",
            remedy=f"Run `export {spec.url_variable}=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE` or the like.",
        )
    try:
        url = make_url(environ[spec.url_variable])
        waits = {"connect_timeout": PATIENCE} if url.get_driver_name() in WAITS else {}
        return create_engine(url, poolclass=NullPool, connect_args=waits)
    except (NoSuchModuleError, ImportError):
        received = f"the driver `{url.drivername}`, which is not installed"
        remedy = "Install the driver, or name another in the URL."
    except (ArgumentError, ValueError):  # also a port that is not a number
        received, remedy = "text that is not", "Correct it: DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE."
    raise ConfigurationError(
        subject, rule="it is a database URL of SQLAlchemy's form", received=received, remedy=remedy
    )


def _read(engine: "Engine", query: str, spec: SqlSource, subject: str) -> pd.DataFrame:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if engine.dialect.name == "sqlite":
            _check_file(engine.url.database)  # SQLite would make an empty one
        connection = engine.connect()
    except Exception as error:  # noqa: BLE001 - a driver may raise what it likes, and none of it may be shown
        raise _unreachable(spec, error) from None
    with connection:
        try:
            rows = connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
            chunks = pd.read_sql_query(text(query), rows, params=spec.parameters, chunksize=CHUNK)
            return _joined([_plain(chunk) for chunk in chunks])
        except (SQLAlchemyError, pd.errors.DatabaseError, ValueError, TypeError) as error:
            cause = error.__cause__ or error  # pandas wraps what SQLAlchemy raises, which wraps what the driver raises
            raise DataError(
                subject,
                rule="the database answers it with rows",
                received=f"a refusal ({type(getattr(cause, 'orig', None) or cause).__name__})",
                remedy="Run the query in the database's own client, which says what is wrong with it.",
            ) from None


def _check_file(database: str | None) -> None:
    if database and not database.startswith((":memory:", "file:")) and not Path(database).is_file():
        raise FileNotFoundError


def _plain(chunk: pd.DataFrame) -> pd.DataFrame:
    """Turn a column of only NULL into missing numbers, which join with any type."""
    empty = [column for column in _of_objects(chunk) if chunk[column].isna().all()]
    return chunk.astype(dict.fromkeys(empty, "float64"))


def _joined(chunks: list[pd.DataFrame]) -> pd.DataFrame:
    """Join chunks, so that a column's type does not depend on where a chunk ended."""
    frame = pd.concat(chunks, ignore_index=True)
    mixed = {column: frame[column].where(frame[column].notna(), None) for column in _of_objects(frame)}
    return frame.assign(**{column: values.infer_objects() for column, values in mixed.items()})


def _of_objects(frame: pd.DataFrame) -> list[str]:
    unique = frame.columns[~frame.columns.duplicated(keep=False)]  # a name that occurs twice is refused later
    return [column for column in unique if pd.api.types.is_object_dtype(frame[column])]


def _unreachable(spec: SqlSource, error: Exception) -> StoreError:
    said = str(error).lower()  # to choose between two messages of ours
    refused = any(word in said for word in REFUSALS)
    return StoreError(
        f"the database of environment variable {spec.url_variable}",
        rule="it can be reached and accepts the user",
        received="a rejected user or password" if refused else f"no connection ({type(error).__name__})",
        remedy="Correct them in the variable; escape special characters there, such as `@` as `%40`."
        if refused
        else "See whether the database runs, and whether host, port and name in the variable are right.",
    )
