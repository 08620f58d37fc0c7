"""XGBoost's binned matrix, made from pieces: a byte or two for each number, whatever the number of patients."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from theragate.learning.matrix_file import MatrixFile

__all__ = ["quantiles"]


def quantiles(matrix: MatrixFile, labels: Mapping[str, NDArray[np.float64]]) -> xgboost.QuantileDMatrix:
    """Return the matrix in the form that boosting takes.

    Parameters
    ----------
    matrix
        Shape (n, columns); missing numbers are NaN.
    labels
        What XGBoost calls each array, to the array of shape (n,).
    """
    return xgboost.QuantileDMatrix(_Pieces(matrix, labels), nthread=1)


class _Pieces(xgboost.DataIter):
    def __init__(self, matrix: MatrixFile, labels: Mapping[str, NDArray[np.float64]]) -> None:
        super().__init__()
        self._matrix, self._labels = matrix, labels
        self.reset()

    def reset(self) -> None:
        self._left = self._matrix.pieces()

    def next(self, input_data: Callable[..., Any]) -> bool:
        part, piece = next(self._left, (None, None))
        if part is None:
            return False
        input_data(data=piece, **{name: label[part] for name, label in self._labels.items()})
        return True
