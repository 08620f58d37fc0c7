"""A sample of a large cohort, for what needs to see no more: the search, refits, and audits."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome

__all__ = ["sample_rows"]


def sample_rows(
    outcome: Outcome,
    rows: NDArray[np.intp],
    *,
    most: int,
    seed: int,
    clusters: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Return the positions of a random sample with the same shares of each stratum of the outcome.

    Parameters
    ----------
    outcome
        Of the whole cohort, n patients.
    rows
        Ascending positions, of whom the sample is drawn.
    most
        How many patients the sample has; where there are no more than that, all of them are taken.
    seed
        The same seed gives the same sample.
    clusters
        Shape (n,): the patients' clusters, which are taken whole, in random order, until the next would be one too
        many; so a sample of clusters is somewhat smaller, and its strata are balanced by chance alone.

    Returns
    -------
    Ascending positions; of every stratum of at least two patients some are among them.
    """
    if len(rows) <= most:
        return rows
    generator = np.random.default_rng(seed)
    if clusters is not None:
        return _whole_clusters(rows, clusters[rows], most=most, generator=generator)
    _labels, stratum, sizes = np.unique(outcome.take(rows).strata, return_inverse=True, return_counts=True)
    due = sizes * (most / len(rows))
    quotas = np.floor(due).astype(np.intp)
    quotas[np.argsort(quotas - due, kind="stable")[: most - quotas.sum()]] += 1
    quotas = np.maximum(quotas, np.minimum(sizes, 2))
    order = generator.permutation(len(rows))
    order = order[np.argsort(stratum[order], kind="stable")]
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    taken = np.concatenate([order[first : first + quota] for first, quota in zip(firsts, quotas, strict=True)])
    return np.sort(rows[taken])


def _whole_clusters(
    rows: NDArray[np.intp], clusters: NDArray[np.intp], *, most: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    names, cluster, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    order = generator.permutation(len(names))
    # At least two, of which folds can be made, however large they are.
    fitting = max(int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")), min(2, len(names)))
    return rows[np.isin(cluster, order[:fitting])]
