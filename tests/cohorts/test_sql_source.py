"""A table from a database: SQLite, and a PostgreSQL that really runs."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from cohorts.servers import ask_for_a_password, postgres_server

from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.sources import RawTable, _sql, read_source
from theragate.cohorts.table import Table
from theragate.errors import ConfigurationError, DataError, StoreError
from theragate.study import RepeatedRows, SqlSource

pytestmark = pytest.mark.xdist_group("postgres")
PASSWORD = "hunter2"  # noqa: S105 - of nobody; no message may repeat it


def source(**more: object) -> SqlSource:
    given = {"url_variable": "RECORDS", "query": "q.sql", "id": "record", "citation": "One.", "licence": "Free."}
    return SqlSource(kind="sql", **(given | more))


def read(url: str, root: Path, query: str = "SELECT * FROM t", **more: object) -> RawTable:
    folder = root / "sources" / "s"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "q.sql").write_text(query, encoding="utf-8")
    return read_source(source(**more), root, study="s", environ={"RECORDS": url})


def refused(kind: type[Exception], message: str, url: str, root: Path, query: str = "SELECT * FROM t") -> None:
    with pytest.raises(kind, match=message) as caught:
        read(url, root, query)
    assert PASSWORD not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.fixture(scope="module")
def postgres():
    with postgres_server() as url:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            for statement in (
                "CREATE TABLE t (record text, age numeric, code text, ill boolean, seen date, gap int, score int)",
                "INSERT INTO t SELECT lpad((5000 - n)::text, 5, '0'), 20 + n % 70, lpad((n % 3)::text, 2, '0'), "
                "n % 2 = 0, DATE '2020-01-01' + n, NULL, CASE WHEN n > 4000 THEN n END FROM generate_series(1, 5000) n",
                f"CREATE USER ada PASSWORD '{PASSWORD}'",
            ):
                connection.execute(sqlalchemy.text(statement))
        engine.dispose()
        yield url


@pytest.fixture
def sqlite(tmp_path) -> str:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        pd.DataFrame({"record": ["b", "a", "c"], "age": [1, 2, 3]}).to_sql("t", connection, index=False)
    return f"sqlite:///{path}"


def test_rows_come_in_chunks_and_end_in_the_order_of_the_ids(postgres, tmp_path, monkeypatch):
    monkeypatch.setattr(_sql, "CHUNK", 700)
    raw = read(postgres, tmp_path, text=("code",))
    frame = raw.frame
    assert frame["record"].tolist() == sorted(frame["record"])
    assert len(frame) == 5000
    assert raw.version.startswith("postgresql, query sha256:")
    assert frame.dtypes.map(str).to_dict() | {"seen": ""} == {
        "record": "str",
        "age": "float64",
        "code": "str",
        "ill": "bool",
        "seen": "",
        "gap": "float64",
        "score": "float64",
    }
    monkeypatch.setattr(_sql, "CHUNK", 100_000)
    again = read(postgres, tmp_path, "SELECT * FROM t ORDER BY age DESC;", text=("code",)).frame
    pd.testing.assert_frame_equal(frame, again)


def test_a_query_takes_its_parameters_from_the_study(postgres, tmp_path):
    raw = read(postgres, tmp_path, "SELECT record, age FROM t WHERE age >= :from_age", parameters={"from_age": 80})
    assert raw.frame["age"].min() == 80


def test_a_query_that_changes_something_changes_nothing(postgres, tmp_path):
    for query in ("DELETE FROM t", "DELETE FROM t RETURNING record"):
        refused(DataError, "the database answers it with rows", postgres, tmp_path, query)
    assert len(read(postgres, tmp_path).frame) == 5000


def test_sqlite_gives_the_same_order(sqlite, tmp_path):
    assert read(sqlite, tmp_path).frame["record"].tolist() == ["a", "b", "c"]


def test_text_with_gaps_stays_text_whatever_the_chunk(sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr(_sql, "CHUNK", 1)
    query = "SELECT record, CASE WHEN age = 3 THEN 'x' END AS note, CASE WHEN age = 1 THEN 1 END AS n FROM t"
    frame = read(sqlite, tmp_path, query).frame
    assert frame["note"].tolist() == [np.nan, np.nan, "x"] or frame["note"].isna().tolist() == [True, True, False]
    assert str(frame["note"].dtype) == "str"
    assert str(frame["n"].dtype) == "float64"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "it is one SELECT, in UTF-8; received no text"),
        ("SELECT secret FROM nowhere", r"the database answers it with rows; received a refusal"),
        ("SELECT age FROM t", "it has the column `record` that `source.id` names; received no such column"),
        ("SELECT * FROM t WHERE age > :unknown", "a refusal"),
        ("SELECT record, age FROM t WHERE age > 9", "0 rows"),
        ("SELECT record, age, age FROM t", "`age` more than once"),
    ],
)
def test_a_query_that_is_wrong_is_one_clear_line(query, message, sqlite, postgres, tmp_path):
    for url in (sqlite, postgres):
        refused(DataError, message, url, tmp_path, query.replace("9", "99"))


def test_a_missing_query_and_a_missing_variable(sqlite, tmp_path):
    with pytest.raises(DataError, match=r"query `sources/s/q.sql`: the file exists"):
        read_source(source(), tmp_path, study="s", environ={"RECORDS": sqlite})
    refused(ConfigurationError, "environment variable RECORDS.*nothing: it is not set", "", tmp_path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"no url {PASSWORD}", "received text that is not"),
        (f"postgresql://ada:{PASSWORD}@host:port/db", "received text that is not"),
        (f"martian://ada:{PASSWORD}@host/db", "received the driver `martian`, which is not installed"),
        (f"oracle+cx_oracle://ada:{PASSWORD}@host/db", r"the driver `oracle\+cx_oracle`, which is not installed"),
    ],
)
def test_a_variable_that_holds_no_url_is_refused_and_not_shown(url, message, tmp_path):
    refused(ConfigurationError, message, url, tmp_path)


def test_a_database_that_is_out_of_reach(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://ada:{PASSWORD}@127.0.0.1:{unused.getsockname()[1]}/db"
        refused(StoreError, r"received no connection .*See whether the database runs", url, tmp_path)
    refused(StoreError, "no connection", f"sqlite:///{tmp_path / 'nothing.db'}", tmp_path)
    assert not (tmp_path / "nothing.db").exists()


def test_credentials_that_the_database_refuses(postgres, tmp_path):
    host = ask_for_a_password(postgres, "ada")
    wrong = f"postgresql+psycopg://ada:{PASSWORD}-wrong@/postgres?host={host}"
    refused(StoreError, "a rejected user or password. Correct", wrong, tmp_path)


@pytest.mark.parametrize(("keep", "ages"), [("first", [2, 5, 4]), ("last", [1, 5, 3])])
def test_of_several_rows_one_counts_in_the_order_of_the_query(tmp_path, keep, ages):
    path, repeated = tmp_path / "t.db", RepeatedRows(keep=keep, reason="The first visit.")
    with closing(sqlite3.connect(path)) as connection, connection:
        frame = pd.DataFrame({"record": ["c", "a", "c", "a", "b"], "age": [3, 1, 4, 2, 5]})
        frame.to_sql("t", connection, index=False)
    raw = read(f"sqlite:///{path}", tmp_path, "SELECT * FROM t\norder  by age DESC", repeated=repeated)
    kept = one_row_each(Table.of(raw.frame), raw.id_column, repeated).frame()
    assert (kept["record"].tolist(), kept["age"].tolist()) == (["a", "b", "c"], ages)


def test_a_query_without_an_order_does_not_say_which_row_counts(sqlite, tmp_path):
    repeated = RepeatedRows(keep="last", reason="The last visit.")
    with pytest.raises(DataError, match=r"the last row of each patient counts.*received a query without ORDER BY"):
        read(sqlite, tmp_path, repeated=repeated)
    assert len(read(sqlite, tmp_path).frame) == 3
    assert "repeated" not in source().model_dump(mode="json"), "what was recorded before is what it was"
