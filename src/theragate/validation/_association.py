"""How well one column tells the outcome, with intervals that stay honest for a perfect score in few patients.

Every function gives the same answer for the same patients in any order.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from theragate.evidence.types import Z95

__all__ = ["Association", "agreement", "auroc", "concordance", "explained", "rank_correlation", "wilson"]

Numbers = NDArray[Any]
AT_ONCE = 300_000  # comparisons of pairs that are held in memory together


class Association(NamedTuple):
    """A statistic with its two-sided 95% limits."""

    estimate: float
    lower: float
    upper: float


def auroc(score: Numbers, event: Numbers) -> Association | None:
    """Area under the ROC curve of `score` (n,) for `event` (n,) bool, in the better of both directions.

    None if only one class occurs. The limits are those of Newcombe (Stat Med 2006;25:559,
    method 5), which need no variance between patients.
    """
    events, others = int(event.sum()), int((~event).sum())
    if not events or not others:
        return None
    if score.dtype == bool:
        both, other = int((score & event).sum()), int((score & ~event).sum())
        won = both * (others - other) + (both * other + (events - both) * (others - other)) / 2
    else:
        won = rankdata(score)[event].sum() - events * (events + 1) / 2
    area = won / (events * others)
    return _limits(max(area, 1 - area), events, others)


def concordance(score: NDArray[np.intp], time: Numbers, event: Numbers) -> Association | None:
    """Harrell's concordance of integer scores (n,), in the better of both directions; None without a comparable pair.

    A pair is comparable if the shorter time ends with an event; equal scores count one half (Harrell, Stat Med
    1996;15:361). The limits are those of an AUROC between patients with and without the event, which is cautious.
    All comparisons are made at once where there are few; else it takes n steps per distinct score.
    """
    n, events = len(score), int(event.sum())
    order = np.lexsort((~event, time))
    score, time, event = score[order], time[order], event[order]
    happened = time[event]
    same_time = np.searchsorted(happened, happened, "right") - np.searchsorted(happened, happened, "left")
    start = np.searchsorted(time, happened, "left") + same_time  # the first patient known to have lived longer
    pairs = int((n - start).sum())
    if not pairs:
        return None
    won = _won_at_once(score, event, start) if events * n <= AT_ONCE else _won_by_score(score, event, start)
    return _limits(max(won / pairs, 1 - won / pairs), events, max(n - events, events))


def _won_at_once(score: NDArray[np.intp], event: Numbers, start: NDArray[np.intp]) -> float:
    """Count the pairs that are in order, equal scores by half, from all comparisons."""
    later = np.arange(len(score)) >= start[:, np.newaxis]
    mine = score[event][:, np.newaxis]
    return float(((score < mine) & later).sum() + ((score == mine) & later).sum() / 2)


def _won_by_score(score: NDArray[np.intp], event: Numbers, start: NDArray[np.intp]) -> float:
    """Count the same, one distinct score after the other."""
    won, below = 0.0, np.zeros(len(score) + 1)
    for value in np.unique(score):
        later = np.append(np.cumsum((score == value)[::-1])[::-1], 0)
        mine = start[score[event] == value]
        won += float((below[mine] + later[mine] / 2).sum())
        below += later
    return won


def explained(level: NDArray[np.intp], value: NDArray[np.float64]) -> Association | None:
    """R² of predicting each patient by the mean of the others in the same level; None if the value does not vary.

    Leaving oneself out is cross-fitting without folds. Limits: delta method. A patient alone in a level is
    predicted by the mean of all others.
    """
    n = len(value)
    total = np.bincount(level, weights=value)
    count = np.bincount(level)
    alone = count[level] == 1
    others = np.where(alone, value.sum() - value, total[level] - value) / np.where(alone, n - 1, count[level] - 1)
    error, spread = (value - others) ** 2, (value - value.mean()) ** 2
    if not spread.any():
        return None
    share = 1 - error.sum() / spread.sum()
    half = Z95 * float(np.std((error - (1 - share) * spread) / spread.mean(), ddof=1)) / np.sqrt(n)
    return Association(float(share), float(share - half), float(min(share + half, 1.0)))


def agreement(level: NDArray[np.intp], event: Numbers) -> Association | None:
    """Cohen's kappa between `event` and the commoner class of each patient's level; None if either does not vary.

    The limits are Wilson's for the observed agreement, with the agreement by chance held fixed.
    """
    n = len(event)
    said = (np.bincount(level, weights=event) * 2 > np.bincount(level))[level]
    if said.all() or not said.any() or event.all() or not event.any():
        return None
    chance = float(said.mean() * event.mean() + (1 - said.mean()) * (1 - event.mean()))
    observed = wilson(int((said == event).sum()), n)
    return Association(*((part - chance) / (1 - chance) for part in observed))


def rank_correlation(score: Numbers, value: Numbers) -> Association | None:
    """Absolute rank correlation of Spearman, limits on Fisher's scale; None if one of the two does not vary."""
    a, b = rankdata(score), rankdata(value)
    if len(a) < 5 or not np.ptp(a) or not np.ptp(b):
        return None
    r = min(abs(float(np.corrcoef(a, b)[0, 1])), 1.0)
    centre, half = np.arctanh(min(r, 1 - 1e-12)), Z95 / np.sqrt(len(a) - 3)
    return Association(r, float(np.tanh(centre - half)), float(np.tanh(centre + half)))


def wilson(count: int, n: int) -> Association:
    """Return the share `count` / `n` with Wilson's score limits (J Am Stat Assoc 1927;22:209)."""
    share, z2 = count / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Association(share, float(max(centre - half, 0.0)), float(min(centre + half, 1.0)))


def _limits(area: float, events: int, others: int) -> Association:
    return Association(area, _lower(area, events, others), 1 - _lower(1 - area, events, others))


def _lower(area: float, events: int, others: int) -> float:
    low, high, half = 0.0, area, (events + others) / 2 - 1
    for _ in range(50):  # bisection to beyond double precision
        trial = (low + high) / 2
        spread = 1 + half * ((1 - trial) / (2 - trial) + trial / (1 + trial))
        error = np.sqrt(trial * (1 - trial) * spread / (events * others))
        low, high = (trial, high) if area - trial > Z95 * error else (low, trial)
    return low
