"""Named sums: the columns of one matrix of sums over patients, taken by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["Layout", "NamedSums", "RiskSums"]


class Layout:
    """Where columns, and blocks of several, lie in a matrix, in the order in which they are added."""

    def __init__(self) -> None:
        self.width = 0
        self._slices: dict[str, slice] = {}
        self._blocks: set[str] = set()

    def __contains__(self, name: object) -> bool:
        """Whether there is a column or block of this name."""
        return name in self._slices

    def column(self, name: str) -> None:
        """Add one column."""
        self._append(name, 1)

    def block(self, name: str, width: int) -> None:
        """Add a block of `width` columns."""
        self._append(name, width)
        self._blocks.add(name)

    def recorded(self, columns: Iterator[tuple[str, Floats]]) -> Iterator[Floats]:
        """Add each named column as it passes, and yield its values."""
        for name, values in columns:
            self.column(name)
            yield values

    def slice(self, name: str) -> slice:
        """Return where a column or block lies."""
        return self._slices[name]

    def of(self, matrix: Floats, name: str) -> Floats:
        """Return a column, shape (b,), or a block, shape (b, width), of a matrix of shape (b, k): a view."""
        place = self._slices[name]
        return matrix[:, place] if name in self._blocks else matrix[:, place.start]

    def _append(self, name: str, width: int) -> None:
        if name in self._slices:
            raise ValueError(f"{name!r} is added twice; each column has a name of its own")
        self._slices[name] = slice(self.width, self.width + width)
        self.width += width


@dataclass(frozen=True)
class NamedSums:
    """Sums over patients in some resamples.

    Parameters
    ----------
    matrix
        Shape (b, k): one row for each resample.
    layout
        Where each of the sums lies in it.
    """

    matrix: Floats
    layout: Layout

    def __getitem__(self, name: str) -> Floats:
        """Return a sum, shape (b,), or a block of sums, shape (b, width)."""
        return self.layout.of(self.matrix, name)

    def __contains__(self, name: object) -> bool:
        """Whether the sum is known for these patients."""
        return name in self.layout

    def columns(self, names: Sequence[str]) -> Floats:
        """Return several sums side by side, shape (b, names)."""
        return np.stack([self[name] for name in names], axis=1)


@dataclass(frozen=True)
class RiskSums(NamedSums):
    """Sums of predicted risks and of what happened, with what is fixed for all resamples.

    Parameters
    ----------
    threshold
        The clinical one; NaN where decisions are not added up here.
    shift
        The fitted calibration in the large; NaN where it is not fitted.
    slopes
        Returns the calibration slopes, shape (b,), from the sums `recalibration`, side by side.
    recalibration
        The names of these sums.
    hazard_slope
        The fitted slope of a Cox regression; NaN where it is not fitted.
    points, observed, observed_finely
        Predicted risks, shape (points,), and the observed risks there, shape (b, points): smoothed, and hardly.
    """

    threshold: float
    shift: float
    slopes: Callable[[Floats], Floats]
    recalibration: tuple[str, ...]
    hazard_slope: float
    points: Floats
    observed: Callable[[Floats], Floats]
    observed_finely: Callable[[Floats], Floats]
