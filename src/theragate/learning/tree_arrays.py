"""Trees as plain arrays: how they are packed, read back with nothing run, and checked before anybody walks them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAF", "check_children", "pack_arrays", "unpack_arrays"]

LEAF = -1  # stands where a node has no child


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of an ``.npz`` file; equal arrays in the same order give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # without a time
    return content.getvalue()


def unpack_arrays(content: bytes, types: Mapping[str, str], *, dimensions: int = 1) -> dict[str, NDArray[Any]]:
    """Return the arrays that `pack_arrays` packed; nothing in the file is run, and no more is read than is there.

    Parameters
    ----------
    content
        The bytes of the file.
    types
        The name of every array, in order, with the type of its elements, such as ``<f8``.
    dimensions
        How many dimensions each array has.

    Raises
    ------
    OSError, ValueError, zipfile.BadZipFile
        If the content is not a whole file of `pack_arrays`, or holds other arrays.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if [member.filename for member in archive.infolist()] != [f"{name}.npy" for name in types]:
            raise ValueError("members that no forest has")
        for member, name in zip(archive.infolist(), types, strict=True):
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("a member that is compressed")
            arrays[name] = _read_array(archive.read(member), types[name], dimensions=dimensions)
    return arrays


def check_children(left: NDArray[Any], right: NDArray[Any], *, ends: NDArray[np.intp] | int) -> None:
    """Refuse nodes that could lead whoever follows them in a circle or out of their tree.

    Parameters
    ----------
    left, right
        Shape (nodes,): the children, or `LEAF` for both.
    ends
        The first node behind the tree of each node, shape (nodes,); or behind all trees.

    Raises
    ------
    ValueError
        If a child does not come after its parent and within `ends`, or a node has one child only.
    """
    inner = left != LEAF
    for child in (left, right):
        descends = (child > np.arange(len(child))) & (child < ends)
        if not np.where(inner, descends, child == LEAF).all():
            raise ValueError("a node that does not descend within its tree")


def _read_array(content: bytes, expected: str, *, dimensions: int) -> NDArray[Any]:
    """Read one array; numpy's own reader would make room for whatever size the header claims."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version")
    shape: Sequence[int]
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    values = content[stream.tell() :]
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if (
        dtype != np.dtype(expected)
        or len(shape) != dimensions
        or size != len(values)
        or (by_columns and dimensions > 1)
    ):
        raise ValueError("an array of another type or length")
    return np.frombuffer(values, dtype=dtype).reshape(shape)
