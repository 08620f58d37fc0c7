"""A causal forest as plain numbers: how it is kept, checked and walked."""

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.learning.models import Response

__all__ = ["CausalForestModel", "pack_causal_forest", "unpack_causal_forest"]

_ROWS = ("left", "right", "feature", "threshold", "moment", "weight")
_MEMBER = "nodes.npy"


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
        """The nodes that are no node's child, one per tree."""
        return np.setdiff1d(np.arange(len(self.left)), np.concatenate([self.left, self.right]))

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effect for each row of `matrix`, shape (n,)."""
        place = np.tile(self.roots, (len(matrix), 1))
        rows = np.arange(len(matrix))[:, None]
        while True:
            inner = self.left[place] >= 0
            if not inner.any():
                break
            below = matrix[rows, self.feature[place]] <= self.threshold[place]
            place = np.where(inner, np.where(below, self.left[place], self.right[place]), place)
        return np.asarray(self.moment[place].sum(axis=1) / self.weight[place].sum(axis=1), dtype=np.float64)


def pack_causal_forest(model: CausalForestModel) -> bytes:
    """Return the bytes of an ``.npz`` file with one row per property of the nodes; equal forests give equal bytes."""
    member = io.BytesIO()
    rows = np.stack([np.asarray(getattr(model, name), dtype="<f8") for name in _ROWS])
    np.lib.format.write_array(member, rows, version=(1, 0), allow_pickle=False)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_MEMBER), member.getvalue())  # without a time
    return content.getvalue()


def unpack_causal_forest(content: bytes, response: Response) -> CausalForestModel:
    """Return the forest that `pack_causal_forest` packed.

    Raises
    ------
    ValueError
        If the content is no array of finite floats, or its nodes are no trees: a child comes after its parent, once.
    OSError, zipfile.BadZipFile
        If it is cut off.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(member.filename, member.compress_type) for member in archive.infolist()]
        if members != [(_MEMBER, zipfile.ZIP_STORED)]:
            raise ValueError("members that no causal forest has")
        table = np.lib.format.read_array(io.BytesIO(archive.read(_MEMBER)), allow_pickle=False)
    if table.dtype != np.float64 or table.ndim != 2 or len(table) != len(_ROWS) or not np.isfinite(table).all():
        raise ValueError("no table of finite numbers")
    left, right, feature = (row.astype(np.intp) for row in table[:3])
    if not (np.array_equal(np.stack([left, right, feature]), table[:3]) and (feature >= 0).all()):
        raise ValueError("a place that is no whole number")
    places, inner = np.arange(table.shape[1]), left >= 0
    children = np.concatenate([left[inner], right[inner]])
    if (
        not np.array_equal(inner, right >= 0)
        or (children <= np.tile(places[inner], 2)).any()
        or (children >= len(places)).any()
        or len(np.unique(children)) != len(children)
    ):
        raise ValueError("nodes that are no trees")
    if (table[5] <= 0).any():
        raise ValueError("a node without patients")
    return CausalForestModel(left, right, feature, table[3], table[4], table[5], response)
