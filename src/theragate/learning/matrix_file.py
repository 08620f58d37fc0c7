"""A design's matrix in a file: made once, then read piece by piece as often as an optimiser asks for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bent", "MatrixFile", "write_matrix"]

Floats = NDArray[np.float64]

_CELLS = 2**22  # numbers in memory at once


@dataclass(frozen=True)
class MatrixFile:
    """A matrix of shape (``rows``, ``columns``) in single precision, which lives as long as its folder.

    Numbers are read into memory piece by piece; a mapped file would count as the process's own memory.
    """

    path: Path
    rows: int
    columns: int

    def pieces(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield the rows in their order, a piece at a time, each with the slice that it is."""
        height = max(_CELLS // max(self.columns, 1), 1)
        with self.path.open("rb") as stream:
            for first in range(0, self.rows, height):
                many = min(height, self.rows - first)
                piece = np.fromfile(stream, dtype=np.float32, count=many * self.columns)
                yield slice(first, first + many), piece.reshape(many, self.columns)

    def times(self, coefficients: Floats) -> Floats:
        """Return the product with `coefficients`, shape (rows,)."""
        product = np.empty(self.rows)
        for part, matrix in self.pieces():
            product[part] = matrix.astype(np.float64) @ coefficients
        return product

    def in_order(self, order: NDArray[np.intp], path: Path) -> "MatrixFile":
        """Write the rows anew, as `order` lists them, in memory bounded as ever: first in buckets, then each sorted.

        Parameters
        ----------
        order
            Shape (rows,): the positions of the rows in the new matrix's order.
        path
            Of the new file; buckets are made beside it, and removed.
        """
        rank = np.empty(self.rows, dtype=np.int64)
        rank[order] = np.arange(self.rows)
        height = max(_CELLS // max(self.columns, 1), 1)
        buckets = [path.with_suffix(f".{number}") for number in range(-(-self.rows // height))]
        streams = [bucket.open("wb") for bucket in buckets]
        try:
            for part, matrix in self.pieces():
                _scatter(streams, rank[part], matrix, height=height)
        finally:
            for stream in streams:
                stream.close()
        with path.open("wb") as whole:
            for bucket in buckets:
                kind = np.dtype([("rank", np.int64), ("row", np.float32, (self.columns,))])
                content = np.fromfile(bucket, dtype=kind)
                content["row"][np.argsort(content["rank"])].tofile(whole)
                bucket.unlink()
        return MatrixFile(path, self.rows, self.columns)


@dataclass(frozen=True)
class Bent:
    """A matrix whose columns ``curves`` count ``curvature`` times, so that a ridge holds splines to straight lines."""

    matrix: MatrixFile
    curves: slice
    curvature: float

    @property
    def columns(self) -> int:
        """How many columns it has."""
        return self.matrix.columns

    def pieces(self) -> Iterator[tuple[slice, Floats]]:
        """Yield the rows in their order, a piece at a time, each with the slice that it is."""
        for part, single in self.matrix.pieces():
            piece = single.astype(np.float64)
            piece[:, self.curves] *= self.curvature
            yield part, piece

    def times(self, coefficients: Floats) -> Floats:
        """Return the product with `coefficients`, shape (rows,)."""
        return self.matrix.times(self.unbent(coefficients))

    def unbent(self, coefficients: Floats) -> Floats:
        """Return the coefficients of ``matrix`` that mean the same as these of this one."""
        straight = np.array(coefficients, dtype=np.float64)
        straight[self.curves] *= self.curvature
        return straight


def _scatter(streams: Sequence[BinaryIO], rank: NDArray[np.int64], matrix: NDArray[np.float32], *, height: int) -> None:
    """Append each row, with its rank, to the bucket that the rank falls into."""
    kind = np.dtype([("rank", np.int64), ("row", np.float32, (matrix.shape[1],))])
    content = np.empty(len(rank), dtype=kind)
    order = np.argsort(rank // height, kind="stable")
    content["rank"], content["row"] = rank[order], matrix[order]
    ends = np.searchsorted(content["rank"] // height, np.arange(len(streams) + 1))
    for stream, first, end in zip(streams, ends, ends[1:], strict=False):
        content[first:end].tofile(stream)


def write_matrix(path: Path, pieces: Iterator[Floats], *, columns: int) -> MatrixFile:
    """Write a matrix to `path`, from `pieces` of shape (any, columns), and return it."""
    rows = 0
    with path.open("wb") as stream:
        for piece in pieces:
            np.ascontiguousarray(piece, dtype=np.float32).tofile(stream)
            rows += len(piece)
    return MatrixFile(path, rows, columns)
