"""A cohort read in part is a part of the cohort."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.parquet import read_table, write_table
from theragate.errors import DataError

_ROWS = 1000


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CohortFile, pd.DataFrame]:
    monkeypatch.setattr(cohort_file, "_PIECE", 64)
    random = np.random.default_rng(1)
    known = pd.Series(random.random(_ROWS) < 0.99)
    frame = pd.DataFrame(
        {
            "patient": [f"p{number}" for number in random.permutation(_ROWS)],
            "age": random.normal(60, 10, _ROWS),
            "count": pd.Series(random.integers(0, 9, _ROWS)).where(known),
            "flag": pd.Series(random.random(_ROWS) < 0.5, dtype="object").where(known, None),
            "whole": random.random(_ROWS) < 0.5,
            "word": pd.Series(random.choice(["a", "b"], _ROWS)).where(known),
        }
    )
    path = tmp_path / "cohort.parquet"
    write_table(path, frame)
    return CohortFile(path, "Make it again."), read_table(path, remedy="")


def test_whole(cohort: tuple[CohortFile, pd.DataFrame]) -> None:
    file, whole = cohort
    assert len(file) == _ROWS
    pd.testing.assert_frame_equal(file.frame(), whole)
    pd.testing.assert_series_equal(file.columns.dtypes, whole.dtypes)


def test_some_rows_and_columns_in_the_order_asked_for(cohort: tuple[CohortFile, pd.DataFrame]) -> None:
    file, whole = cohort
    rows = np.flatnonzero(np.random.default_rng(2).random(_ROWS) < 0.1)
    part = file.frame(["word", "age", "no such"], rows)
    pd.testing.assert_frame_equal(part, whole[["word", "age"]].iloc[rows].reset_index(drop=True))
    assert len(file.frame(rows=np.empty(0, dtype=np.intp))) == 0


def test_pieces_have_the_types_of_the_whole(cohort: tuple[CohortFile, pd.DataFrame]) -> None:
    file, whole = cohort
    pieces = list(file.pieces())
    assert max(len(piece.frame) for piece in pieces) == 64
    for piece in pieces:
        pd.testing.assert_series_equal(piece.frame.dtypes, whole.dtypes)
    np.testing.assert_array_equal(np.concatenate([piece.rows for piece in pieces]), np.arange(_ROWS))


@pytest.mark.parametrize("content", [None, b"PAR1 and no more"])
def test_a_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cohort.parquet"
    if content is not None:
        path.write_bytes(content)
    file = CohortFile(path, "Run `dvc repro`.")
    for ask in (len, CohortFile.frame, lambda file: file.columns, lambda file: list(file.pieces())):
        with pytest.raises(DataError, match="the file is readable Parquet"):
            ask(file)
