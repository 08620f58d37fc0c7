import numpy as np
import pytest

from theragate.evidence.definitions.sums import Layout, NamedSums


def layout() -> Layout:
    made = Layout()
    assert [values.tolist() for values in made.recorded(iter([("events", np.ones(2)), ("error", np.zeros(2))]))] == [
        [1, 1],
        [0, 0],
    ]
    made.block("gaps", 3)
    made.column("last")
    return made


def test_columns_and_blocks_are_taken_by_name():
    matrix = np.arange(12.0).reshape(2, 6)
    sums = NamedSums(matrix, layout())
    assert sums["events"].tolist() == [0, 6]
    assert sums["gaps"].tolist() == [[2, 3, 4], [8, 9, 10]]
    assert sums["last"].tolist() == [5, 11]
    assert sums.columns(["last", "error"]).tolist() == [[5, 1], [11, 7]]
    assert "gaps" in sums
    assert "threshold" not in sums
    assert layout().width == 6


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'error' is added twice"):
        layout().column("error")
