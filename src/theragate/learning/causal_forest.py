"""A causal forest as plain numbers: how it is kept, checked and walked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.learning.models import Response
from theragate.learning.tree_arrays import LEAF, check_children, pack_arrays, unpack_arrays

__all__ = ["CausalForestModel", "pack_causal_forest", "unpack_causal_forest"]

_ROWS = ("left", "right", "feature", "threshold", "moment", "weight")
_TABLE, _TYPE = "nodes", "<f8"


@dataclass(frozen=True)
class CausalForestModel:
    """Trees of a causal forest, side by side, as plain numbers.

    Parameters
    ----------
    left, right
        Shape (nodes,): the children, which come after their parent; -1 in a leaf.
    feature, threshold
        Shape (nodes,): a patient whose value is at most the threshold goes left.
    moment, weight
        Shape (nodes,): of a node's patients, the products of the residuals of outcome and treatment, and the squares of
        the latter. The effect is the ratio of their sums over the trees (Athey, Tibshirani, Wager, Ann Stat
        2019;47:1148).
    """

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    moment: NDArray[np.float64]
    weight: NDArray[np.float64]
    response: Response

    @property
    def roots(self) -> NDArray[np.intp]:
        """The nodes without a parent, one per tree."""
        return np.setdiff1d(np.arange(len(self.left)), np.concatenate([self.left, self.right]))

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effect for each row of `matrix`, shape (n,)."""
        node = np.tile(self.roots, (len(matrix), 1))
        rows = np.arange(len(matrix))[:, None]
        while True:
            inner = self.left[node] >= 0
            if not inner.any():
                break
            below = matrix[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(inner, np.where(below, self.left[node], self.right[node]), node)
        return np.asarray(self.moment[node].sum(axis=1) / self.weight[node].sum(axis=1), dtype=np.float64)


def pack_causal_forest(model: CausalForestModel) -> bytes:
    """Return the bytes of an ``.npz`` file with one row per property of the nodes; equal forests give equal bytes."""
    return pack_arrays({_TABLE: np.stack([np.asarray(getattr(model, name), dtype=_TYPE) for name in _ROWS])})


def unpack_causal_forest(content: bytes, response: Response) -> CausalForestModel:
    """Return the forest that `pack_causal_forest` packed; nothing in the file is run.

    Raises
    ------
    ValueError
        If the content is not one table of finite numbers, or its nodes are not trees: every child comes after its
        parent, and is a child once.
    OSError, zipfile.BadZipFile
        If it is cut off.
    """
    table = unpack_arrays(content, {_TABLE: _TYPE}, dimensions=2)[_TABLE]
    if len(table) != len(_ROWS) or not np.isfinite(table).all():
        raise ValueError("a table with other rows, or without finite numbers")
    left, right, feature = (row.astype(np.intp) for row in table[:3])
    if not (np.array_equal(np.stack([left, right, feature]), table[:3]) and (feature >= 0).all()):
        raise ValueError("a node or a column that is not a whole number")
    check_children(left, right, ends=table.shape[1])
    children = np.concatenate([left[left != LEAF], right[right != LEAF]])
    if len(np.unique(children)) != len(children):
        raise ValueError("a node with two parents")
    if (table[5] <= 0).any():
        raise ValueError("a node without patients")
    return CausalForestModel(left, right, feature, table[3], table[4], table[5], response)
