"""Parts of the patients that never split a cluster, each as like the whole as its clusters allow."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["cluster_parts"]

_ORDERS, _STEPS = 8, 40_000  # orders tried, and clusters placed in all of them together
_SHUFFLE = 0.5  # standard deviation of the log sizes' noise: large clusters come early, and never in one order


def cluster_parts(
    clusters: NDArray[np.intp], strata: NDArray[np.intp], shares: Sequence[float], *, seed: int
) -> NDArray[np.intp]:
    """Share the clusters out between parts, stratified by the outcome; the same seed gives the same parts.

    Clusters are placed one after the other, large ones first by and large, each in the part that it brings nearest to
    its share of every stratum; of some such orders the best is taken. (scikit-learn's ``StratifiedGroupKFold`` places
    clusters of different sizes in one order whatever the seed, so that all repeats would be one.)

    Parameters
    ----------
    clusters, strata
        Shape (n,): labels of the patients' clusters, and within which of them the parts are balanced.
    shares
        The share of the patients that each part is to have; with as many clusters as parts of one share, none is empty.
    seed
        Of the orders.

    Returns
    -------
    The number of each patient's part, shape (n,).
    """
    names, cluster = np.unique(clusters, return_inverse=True)
    labels, stratum = np.unique(strata, return_inverse=True)
    table = np.bincount(cluster * len(labels) + stratum, minlength=len(names) * len(labels))
    counts = table.reshape(len(names), len(labels)).astype(np.float64)
    # A patient too many weighs the more the rarer the stratum; the whole size is one stratum more.
    counts = np.column_stack([counts, counts.sum(axis=1)])
    counts /= np.sqrt(counts.sum(axis=0))
    targets = np.outer(shares, counts.sum(axis=0))
    generator = np.random.default_rng(seed)
    size = np.log(counts[:, -1])
    placed, least = np.zeros(len(names), dtype=np.intp), np.inf
    for _ in range(max(1, min(_ORDERS, _STEPS // len(names)))):
        order = np.argsort(-(size + _SHUFFLE * generator.standard_normal(len(names))), kind="stable")
        parts, misfit = _placed(counts, targets, order)
        if misfit < least:
            placed, least = parts, misfit
    return placed[cluster]


def _placed(
    counts: NDArray[np.float64], targets: NDArray[np.float64], order: NDArray[np.intp]
) -> tuple[NDArray[np.intp], float]:
    """Place the clusters in an order; return the part of each, and how far all parts are from their targets."""
    parts, missing = np.zeros(len(counts), dtype=np.intp), targets.copy()
    for index in order:
        part = int(np.argmax((missing @ counts[index]) / targets[:, -1]))
        parts[index] = part
        missing[part] -= counts[index]
    return parts, float(((missing**2).sum(axis=1) / targets[:, -1]).sum())
