"""A matrix in a file is the matrix, in whatever pieces and order it is read."""

from pathlib import Path

import numpy as np
import pytest

from theragate.learning import matrix_file
from theragate.learning.matrix_file import MatrixFile, write_matrix


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[MatrixFile, np.ndarray]:
    monkeypatch.setattr(matrix_file, "_CELLS", 64)
    matrix = np.random.default_rng(1).normal(size=(101, 3)).astype(np.float32)
    pieces = (matrix[first : first + 17].astype(np.float64) for first in range(0, 101, 17))
    return write_matrix(tmp_path / "matrix", pieces, columns=3), matrix


def test_pieces(written: tuple[MatrixFile, np.ndarray]) -> None:
    file, matrix = written
    assert (file.rows, file.columns) == matrix.shape
    parts = list(file.pieces())
    assert max(len(piece) for _, piece in parts) == 21
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in parts]), matrix)
    for part, piece in parts:
        np.testing.assert_array_equal(piece, matrix[part])


def test_product(written: tuple[MatrixFile, np.ndarray]) -> None:
    file, matrix = written
    coefficients = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(file.times(coefficients), matrix.astype(np.float64) @ coefficients, rtol=1e-12)


def test_another_order(written: tuple[MatrixFile, np.ndarray], tmp_path: Path) -> None:
    file, matrix = written
    order = np.random.default_rng(2).permutation(101)
    found = file.in_order(order, tmp_path / "sorted")
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in found.pieces()]), matrix[order])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["matrix", "sorted"]


def test_no_columns(tmp_path: Path) -> None:
    file = write_matrix(tmp_path / "matrix", iter([np.empty((5, 0))]), columns=0)
    assert file.times(np.empty(0)).tolist() == [0.0] * 5
