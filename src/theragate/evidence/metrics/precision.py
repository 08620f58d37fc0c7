"""What a ranking finds, level by level: average precision and the ROC curve, in every resample."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.sampling.pools import Cells

__all__ = ["Levels"]


class Levels:
    """Patients from the highest risk to the lowest; those of one risk (or of one interval of risks) count together.

    Parameters
    ----------
    risk, event
        Shape (n,).
    order
        Shape (n,): the order that sorts the risks.
    cells
        The cells that are drawn, if not patients. No cell has patients with and without the event.
    """

    def __init__(
        self, risk: Floats, event: NDArray[np.bool_], *, order: NDArray[np.intp], cells: Cells | None = None
    ) -> None:
        falling = order[::-1]
        ordered = risk[falling]
        level = np.zeros(len(risk), dtype=np.intp)
        level[falling[1:]] = np.cumsum(ordered[1:] != ordered[:-1])
        happened = event.astype(np.float64)
        found, everybody = (
            np.cumsum(np.bincount(level, weights=w).astype(np.float64))[None] for w in (happened, np.ones_like(risk))
        )
        self.average_precision = float(_average_precision(found, everybody)[0])
        """Of the patients as they are."""
        if cells is not None:
            _, rising = np.unique(cells.level, return_inverse=True)
            level = rising.max() - rising
            happened = cells.average([happened])[:, 0]
        self._levels = int(level.max()) + 1
        self._adds: NDArray[np.bool_] = np.bincount(level, weights=happened, minlength=self._levels) > 0
        # Where no two units are of one risk, each is a level of its own: to put them in order is all there is to do.
        self._matrix = _added_up(level, happened) if self._levels < len(level) else None
        self._order = np.argsort(level, kind="stable")
        self._happened = happened[self._order]

    def values(self, draws: Floats) -> Floats:
        """Return the average precision for draws of shape (b, units); NaN where no event was drawn.

        It is the precision at each level, weighted by the sensitivity that the level adds. A level without an event
        adds none.
        """
        found, everybody = self._cumulative(draws)
        if not self._adds.any():
            return np.full(len(draws), np.nan)
        return _average_precision(found[:, self._adds], everybody[:, self._adds])

    def sensitivities(self, draws: Floats, grid: Floats) -> Floats:
        """Return the sensitivity at each of `grid` of one minus specificity, shape (b, grid).

        Resamples without an event, or without a patient free of it, are left out.
        """
        found, everybody = self._cumulative(draws)
        false = everybody - found
        usable = (found[:, -1] > 0) & (false[:, -1] > 0)
        curves = [
            np.interp(grid, np.append(0, f / f[-1]), np.append(0, t / t[-1]))
            for t, f in zip(found[usable], false[usable], strict=True)
        ]
        return np.stack(curves) if curves else np.zeros((0, len(grid)))

    def _cumulative(self, draws: Floats) -> tuple[Floats, Floats]:
        """Return the events, and everybody, down to each level, shape (b, levels) both."""
        if self._matrix is None:
            everybody = np.take(draws, self._order, axis=1)
            return np.cumsum(everybody * self._happened, axis=1), np.cumsum(everybody, axis=1)
        sums = np.ascontiguousarray(np.asarray(self._matrix @ draws.T).T)
        return np.cumsum(sums[:, : self._levels], axis=1), np.cumsum(sums[:, self._levels :], axis=1)


def _average_precision(found: Floats, everybody: Floats) -> Floats:
    precision = ratio(found, everybody)
    gained = np.diff(found, axis=1, prepend=0)
    # Until somebody is drawn there is no precision, and nothing gained either.
    return ratio((gained * np.nan_to_num(precision)).sum(axis=1), found[:, -1])


def _added_up(level: NDArray[np.intp], happened: Floats) -> sparse.csr_array:
    """Return what adds up the events, then everybody, of each level, shape (2 * levels, units)."""
    units, shape = np.arange(len(level)), (int(level.max()) + 1, len(level))
    parts = [sparse.csr_array((weight, (level, units)), shape=shape) for weight in (happened, np.ones(len(level)))]
    return sparse.csr_array(sparse.vstack(parts, format="csr"))
