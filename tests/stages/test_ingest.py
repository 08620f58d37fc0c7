"""A cohort that is read piece by piece is the one that is read at once, and what is wrong late stops it as early."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support import STUDY, small_study

from theragate.cohorts import scratch, table
from theragate.cohorts.parquet import write_table
from theragate.cohorts.sources import _grid, _sql, _typed
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest

PRIVATE = {"ages": ["age"], "dates": ["seen"], "not_identifying": {"code": "Codes of an analyser."}}
CODES = ["007", "08", "1", "", "ä", "a\u0308 ", "  x"]


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let nothing stay in memory, and everything come in pieces of some rows."""

    def switch() -> None:
        monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
        monkeypatch.setattr(_grid, "BLOCK", 7)
        monkeypatch.setattr(_typed, "_PIECE", 5)
        monkeypatch.setattr(table, "_ROWS", 11)

    return switch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sources" / STUDY
    folder.mkdir(parents=True)
    return folder


def declare(folder: Path, source: dict[str, Any], **more: Any) -> None:
    entry = small_study() | {"features": {}, "subgroups": {}, "scenarios": {}} | more
    entry["source"] = {"citation": "Drawn by the tests.", "licence": "None needed."} | source
    params = {"seed": 1, "studies": {STUDY: entry}}
    (folder.parent.parent / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def cohort_of(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Run the stage; return the cohort's file and its provenance."""
    assert exit_code(ingest, [STUDY]) == 0
    made = folder.parent.parent / "data" / STUDY
    return (made / "cohort.parquet").read_bytes(), json.loads((made / "provenance.json").read_text(encoding="utf-8"))


def drawn(seed: int) -> pd.DataFrame:
    """Return a table with columns of all kinds, patients with several rows, and gaps."""
    random = np.random.default_rng(seed)
    rows = int(random.integers(30, 120))

    def gaps(values: Any) -> pd.Series:
        return pd.Series(values, dtype=object).where(random.random(rows) > random.choice([0, 0.1]), None)

    days = pd.to_datetime("2015-01-01") + pd.to_timedelta(random.integers(0, 3000, rows), unit="D")
    columns = {
        "record": [f"{number:06d}" for number in random.integers(0, 3 * rows, rows)],
        "age": random.integers(20, 99, rows),
        "whole": gaps(random.integers(-5, 5, rows)),
        "number": gaps(random.normal(size=rows).round(3)),
        "late": [*[3] * (rows - 1), random.choice([4, 4.5])],
        "code": gaps(random.choice(CODES, rows)),
        "seen": gaps(days.strftime("%Y-%m-%d")),
        "place": random.choice(["north", "south", "east", "west"], rows),
        "group": gaps(random.choice(["a", "b"], rows)),
        "ill": np.where(random.random(rows) < 0.5, "yes", "no"),
    }
    return pd.DataFrame(columns)


def typed(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return the table as programs write it that know types."""
    frame = frame.assign(
        number=frame["number"].astype("float64"),
        whole=frame["whole"].astype("float64" if random.random() < 0.5 else "Int64"),
        seen=pd.to_datetime(frame["seen"]),
        group=frame["group"].astype("category"),
        flag=random.random(len(frame)) < 0.5,
    )
    return frame.astype({"code": "str", "record": "str", "place": "str", "ill": "str"})


def written_as(kind: str, frame: pd.DataFrame, folder: Path, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    if kind == "csv":
        frame.to_csv(folder / "t.csv.gz", index=False, compression="gzip" if seed % 2 else None)
        texts = ["code", "seen", "place", "group", "ill"]
        return {"kind": "file", "path": "t.csv.gz", "text": texts, "missing": ["x", "-5"]}
    if kind == "parquet":
        typed(frame, random).to_parquet(folder / "t.parquet", row_group_size=17)
        return {"kind": "file", "path": "t.parquet", "text": ["whole"], "missing": ["x", "-5"]}
    (folder / "parts").mkdir()
    whole = typed(frame, random)
    for number, first in enumerate(range(0, len(whole), 23)):
        whole.iloc[first : first + 23].to_parquet(folder / "parts" / f"{number:02}.parquet")
    return {"kind": "file", "path": "parts/"}


@pytest.mark.parametrize("kind", ["csv", "parquet", "folder"])
@pytest.mark.parametrize("seed", range(6))
def test_in_pieces_it_is_the_same_cohort_to_the_byte(kind, seed, folder, in_pieces):
    repeated = {"keep": ["first", "last"][seed % 2], "reason": "Of each patient the one that counts."}
    source = written_as(kind, drawn(seed), folder, seed)
    clusters = {"clusters": {"column": "place", "reason": "Patients of one place are alike."}} if seed % 3 else {}
    declare(folder, source | {"id": "record", "repeated": repeated}, deidentification=PRIVATE, **clusters)
    at_once, provenance = cohort_of(folder)
    in_pieces()
    assert cohort_of(folder) == (at_once, provenance)
    cohort = pd.read_parquet(folder.parent.parent / "data" / STUDY / "cohort.parquet")
    write_table(folder / "again.parquet", cohort)
    assert (folder / "again.parquet").read_bytes() == at_once
    assert cohort["age"].max() <= 90
    assert cohort["patient"].is_unique


def test_the_rows_of_a_query_in_pieces_are_the_same_cohort(folder, in_pieces, monkeypatch):
    frame = drawn(3).drop_duplicates("record")
    with closing(sqlite3.connect(folder / "t.db")) as connection, connection:
        frame.to_sql("t", connection, index=False)
    (folder / "q.sql").write_text("SELECT * FROM t", encoding="utf-8")
    monkeypatch.setenv("RECORDS", f"sqlite:///{folder / 't.db'}")
    source = {"kind": "sql", "url_variable": "RECORDS", "query": "q.sql", "id": "record", "text": ["code"]}
    declare(
        folder,
        source,
        deidentification={"ages": ["age"], "dates": ["seen"], "not_identifying": {"code": "Codes of an analyser."}},
    )
    at_once = cohort_of(folder)
    in_pieces()
    monkeypatch.setattr(_sql, "CHUNK", 9)
    assert cohort_of(folder) == at_once


def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the stage, which fails and leaves nothing behind; return its line."""
    assert exit_code(ingest, [STUDY]) == 1
    made = folder.parent.parent / "data" / STUDY
    assert not made.exists() or not any(made.iterdir())
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("abc", "`number`: it holds numbers.*received `aaa`, in 1 cells, among 60; the first in row 60"),
        ("007", "`number`: it holds numbers.*received 1 codes with zeros in front"),
        ("1,1", r"every line has as many cells as the header, 3; received 1 of 60 lines.*the first, line 61, has 4"),
    ],
)
def test_what_is_wrong_in_the_last_line_is_found(change, said, folder, in_pieces, capsys):
    lines = ["record,number,ill", *(f"r{at},{at},{'yes' if at % 2 else 'no'}" for at in range(59)), f"r60,{change},no"]
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    declare(folder, {"kind": "file", "path": "t.csv", "id": "record", "text": ["ill"]}, deidentification={})
    in_pieces()
    line = refused(folder, capsys)
    assert re.search(said, line), line
    assert "abc" not in line


LIMITED = """
import resource, sys
from theragate.cohorts import scratch
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest

scratch._IN_MEMORY = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
sys.exit(exit_code(ingest, [sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("in_memory", "said"),
    [
        (2**26, "cohort.parquet: the file can be written; received File too large. Free space"),
        (0, "it holds what was read of the source, until the cohort is written; received File too large. Free space"),
    ],
)
def test_a_disk_that_fills_leaves_nothing_behind(in_memory, said, folder):
    random = np.random.default_rng(1)
    values = {"a": random.normal(size=20_000), "b": random.normal(size=20_000)}
    frame = pd.DataFrame({**values, "ill": ["yes", "no"] * 10_000})
    frame.to_parquet(folder / "t.parquet")
    declare(folder, {"kind": "file", "path": "t.parquet"}, deidentification={})
    command = [sys.executable, "-c", LIMITED, str(in_memory), STUDY]
    done = subprocess.run(command, cwd=folder.parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    left = {path.name for path in folder.parent.parent.rglob("*") if path.is_file()}
    assert left == {"params.yaml", "t.parquet", "pipeline.json", "pipeline.lock"}
