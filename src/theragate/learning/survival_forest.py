"""A survival forest as plain arrays: the splits of its trees, and one number per leaf, the risk by the horizon.

A leaf's whole survival curve steps at the times of single patients; the one number that is predicted from does not.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from theragate.learning.models import Response
from theragate.learning.tree_arrays import LEAF, check_children, pack_arrays, unpack_arrays

__all__ = ["SurvivalForest", "SurvivalForestModel", "pack_survival_forest", "unpack_survival_forest"]

# What each array holds, as it is stored on every machine.
_TYPES = {
    "roots": "<i4",
    "left": "<i4",
    "right": "<i4",
    "feature": "<i4",
    "threshold": "<f8",
    "missing_left": "|b1",
    "risk": "<f8",
}


@dataclass(frozen=True)
class SurvivalForest:
    """The nodes of all trees, one after the other, parents before their children.

    ``roots``: shape (trees,), where each tree begins. All else has shape (nodes,): ``left`` and ``right`` are the
    nodes to go to (-1 at a leaf), ``feature`` and ``threshold`` say who goes left (up to the threshold, as 32-bit
    floats), ``missing_left`` where a missing value goes, ``risk`` what a leaf predicts.

    Raises
    ------
    ValueError
        If the arrays are not a forest: whoever follows them could be led in a circle or out of them.
    """

    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    risk: NDArray[np.float64]

    def __post_init__(self) -> None:
        nodes = len(self.left)
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        if any(array.dtype != np.dtype(_TYPES[name]) or array.ndim != 1 for name, array in arrays.items()):
            raise ValueError("an array of another type")
        if nodes == 0 or any(len(array) != nodes for name, array in arrays.items() if name != "roots"):
            raise ValueError("arrays of different lengths")
        if len(self.roots) == 0 or self.roots[0] != 0 or not (np.diff(self.roots) > 0).all():
            raise ValueError("trees that do not follow one another")
        if self.roots[-1] >= nodes:
            raise ValueError("a tree without nodes")
        ends = np.append(self.roots[1:], nodes)[np.searchsorted(self.roots, np.arange(nodes), side="right") - 1]
        check_children(self.left, self.right, ends=ends)
        inner = self.left != LEAF
        if not ((self.feature[inner] >= 0).all() and np.isfinite(self.threshold).all()):
            raise ValueError("a split on no column, or at no finite threshold")
        if not ((self.risk >= 0) & (self.risk <= 1)).all():
            raise ValueError("a risk outside 0 to 1")

    def mean_risk(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the trees' risks for each row of `matrix`, shape (n,).

        Raises
        ------
        ValueError
            If a split asks for a column that the matrix lacks.
        """
        if self.feature.max(initial=0) >= matrix.shape[1]:
            raise ValueError("a split on a column that the design lacks")
        # Trees are grown on 32-bit floats, and what is equal there must be equal here; larger values become infinite.
        with np.errstate(over="ignore"):
            single = matrix.astype(np.float32)
        rows = np.arange(len(matrix))[:, None]
        node = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        while (self.left[node] != LEAF).any():
            value = single[rows, np.maximum(self.feature[node], 0)]
            goes_left = np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])
            child = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(self.left[node] == LEAF, node, child)
        return np.asarray(self.risk[node].mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class SurvivalForestModel:
    """A forest as a model whose score is the complementary log-log of the mean risk, so that `response` gives it back.

    ``response`` is a risk with a hazard of 1.
    """

    forest: SurvivalForest
    response: Response

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the cumulative hazard by the horizon, shape (n,); infinite at a risk of 0 or 1."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(-np.log1p(-self.forest.mean_risk(matrix))), dtype=np.float64)


def pack_survival_forest(forest: SurvivalForest) -> bytes:
    """Return the bytes of an ``.npz`` file; an equal forest gives equal bytes."""
    return pack_arrays({name: getattr(forest, name).astype(dtype) for name, dtype in _TYPES.items()})


def unpack_survival_forest(content: bytes) -> SurvivalForest:
    """Return the forest that `pack_survival_forest` packed; nothing in the file is run.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        If the content is not a whole file of `pack_survival_forest`.
    """
    return SurvivalForest(**unpack_arrays(content, _TYPES))
