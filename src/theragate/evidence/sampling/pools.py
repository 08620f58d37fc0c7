"""What is drawn with replacement: patients, or cells of patients who are alike."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.sampling.draws import draw_cells, draws
from theragate.evidence.sampling.units import Units

__all__ = ["Cells", "Part", "Pool"]


@dataclass(frozen=True)
class Pool:
    """The units of a cohort.

    Parameters
    ----------
    unit
        Shape (n,): the number of each row's unit.
    sizes
        Shape (units,): the rows of each.
    level
        Shape (units,): for cells, the number of the interval of predictions in which they lie; None for patients.
    clustered
        Of patients whether they are clusters, which may be few.
    """

    unit: NDArray[np.intp]
    sizes: Floats
    level: NDArray[np.intp] | None = None
    clustered: bool = False

    @classmethod
    def of_units(cls, units: Units) -> "Pool":
        """Draw patients, or clusters, with all their rows."""
        sizes = np.bincount(units.of, minlength=units.count).astype(np.float64)
        return cls(units.of, sizes, clustered=units.clustered)

    @property
    def repeated(self) -> bool:
        """Whether a patient, or a cluster, has several rows."""
        return self.level is None and len(self.sizes) < len(self.unit)

    def draws(self, *, resamples: int, seed: int) -> Iterator[Floats]:
        """Yield how often each unit is drawn, in blocks of shape (b, units).

        Cells are drawn as numbers of rows, patients as often as each is drawn.
        """
        if self.level is None:
            count = len(self.sizes)
            size = max(count - 1, 1) if self.clustered else count
            yield from draws(count, resamples=resamples, seed=seed, size=size, rows=len(self.unit))
        else:
            yield from draw_cells(self.sizes, resamples=resamples, seed=seed)

    def part(self, rows: NDArray[np.intp]) -> "Part":
        """Take some rows of the cohort. Of cells, they take all rows or none."""
        if self.level is None:
            return Part(self.unit[rows], None)
        present = np.zeros(len(self.sizes), dtype=np.bool_)
        present[self.unit[rows]] = True
        units = np.flatnonzero(present)
        local = np.cumsum(present) - 1
        return Part(units, Cells(local[self.unit[rows]], self.sizes[units], self.level[units]))


@dataclass(frozen=True)
class Part:
    """The units of some rows; ``cells`` is None where each row stands for itself."""

    units: NDArray[np.intp]
    cells: "Cells | None"

    def take(self, block: Floats) -> Floats:
        """Return the draws of these units, shape (b, units), from those of all."""
        return block.T[self.units].T if self.cells else block[:, self.units]


@dataclass(frozen=True)
class Cells:
    """How some rows are shared out between cells.

    What is added up over patients is added up over cells, of which each counts with its mean. That is exact for the
    patients as they are; in resamples it leaves out how patients differ within a cell.

    Parameters
    ----------
    cell
        Shape (n,): the cell of each row.
    sizes
        Shape (cells,): their rows.
    level
        Shape (cells,): the number of the interval of predictions in which each lies, ascending with the predictions.
    """

    cell: NDArray[np.intp]
    sizes: Floats
    level: NDArray[np.intp]

    def average(self, columns: Iterable[Floats]) -> Floats:
        """Return the mean of each column, shape (n,), in each cell; shape (cells, columns)."""
        count = len(self.sizes)
        return (
            np.column_stack([np.bincount(self.cell, weights=column, minlength=count) for column in columns])
            / (self.sizes[:, None])
        )

    def shared_out(self, place: NDArray[np.intp], share: Floats, *, places: int) -> Floats:
        """Return how much each cell's mean row gives to each of so many places, shape (cells, places)."""
        count = len(self.sizes)
        table = np.bincount(self.cell * places + place, weights=share, minlength=count * places)
        return table.reshape(count, places) / self.sizes[:, None]
