"""Statistics of predicted effects against doubly robust scores, in every resample at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["Ranking", "moments", "ranked", "toc"]


@dataclass(frozen=True)
class Ranking:
    """Patients from the highest prediction to the lowest.

    Parameters
    ----------
    order
        Shape (n,): their positions.
    starts
        Where each run of equal predictions begins in that order.
    """

    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, prediction: Floats) -> "Ranking":
        """Rank patients by their prediction, shape (n,)."""
        order = np.argsort(-prediction, kind="stable")
        sorted_values = prediction[order]
        return cls(order, np.flatnonzero(np.append(True, sorted_values[1:] != sorted_values[:-1])))

    @property
    def ranks_nobody(self) -> bool:
        """Whether the same is predicted for everybody."""
        return len(self.starts) == 1


def ranked(ranking: Ranking, scores: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """Return AUTOC and Qini coefficient in each resample, each (b,).

    With the targeting operator characteristic TOC(q), the mean score of the share q that is ranked highest minus the
    mean of all, AUTOC is its mean over q, and Qini that of q × TOC(q) (Yadlowsky et al., J Am Stat Assoc 2025;120:38).
    Patients with equal predictions count with the mean score of all of them, as if in every order.

    Parameters
    ----------
    scores
        Shape (n,): doubly robust scores.
    draws
        Shape (b, n): how often each patient is in each resample; one row of ones for the patients as they are.
    """
    share, curve = toc(ranking, scores, draws)
    weights = draws[:, ranking.order] / draws.sum(axis=1, keepdims=True)
    return (weights * curve).sum(axis=1), (weights * share * curve).sum(axis=1)


def toc(ranking: Ranking, scores: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """Return the shares treated and the targeting operator characteristic at each of them, each (b, n)."""
    weights = draws[:, ranking.order]
    summed = weights * scores[ranking.order]
    if len(ranking.starts) < len(ranking.order):
        summed = weights * _mean_of_runs(summed, weights, ranking.starts)
    size, total = weights.cumsum(axis=1), summed.cumsum(axis=1)
    curve = total / np.maximum(size, 1) - total[:, -1:] / size[:, -1:]
    return size / size[:, -1:], np.where(size > 0, curve, 0.0)


def _mean_of_runs(summed: Floats, weights: Floats, starts: NDArray[np.intp]) -> Floats:
    lengths = np.diff(np.append(starts, summed.shape[1]))
    counts = np.add.reduceat(weights, starts, axis=1)
    means = np.add.reduceat(summed, starts, axis=1) / np.maximum(counts, 1e-300)
    return np.repeat(means, lengths, axis=1)


def moments(columns: Floats, draws: Floats) -> Floats:
    """Return the means of `columns`, shape (n, k), in each resample, shape (b, k): one matrix product for all."""
    return np.asarray(draws @ columns / draws.sum(axis=1, keepdims=True))
