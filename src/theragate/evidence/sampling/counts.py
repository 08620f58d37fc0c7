"""What depends on counts alone: rates at thresholds, resampled as cell counts at a cost that does not grow with rows.

How many patients of each kind a resample of patients holds is multinomial. So the counts themselves are drawn, which
gives exactly the distribution that drawing patients one by one would give (Efron, Tibshirani, An Introduction to the
Bootstrap, 1993, section 5.2). A cell is a kind of patients (an atom: everybody with the same labels), the interval
between two thresholds in which the risk lies, and whether the event happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.net_benefit import NetBenefit, net_benefit

__all__ = ["Confusion", "confusion", "count", "draw_counts"]

Counts = NDArray[np.int64]


def count(
    risk: Floats, event: NDArray[np.bool_], atoms: NDArray[np.intp], *, kinds: int, thresholds: Sequence[float]
) -> Counts:
    """Count the patients of each cell, in one pass.

    Parameters
    ----------
    risk, event, atoms
        Shape (n,); `atoms` are codes from 0 to `kinds` - 1.
    thresholds
        Ascending; who is at or above one reaches it.

    Returns
    -------
    Shape (kinds, thresholds + 1, 2): by atom, by the number of thresholds reached, without and with the event.
    """
    reached = np.zeros(len(risk), dtype=np.intp)
    for threshold in thresholds:
        reached += risk >= threshold
    intervals = len(thresholds) + 1
    cell = (atoms * intervals + reached) * 2 + event
    return np.bincount(cell, minlength=kinds * intervals * 2).reshape(kinds, intervals, 2)


def draw_counts(counts: Counts, *, resamples: int, seed: int | Sequence[int]) -> Counts:
    """Draw the counts of so many resamples, all cells jointly; shape (b, *counts.shape).

    Each resample has as many patients as were counted. The same seed gives the same draws.
    """
    occupied = np.flatnonzero(counts)
    sizes = counts.ravel()[occupied]
    total = int(sizes.sum())
    drawn = np.zeros((resamples, counts.size), dtype=np.int64)
    if total:
        generator = np.random.Generator(np.random.PCG64(seed))
        drawn[:, occupied] = generator.multinomial(total, sizes / total, size=resamples)
    return drawn.reshape(resamples, *counts.shape)


@dataclass(frozen=True)
class Confusion:
    """Who was found and who was not, at each threshold.

    Parameters
    ----------
    true_positives, false_positives
        Shape (..., thresholds).
    events, free
        Shape (..., 1): how many patients had the event, and had not.
    """

    true_positives: Floats
    false_positives: Floats
    events: Floats
    free: Floats

    def at(self, index: int) -> "Confusion":
        """Return the counts at one threshold, each of shape (...)."""
        return Confusion(
            self.true_positives[..., index], self.false_positives[..., index], self.events[..., 0], self.free[..., 0]
        )

    def only(self, index: int) -> "Confusion":
        """Return the counts at one threshold, as all there are."""
        chosen = slice(index, index + 1)
        return Confusion(self.true_positives[..., chosen], self.false_positives[..., chosen], self.events, self.free)

    def rates(self) -> dict[str, Floats]:
        """Return sensitivity, specificity, positive predictive value, selection rate and accuracy.

        NaN where nobody stands in the denominator.
        """
        everybody, selected = self.events + self.free, self.true_positives + self.false_positives
        correct = self.true_positives + self.free - self.false_positives
        return {
            "sensitivity": ratio(self.true_positives, self.events),
            "specificity": ratio(self.free - self.false_positives, self.free),
            "positive_predictive_value": ratio(self.true_positives, selected),
            "selection_rate": ratio(selected, everybody),
            "accuracy": ratio(correct, everybody),
        }

    def denominators(self) -> dict[str, Floats]:
        """Return the number of patients behind each of the rates."""
        everybody = self.events + self.free
        return {
            "sensitivity": self.events,
            "specificity": self.free,
            "positive_predictive_value": self.true_positives + self.false_positives,
            "selection_rate": everybody,
            "accuracy": everybody,
        }

    def net_benefit(self, threshold: float | Floats) -> NetBenefit:
        """Return the net benefit at one threshold (see `at`), or at each of all."""
        everybody = self.events + self.free
        return net_benefit(
            true_positives=ratio(self.true_positives, everybody),
            selected=ratio(self.true_positives + self.false_positives, everybody),
            events=ratio(self.events, everybody),
            threshold=threshold,
        )


def confusion(counts: Counts, members: NDArray[np.bool_] | None = None) -> Confusion:
    """Add up cells.

    Parameters
    ----------
    counts
        Shape (..., kinds, thresholds + 1, 2), as from `count` or `draw_counts`.
    members
        Shape (groups, kinds): which atoms belong to each group, which may overlap. Without it each atom is a group.

    Returns
    -------
    Counts of shape (..., groups, thresholds).
    """
    cells = counts.astype(np.float64)
    if members is not None:
        flat = cells.reshape(*cells.shape[:-2], -1)
        cells = (members.astype(np.float64) @ flat).reshape(*cells.shape[:-3], len(members), *cells.shape[-2:])
    # Who reaches a threshold reaches all lower ones.
    above = np.cumsum(cells[..., ::-1, :], axis=-2)[..., ::-1, :]
    return Confusion(above[..., 1:, 1], above[..., 1:, 0], above[..., :1, 1], above[..., :1, 0])
