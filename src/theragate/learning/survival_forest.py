"""A survival forest as plain arrays: the splits of its trees, and one number per leaf, the risk by the horizon.

A leaf's whole survival curve steps at the times of single patients; the one number that is predicted from does not.
"""

import io
import zipfile
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.learning.models import Response

__all__ = ["Forest", "ForestModel", "pack_forest", "unpack_forest"]

_LEAF = -1
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
class Forest:
    """The nodes of all trees, one after the other, parents before their children.

    ``roots``: shape (trees,), where each tree begins. All else has shape (nodes,): ``left`` and ``right`` are the
    nodes to go to (-1 at a leaf), ``feature`` and ``threshold`` say who goes left (up to the threshold, as 32-bit
    floats), ``missing_left`` where a missing value goes, ``risk`` what a leaf predicts.

    Raises
    ------
    ValueError
        If the arrays are no forest, so that whoever follows them could be led in a circle or out of them.
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
        inner = self.left != _LEAF
        for child in (self.left, self.right):
            descends = (child > np.arange(nodes)) & (child < ends)
            if not np.where(inner, descends, child == _LEAF).all():
                raise ValueError("a node that does not descend within its tree")
        if not ((self.feature[inner] >= 0).all() and np.isfinite(self.threshold).all()):
            raise ValueError("a split that is none")
        if not ((self.risk >= 0) & (self.risk <= 1)).all():
            raise ValueError("a risk that is none")

    def mean_risk(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the trees' risks for each row of `matrix`, shape (n,).

        Raises
        ------
        ValueError
            If a split asks for a column that the matrix has not.
        """
        if self.feature.max(initial=0) >= matrix.shape[1]:
            raise ValueError("a split on a column that the design has not")
        # Trees are grown on 32-bit floats, and what is equal there has to be equal here; what is beyond them is far.
        with np.errstate(over="ignore"):
            single = matrix.astype(np.float32)
        rows = np.arange(len(matrix))[:, None]
        node = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        while (self.left[node] != _LEAF).any():
            value = single[rows, np.maximum(self.feature[node], 0)]
            goes_left = np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])
            child = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(self.left[node] == _LEAF, node, child)
        return np.asarray(self.risk[node].mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class ForestModel:
    """A forest as a model whose score is the complementary log-log of the mean risk, so that `response` gives it back.

    ``response`` is a risk with a hazard of 1.
    """

    forest: Forest
    response: Response

    def score(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the cumulative hazard by the horizon, shape (n,); infinite at a risk of 0 or 1."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(-np.log1p(-self.forest.mean_risk(matrix))), dtype=np.float64)


def pack_forest(forest: Forest) -> bytes:
    """Return the bytes of an ``.npz`` file; an equal forest gives equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, kind in _TYPES.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, getattr(forest, name).astype(kind), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # without a time
    return content.getvalue()


def unpack_forest(content: bytes) -> Forest:
    """Return the forest that `pack_forest` packed; nothing in the file is run, and no more is read than is there.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        If the content is no whole file of `pack_forest`.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if [member.filename for member in archive.infolist()] != [f"{name}.npy" for name in _TYPES]:
            raise ValueError("members that no forest has")
        for member, name in zip(archive.infolist(), _TYPES, strict=True):
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("a member that is compressed")
            arrays[name] = _array(archive.read(member), _TYPES[name])
    return Forest(**arrays)


def _array(content: bytes, kind: str) -> NDArray[Any]:
    """Read one array; numpy's own reader would make room for whatever size the header claims."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    values = content[stream.tell() :]
    if dtype != np.dtype(kind) or len(shape) != 1 or shape[0] * dtype.itemsize != len(values):
        raise ValueError("an array of another type or length")
    return np.frombuffer(values, dtype=dtype)
