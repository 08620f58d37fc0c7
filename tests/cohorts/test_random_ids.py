"""Random ids: unique, the same next time, and linked only in a table that its owner alone can read."""

import itertools
import stat
import threading

import pandas as pd
import pytest

from theragate.cohorts.random_ids import random_ids
from theragate.errors import DataError


def counting():
    numbers = itertools.count()
    return lambda: f"p{next(numbers)}"


def test_ids_stay_and_new_patients_get_new_ones(tmp_path):
    table = tmp_path / "ids" / "s.csv"
    draw = counting()
    first = random_ids(pd.Series(["anna", "bert"]), table, draw=draw)
    second = random_ids(pd.Series(["carl", "bert", "anna"]), table, draw=draw)
    assert first.tolist() == ["p0", "p1"]
    assert second.tolist() == ["p2", "p1", "p0"]
    assert stat.S_IMODE(table.stat().st_mode) == 0o600


def test_an_id_that_is_drawn_twice_is_drawn_again(tmp_path):
    draws = iter(["x", "x", "y"])
    assert random_ids(pd.Series(["a", "b"]), tmp_path / "s.csv", draw=lambda: next(draws)).tolist() == ["x", "y"]


def test_two_at_once_agree(tmp_path):
    found: list[list[str]] = []
    draw = counting()

    def name_them() -> None:
        found.append(random_ids(pd.Series([str(i) for i in range(50)]), tmp_path / "s.csv", draw=draw).tolist())

    threads = [threading.Thread(target=name_them) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(ids == found[0] for ids in found)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "an empty file"),
        (b"a,b\n", "a first line that names other columns"),
        (b"source_id,patient\nx\n", "1 cells in row 2"),
        (b"\xff\xff", "a file that cannot be read"),
    ],
)
def test_a_broken_table_is_never_replaced_by_a_new_one(content, received, tmp_path):
    table = tmp_path / "s.csv"
    table.write_bytes(content)
    with pytest.raises(DataError, match=f"received {received}. Restore it from a backup"):
        random_ids(pd.Series(["a"]), table, draw=counting())
    assert table.read_bytes() == content


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM(1)", "+cmd", "-1+2", "\t=1", "＝1"])
def test_no_spreadsheet_runs_an_id(tmp_path, cell):
    table = tmp_path / "ids.csv"
    with pytest.raises(
        DataError, match=r"ids of each patient: no cell of a CSV file begins with =.*1 such id, .* row 2"
    ):
        random_ids(pd.Series(["a", cell]), table, draw=counting())
    assert not table.exists()
    assert random_ids(pd.Series(["-1", "+4", "--"]), table, draw=counting()).notna().all()
