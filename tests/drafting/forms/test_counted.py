"""Cells by how often each occurs answer as all cells do."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from theragate.drafting.forms import counted as module
from theragate.drafting.forms.counted import Counted

CELLS = ["b", "a", None, "b", "3 kg", "b", "a", None, "-"]


def counted(cells: list[str | None], *, pieces: int = 3) -> Counted:
    array = pa.array(cells, pa.large_string())
    return Counted.of(array.slice(first, pieces) for first in range(0, len(array), pieces))


@pytest.mark.parametrize("pieces", [1, 3, 100])
def test_every_text_is_there_once_in_the_order_in_which_it_comes(pieces):
    found = counted(CELLS * 3, pieces=pieces)
    assert found.texts.to_pylist() == ["b", "a", "3 kg", "-"]
    assert found.counts.tolist() == [9, 6, 3, 3]
    assert len(found) == 21
    assert sorted(found.cells().to_pylist()) == sorted(cell for cell in CELLS * 3 if cell is not None)


def test_where_nearly_all_differ_equal_ones_of_other_pieces_are_counted_apart_and_answers_stay(monkeypatch):
    monkeypatch.setattr(module, "_FEW", 10)
    cells = [f"P{number}" for number in range(100)] + ["P7"]
    found = counted(cells, pieces=10)
    assert len(found) == len(found.texts) == len(cells)
    assert found.number_of(pc.equal(found.texts, "P7")) == 2
    assert len(found.merged().texts) == 100
    assert found.merged().counts.max() == 2


def test_questions_are_about_cells():
    found = counted(CELLS)
    assert found.number_like("^[ab]$") == 5
    assert found.any(r"\d")
    assert not found.all(r"\d")
    assert not found.where(pa.array([False] * len(found.texts))).all(""), "of no cells, none matches"
    assert found.without(["b", "-"]).texts.to_pylist() == ["a", "3 kg"]
    assert found.differ(3)
    assert not found.differ(4)
    assert found.series(found.texts).value_counts().to_dict() == {"b": 3, "a": 2, "3 kg": 1, "-": 1}


def test_of_nothing_there_is_nothing():
    found = counted([None, None])
    assert len(found) == 0
    assert found.counts.dtype == np.int64
    assert not found.any("")
    assert not found.all("")
    assert not found.differ(0)
