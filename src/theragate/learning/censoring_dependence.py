"""Whether being lost to follow-up has to do with the features: a score test of each."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from theragate.cohorts.outcomes import Censored, Outcome, Treated, censored_part
from theragate.learning.censoring_model import as_losses
from theragate.learning.design_matrix import fit_design
from theragate.learning.features import Feature

__all__ = ["dependence"]

Floats = NDArray[np.float64]

_SINGULAR = 1e-9


def dependence(frame: pd.DataFrame, outcome: Outcome, schema: tuple[Feature, ...]) -> dict[str, float]:
    """Return each feature's p-value of the score test that losses before the horizon have nothing to do with it.

    The test is that of a Cox regression of the loss on the feature alone, at no effect: of a straight line and of
    whether the value is missing, or of all categories together, which is then the log-rank test (Cox, J R Stat Soc B
    1972;34:187). P-values are adjusted for the number of features (Holm, Scand J Stat 1979;6:65).

    Parameters
    ----------
    frame, outcome, schema
        The patients, as `as_features` gives them; what happened to them; the features. Where treatments are compared,
        losses are compared within arms.

    Returns
    -------
    Feature -> adjusted p-value; empty where nobody was lost before a horizon.
    """
    censored = censored_part(outcome)
    if censored is None or not (lost := as_losses(censored)).event.any():
        return {}
    design = fit_design("linear", frame, schema)
    matrix, sources = design.matrix(frame), design.sources(schema)
    within = outcome.treated if isinstance(outcome, Treated) else np.zeros(len(frame), dtype=np.bool_)
    rows = [np.flatnonzero(within == arm) for arm in np.unique(within)]
    found = [
        _p_value([_score(lost.take(part), matrix[np.ix_(part, np.flatnonzero(sources == at))]) for part in rows])
        for at in range(len(schema))
    ]
    return dict(zip((feature.name for feature in schema), _holm(np.array(found)), strict=True))


def _score(lost: Censored, columns: Floats) -> tuple[Floats, Floats]:
    """Return the score at no effect, shape (k,), and its information, shape (k, k)."""
    order = np.argsort(-lost.time, kind="stable")
    time, x = lost.time[order], columns[order]
    gone = np.flatnonzero(lost.event[order])
    last = (np.searchsorted(-time, -time, side="right") - 1)[gone]
    mean = np.cumsum(x, axis=0)[last] / (last + 1)[:, None]
    # Every patient counts in the risk set of each loss up to the own time.
    share = np.bincount(last, weights=1 / (last + 1), minlength=len(x))
    together = np.cumsum(share[::-1])[::-1]
    return (x[gone] - mean).sum(axis=0), (x * together[:, None]).T @ x - mean.T @ mean


def _p_value(parts: list[tuple[Floats, Floats]]) -> float:
    score, information = np.sum([part[0] for part in parts], axis=0), np.sum([part[1] for part in parts], axis=0)
    size, directions = np.linalg.eigh(information)
    kept = size > _SINGULAR * max(float(size.max(initial=0.0)), 1.0)
    if not kept.any():
        return 1.0
    statistic = float((((directions.T @ score)[kept]) ** 2 / size[kept]).sum())
    return float(chi2.sf(statistic, int(kept.sum())))


def _holm(p: Floats) -> list[float]:
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return [float(value) for value in adjusted]
