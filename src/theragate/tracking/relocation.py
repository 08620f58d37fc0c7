"""The embedded store follows the folder of its project.

MLflow's rows name their files by full paths. In a project that was moved or copied they would lead to nothing, or into
the store of the original.
"""

from pathlib import Path

import sqlalchemy
from sqlalchemy import Column, Connection, MetaData, Table, Text, and_, func, insert, inspect, select, text, update

__all__ = ["embedded_root", "follow_project"]

_STORE, _DATABASE = "mlflow-store", "mlflow.db"  # where `theragate.settings` puts it, below the project
_METADATA = MetaData()
_PROJECT = Table("theragate_project", _METADATA, Column("root", Text, nullable=False))  # one row
# Who registered what (`theragate.mlflow_plugin.tables`): the same files have the same authors wherever they lie.
_REGISTRATIONS = Table("theragate_registrations", MetaData(), Column("source", Text), Column("location", Text))


def embedded_root(database: Path) -> Path | None:
    """Return the project whose embedded store a SQLite file is; None for any other file."""
    file = database.absolute()
    return file.parent.parent.resolve() if (file.parent.name, file.name) == (_STORE, _DATABASE) else None


def follow_project(database: Path) -> None:
    """Let the locations in an embedded store lead to where its project is now.

    The store records its project's root. Where that has changed, every location below the former root becomes the same
    one below the present root, all in one transaction. Other stores, locations outside of the project and the ledger
    with all that it binds stay as they are: digests of sealed copies, signatures and aliases name no folder. A location
    that this makes lies in the project, so that a record that somebody has changed can only lead to files that are not
    there. A store in which somebody who had signed in has decided belongs to a server, whose operator says where files
    are.

    Parameters
    ----------
    database
        An existing SQLite file with MLflow's tables.

    Raises
    ------
    SQLAlchemyError
        If the file is locked, read-only or damaged; then nothing has changed.
    """
    root = embedded_root(database)
    if root is None:
        return
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(database)), poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        new = not inspect(connection).has_table("experiments")  # MLflow will set it up, with no location yet
        if new or _recorded(connection) == str(root) or _is_a_servers(connection):
            return
    with engine.begin() as connection:
        connection.execute(text("BEGIN IMMEDIATE"))
        _METADATA.create_all(connection)
        former = _recorded(connection)
        if former is not None:
            _rewrite(connection, Path(former), root)
            connection.execute(_PROJECT.delete())
        connection.execute(insert(_PROJECT).values(root=str(root)))


def _recorded(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_PROJECT.name):
        return None
    root = connection.execute(select(_PROJECT.c.root)).scalar()
    return None if root is None else str(root)


def _is_a_servers(connection: Connection) -> bool:
    if not inspect(connection).has_table("theragate_ledger"):
        return False
    query = "SELECT 1 FROM theragate_ledger WHERE json_extract(event, '$.identity') = 'signed_in' LIMIT 1"
    return connection.execute(text(query)).first() is not None


def _rewrite(connection: Connection, former: Path, present: Path) -> None:
    for old, new in _spellings(former, present).items():
        for column, among in _locations(connection):
            below = func.substr(column, 1, len(old) + 1) == f"{old}/"
            inside = and_(func.instr(column, "/..") == 0, func.instr(func.lower(column), "%2e") == 0)
            moved = sqlalchemy.literal(new).concat(func.substr(column, len(old) + 1))
            connection.execute(update(column.table).where(among, below, inside).values({column: moved}))


def _spellings(former: Path, present: Path) -> dict[str, str]:
    """Return the former root in each form in which MLflow may have written it, with the present one in that form.

    No location that was written in one form begins with the former root in another.
    """
    if not former.is_absolute():
        return {}
    return {f"file://{former}": f"file://{present}", str(former): str(present), former.as_uri(): present.as_uri()}


def _locations(connection: Connection) -> list[tuple[Column[str], sqlalchemy.ColumnElement[bool]]]:
    """Return the columns that name files of the store, each with the rows in which it does."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun, SqlTraceTag
    from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION

    everywhere = (
        (SqlExperiment, "artifact_location"),
        (SqlRun, "artifact_uri"),
        (SqlLoggedModel, "artifact_location"),
        (SqlModelVersion, "source"),
        (SqlModelVersion, "storage_location"),
    )
    traces = SqlTraceTag.__table__.c
    registered = _REGISTRATIONS.c if inspect(connection).has_table(_REGISTRATIONS.name) else ()
    return [
        *((model.__table__.c[name], sqlalchemy.true()) for model, name in everywhere),
        *((column, sqlalchemy.true()) for column in registered),
        (traces["value"], traces["key"] == MLFLOW_ARTIFACT_LOCATION),
    ]
