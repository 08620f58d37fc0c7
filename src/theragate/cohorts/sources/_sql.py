"""A cohort from a database, by any driver that SQLAlchemy knows.

The database's own messages may name users, hosts or values. None of them is shown; ours say what to do.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import check_exists, require_columns
from theragate.cohorts.sources._raw_table import SourceTable, check_names_differ
from theragate.cohorts.sources._typed import plain_column, written_out
from theragate.cohorts.table import Table
from theragate.cohorts.texts import as_texts
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


def read_sql(spec: SqlSource, context: SourceContext, scratch: Scratch) -> SourceTable:
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
    version = f"{engine.dialect.name}, query sha256:{sha256_file(context.folder / spec.query)}"
    with scratch.another() as waiting:
        try:
            rows = _read(engine, query, spec, subject, waiting)
        finally:
            engine.dispose()
        require_columns(rows.names, {"id": [spec.id], "text": spec.text}, subject)
        check_names_differ(rows.names, subject=f"study `{context.folder.name}`, source")
        ids = rows.column(rows.names.index(spec.id))
        order = _order(ids)
        columns = ((name, _typed(rows.column(at), name, spec, subject)) for at, name in enumerate(rows.names))
        table = Table.read(((name, column.take(order).reset_index(drop=True)) for name, column in columns), scratch)
    return SourceTable(table, version, id_column=spec.id)


def _order(ids: pd.Series) -> NDArray[np.intp]:
    """Return the places of the rows in the order of the ids as texts; those of one id stay as they came."""
    return np.asarray(pc.sort_indices(as_texts(ids.astype("str"))), dtype=np.intp)


def _typed(column: pd.Series, name: str, spec: SqlSource, subject: str) -> pd.Series:
    if name in spec.text:
        return written_out(column)
    return column if name == spec.id else plain_column(column, subject=f"{subject}, column `{name}`")


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
        # DuckDB locks a file that may be written to, and others wait.
        opened = {"read_only": True} if url.get_backend_name() == "duckdb" and _is_file(url.database) else {}
        return create_engine(url, poolclass=NullPool, connect_args=waits | opened)
    except (NoSuchModuleError, ImportError):
        received = f"the driver `{url.drivername}`, which is not installed"
        remedy = "Install the driver, or name another in the URL."
    except (ArgumentError, ValueError):  # also a port that is not a number
        received, remedy = "text that is not", "Correct it: DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE."
    raise ConfigurationError(
        subject, rule="it is a database URL of SQLAlchemy's form", received=received, remedy=remedy
    )


def _read(engine: "Engine", query: str, spec: SqlSource, subject: str, scratch: Scratch) -> "_Rows":
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if engine.dialect.name in {"sqlite", "duckdb"}:
            _check_file(engine.url.database)  # either would make an empty one
        connection = engine.connect()
    except Exception as error:  # noqa: BLE001 - a driver may raise what it likes, and none of it may be shown
        raise _unreachable(spec, error) from None
    with connection:
        try:
            rows = connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
            chunks = pd.read_sql_query(text(query), rows, params=spec.parameters, chunksize=CHUNK)
            return _Rows.of(chunks, scratch)
        except (SQLAlchemyError, pd.errors.DatabaseError, ValueError, TypeError) as error:
            cause = error.__cause__ or error  # pandas wraps what SQLAlchemy raises, which wraps what the driver raises
            raise DataError(
                subject,
                rule="the database answers it with rows",
                received=f"a refusal ({type(getattr(cause, 'orig', None) or cause).__name__})",
                remedy="Run the query in the database's own client, which says what is wrong with it.",
            ) from None


def _check_file(database: str | None) -> None:
    if _is_file(database) and not Path(str(database)).is_file():
        raise FileNotFoundError


def _is_file(database: str | None) -> bool:
    return bool(database) and not str(database).startswith((":memory:", "file:", "md:", "motherduck:"))


@dataclass
class _Rows:
    """The rows of a query, as they came: the names of their columns, which may repeat, and each chunk."""

    names: list[str]
    chunks: list[Table]

    @classmethod
    def of(cls, chunks: Iterator[pd.DataFrame], scratch: Scratch) -> "_Rows":
        """Keep chunks; objects, of which there is no other form, are the same where they are equal."""
        rows, alike = cls([], []), dict[Any, Any]()
        for chunk in chunks:
            rows.names = list(map(str, chunk.columns))
            columns = (_plain(chunk.iloc[:, at], alike) for at in range(chunk.shape[1]))
            rows.chunks.append(Table.read(((str(at), column) for at, column in enumerate(columns)), scratch))
        return rows

    def column(self, at: int) -> pd.Series:
        """Return a whole column, whose type does not depend on where a chunk ended."""
        joined = pd.concat([chunk[str(at)] for chunk in self.chunks], ignore_index=True)
        if joined.dtype == object:
            joined = joined.where(joined.notna(), None).infer_objects()
        return joined.rename(self.names[at])


def _plain(column: pd.Series, alike: dict[Any, Any]) -> pd.Series:
    """Turn only NULL into missing numbers, which join with any type."""
    if column.dtype != object:
        return column
    if column.isna().all():
        return column.astype("float64")
    return pd.Series([alike.setdefault((type(value), value), value) for value in column], dtype=object)


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
