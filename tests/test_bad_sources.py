"""A source or a store that refuses: one clear line, and nobody's password in it, nor in any file that is left.

The commands are those of the pipeline, each in a process of its own, so that all that is said is seen.
"""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from cohorts.servers import ask_for_a_password, postgres_server, web_server
from support import ROOT, STUDY, Project, environment

from theragate.digests import md5_file, sha256_bytes
from theragate.errors import StoreError
from theragate.tracking.store import Stores, prepare

pytestmark = pytest.mark.xdist_group("postgres")
SECRETS = ("hunter2", "%68unter", "r2@x", "r2%40x")  # parts of passwords of nobody, as they are and encoded
WRONG = ["hunter2", "%68unter%32", "hunter2%40x"]


def ingested(project: Project, source: dict[str, Any], **environ: str) -> str:
    """Run the stage `ingest` on another source, which has to fail; return the one line that the user reads."""
    project.study["source"] = {"citation": "Drawn by the tests.", "licence": "None needed."} | source
    project.write()
    command = [sys.executable, str(ROOT / "pipelines" / "ingest.py"), STUDY]
    done = subprocess.run(
        command, cwd=project.root, env=environment(**environ), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    left = [path.read_bytes() for path in project.root.rglob("*") if path.is_file() and path.name != "params.yaml"]
    for secret in SECRETS:
        assert secret not in done.stderr
        assert not any(secret.encode() in content for content in left)
    return done.stderr


def from_database(project: Project, url: str) -> str:
    (project.table.parent / "cohort.sql").write_text("SELECT * FROM t", encoding="utf-8")
    source = {"kind": "sql", "url_variable": "RECORDS", "query": "cohort.sql", "id": "record"}
    return ingested(project, source, RECORDS=url)


@pytest.fixture(scope="module")
def guarded():
    """The socket of a database that asks the user `ada` for a password."""
    with postgres_server() as url:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE USER ada PASSWORD 'another'"))
        engine.dispose()
        yield ask_for_a_password(url, "ada")


@pytest.mark.parametrize("password", WRONG)
def test_a_database_that_is_out_of_reach(password, project):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://ada:{password}@127.0.0.1:{unused.getsockname()[1]}/db"
        line = from_database(project, url)
    assert "the database of environment variable RECORDS: it can be reached and accepts the user" in line
    assert "received no connection (OperationalError). See whether the database runs" in line


@pytest.mark.parametrize("password", WRONG)
def test_wrong_credentials(password, project, guarded):
    line = from_database(project, f"postgresql+psycopg://ada:{password}@/postgres?host={guarded}")
    assert "received a rejected user or password. Correct them in the variable; escape special characters" in line


@pytest.mark.parametrize("password", WRONG)
def test_wrong_credentials_for_the_registry(password, guarded):
    url = f"postgresql+psycopg://ada:{password}@/postgres?host={guarded}"
    with pytest.raises(StoreError, match="received a rejected user or password") as caught:
        prepare(Stores(url, url, ""))
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_a_download_of_another_digest(project):
    pinned = sha256_bytes(b"what was reviewed")
    with web_server() as web:
        web.content = b"record,age,ill\n1,2,yes\n"
        url = f"{web.url}/t.csv?signature=hunter2"
        line = ingested(project, {"kind": "url", "url": url, "sha256": pinned, "format": "csv"})
        assert f"source `{web.url}/t.csv?…`: the file has the SHA-256 {pinned}" in line
    assert f"received a file with {sha256_bytes(web.content)}, which was discarded. Find out why it changed" in line
    assert [path.name for path in (project.root / ".theragate" / "downloads").iterdir()] == [f"{pinned}.lock"]


def test_a_tracked_file_of_another_digest(project):
    pin = Path(f"{project.table}.dvc")
    pin.write_text(f"outs:\n- md5: {'f' * 32}\n  size: 9\n  hash: md5\n  path: small.csv\n", encoding="utf-8")
    line = ingested(project, {"kind": "dvc", "path": "small.csv", "id": "record"})
    assert "source file `sources/small_study/small.csv`: it is the one that its .dvc file names" in line
    assert f"received the MD5 {md5_file(project.table)[:12]}…, expected ffffffffffff…. Run `dvc add sources/sma" in line
