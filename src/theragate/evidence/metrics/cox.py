"""Cox regression with standard errors: the check of a treatment's effect that owes nothing to the learners."""

import numpy as np
from numpy.typing import NDArray

from theragate.errors import EvidenceError
from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["cox_regression"]

_STEPS, _SMALL = 50, 1e-10


def cox_regression(time: Floats, event: NDArray[np.bool_], covariates: Floats) -> tuple[Floats, Floats]:
    """Return the log hazard ratios, shape (k,), and their covariance matrix, shape (k, k).

    Newton's method on the partial likelihood, with Efron's correction for ties (J Am Stat Assoc 1977;72:557); the
    covariance is the inverse of the observed information.

    Parameters
    ----------
    time, event
        Shape (n,).
    covariates
        Shape (n, k), finite; none is a combination of others.

    Raises
    ------
    EvidenceError
        If there is no event, or no finite solution.
    """
    if not event.any():
        raise _unsolved("no event")
    order = np.lexsort((~event, time))
    centred = (covariates - covariates.mean(axis=0))[order]
    groups = _tied(time[order], event[order])
    beta = np.zeros(centred.shape[1])
    likelihood, gradient, information = _derivatives(centred, groups, beta)
    for _ in range(_STEPS):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError as error:
            raise _unsolved("columns that repeat one another") from error
        size = 1.0
        while True:
            new = _derivatives(centred, groups, beta + size * step)
            if new[0] >= likelihood - _SMALL or size < 1e-6:
                break
            size /= 2
        beta = beta + size * step
        likelihood, gradient, information = new
        if np.abs(step).max() * size < _SMALL**0.5 and gradient @ step < _SMALL:
            break
    else:
        raise _unsolved("no convergence: a feature may separate those with the event from all others")
    return beta, np.asarray(np.linalg.inv(information), dtype=np.float64)


def _tied(time: Floats, event: NDArray[np.bool_]) -> list[tuple[int, NDArray[np.intp]]]:
    """Return for each time of an event the first patient still at risk, and those with the event."""
    places = np.flatnonzero(event)
    starts = np.searchsorted(time, time[places], side="left")
    return [(int(start), places[starts == start]) for start in np.unique(starts)]


def _derivatives(x: Floats, groups: list[tuple[int, NDArray[np.intp]]], beta: Floats) -> tuple[float, Floats, Floats]:
    score = np.clip(x @ beta, -500, 500)
    risk = np.exp(score)
    weighted = risk[:, None] * x
    # Sums over all who are still at risk: cumulative from the last patient to the first.
    s0 = np.cumsum(risk[::-1])[::-1]
    s1 = np.cumsum(weighted[::-1], axis=0)[::-1]
    s2 = np.cumsum((weighted[:, :, None] * x[:, None, :])[::-1], axis=0)[::-1]
    likelihood, gradient, information = 0.0, np.zeros(x.shape[1]), np.zeros((x.shape[1], x.shape[1]))
    for start, rows in groups:
        tied0, tied1 = risk[rows].sum(), weighted[rows].sum(axis=0)
        tied2 = weighted[rows].T @ x[rows]
        likelihood += float(score[rows].sum())
        gradient += x[rows].sum(axis=0)
        for number in range(len(rows)):
            part = number / len(rows)
            a0, a1, a2 = s0[start] - part * tied0, s1[start] - part * tied1, s2[start] - part * tied2
            mean = a1 / a0
            likelihood -= float(np.log(a0))
            gradient = gradient - mean
            information = information + a2 / a0 - np.outer(mean, mean)
    return likelihood, gradient, information


def _unsolved(received: str) -> EvidenceError:
    return EvidenceError(
        "Cox regression",
        rule="it has a finite solution",
        received=received,
        remedy="Drop the features that tell the outcome, or repeat one another.",
    )
