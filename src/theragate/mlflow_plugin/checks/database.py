"""The database of a release server: its rules, the rights of the server's role, and the time."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from theragate.errors import StoreError
from theragate.mlflow_plugin.checks.files import sqlite_file
from theragate.mlflow_plugin.checks.findings import Finding, error, warning
from theragate.mlflow_plugin.tables import LEDGER, said_by_database

__all__ = ["check_database", "refuse_unanswered", "rules_of"]

_RULES = Path(__file__).parents[2] / "deployment" / "postgresql.sql"
_INSTALL = "Run the rules as the owner: `theragate docs postgresql.sql | psql -v ON_ERROR_STOP=1`."
_RULE = re.compile(r"\('(\w+)', '(\w+)', '(?:BEFORE|AFTER) ")  # a line of the table of rules in that file
_TABLES = re.compile(r"tables CONSTANT text\[\] := '\{([\w,'\s]*)\}'")
_KEPT = LEDGER.name
_SKEW = 60  # seconds
_CONNECT = 10  # seconds for which a start waits for a database


def rules_of(sql: str) -> set[tuple[str, str]]:
    """Return the triggers that the file with the rules installs, each with its table."""
    tables = [name for found in _TABLES.findall(sql) for name in re.findall(r"\w+", found)]
    kept = {("theragate_keep", table) for table in tables}
    return kept | {(f"theragate_{name}", table) for table, name in _RULE.findall(sql)}


def check_database(address: str) -> Iterator[Finding]:
    """Check a database at the address with which the server signs in."""
    file = sqlite_file(address)
    if file is not None and not file.exists():  # SQLite would make it, readable for everybody
        yield _no_tables("Start the server once")
        return
    engine = sqlalchemy.create_engine(address)
    try:
        with engine.connect() as connection:
            tables = sqlalchemy.inspect(connection).get_table_names()
            if _KEPT not in tables:
                postgresql = engine.dialect.name == "postgresql"
                yield _no_tables(
                    "Run `theragate server --tables` as the owner" if postgresql else "Start the server once"
                )
                return
            if engine.dialect.name == "postgresql":
                yield from _postgresql(connection)
            yield from _time(connection)
    except SQLAlchemyError as raised:
        yield error(
            "the database",
            rule="the server can sign in and read it",
            received=f"this error: {said_by_database(raised)}",
            remedy="Correct MLFLOW_TRACKING_URI, or the rights of its role.",
        )
    finally:
        engine.dispose()


def refuse_unanswered(address: str, *, variable: str) -> None:
    """Refuse to start a server whose database does not let it in: MLflow would try again for an hour, and say nothing.

    Parameters
    ----------
    address
        The database; a file is not looked at.
    variable
        Where the address is set.

    Raises
    ------
    StoreError
        If it does not answer within ten seconds, or not to this role.
    """
    if sqlite_file(address) is not None or not address.startswith("postgresql"):
        return
    engine = sqlalchemy.create_engine(address, connect_args={"connect_timeout": _CONNECT})
    try:
        engine.connect().close()
    except SQLAlchemyError as raised:
        url = sqlalchemy.make_url(address)
        raise StoreError(
            f"the database `{url.database}` at `{url.host or 'this machine'}`",
            rule="it answers, and lets the server's role in",
            received=f"this: {said_by_database(raised).rstrip('.')}",
            remedy=f"Start it, or correct {variable} or the password of `{url.username}`.",
        ) from raised
    finally:
        engine.dispose()


def _no_tables(first: str) -> Finding:
    return warning(
        "the database",
        rule="it has the tables of a release server",
        received="none yet",
        remedy=f"{first}; then check again.",
    )


def _postgresql(connection: Connection) -> Iterator[Finding]:
    role, superuser = connection.execute(
        sqlalchemy.text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    ).one()
    tables = sorted({table for _, table in rules_of(_RULES.read_text(encoding="utf-8"))} | {_KEPT})
    owned = connection.execute(
        sqlalchemy.text(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = ANY(:tables) "
            "AND relnamespace = 'public'::regnamespace AND pg_has_role(current_user, relowner, 'USAGE')"
        ),
        {"tables": tables},
    ).scalars()
    if superuser:
        yield _owner(role, "a superuser, whom no rule stops")
    elif found := sorted(owned):
        yield _owner(role, f"the owner of {', '.join(found)}, who can drop the rules")
    else:
        rights = [
            right
            for right in ("UPDATE", "DELETE", "TRUNCATE")
            if connection.execute(
                sqlalchemy.text("SELECT has_table_privilege(:table, :right)"), {"table": _KEPT, "right": right}
            ).scalar()
        ]
        if rights:
            yield error(
                f"the database role `{role}`",
                rule="it appends to the ledger, and changes no row",
                received=f"the right to {', '.join(rights)}",
                remedy=_INSTALL,
            )
    present = {
        (str(name), str(table))
        for name, table in connection.execute(
            sqlalchemy.text(
                "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
                "WHERE tgenabled <> 'D' AND NOT tgisinternal"
            )
        )
    }
    missing = rules_of(_RULES.read_text(encoding="utf-8")) - present
    if missing:
        yield error(
            "the rules in the database",
            rule="they are installed as the version that runs brings them, and enabled",
            received="none of " + ", ".join(sorted(f"`{name}` on `{table}`" for name, table in missing)),
            remedy=_INSTALL,
        )


def _owner(role: str, received: str) -> Finding:
    return error(
        f"the database role `{role}`",
        rule="the server signs in with a role of its own, `theragate_server`",
        received=received,
        remedy="Sign in as the owner at the first start and for upgrades only; docs/deployment.md says how.",
    )


def _time(connection: Connection) -> Iterator[Finding]:
    """Compare the clock with the ledger, whose times never run backwards, and with the database's."""
    remedy = "Synchronise the clock (NTP): attestations, revocations and the ledger go by it."
    now = datetime.now(UTC)
    last = connection.execute(sqlalchemy.select(LEDGER.c.event).order_by(LEDGER.c.seq.desc()).limit(1)).scalar()
    at = re.search(r'"at":"([^"]+)"', str(last or ""))
    if at and (ahead := (datetime.fromisoformat(at[1]) - now).total_seconds()) > _SKEW:
        yield error(
            "the clock",
            rule="it is not before the last release",
            received=f"a time {ahead:,.0f} seconds before it",
            remedy=remedy,
        )
    if connection.dialect.name == "postgresql":
        theirs = connection.execute(sqlalchemy.text("SELECT extract(epoch FROM clock_timestamp())")).scalar()
        if abs(float(theirs or 0) - time.time()) > _SKEW:
            yield warning(
                "the clock",
                rule="server and database agree about the time",
                received=f"{abs(float(theirs or 0) - time.time()):,.0f} seconds between them",
                remedy=remedy,
            )
