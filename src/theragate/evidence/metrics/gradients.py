"""How metrics move with the sums that they are made of: their influence functions, by central differences."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["gradients"]

_STEP = 1e-5


def gradients(
    metrics: Callable[[Floats], Mapping[str, Floats]], sums: Floats, *, scales: Floats, names: Sequence[str]
) -> dict[str, Floats]:
    """Differentiate functions of sums over patients.

    A metric that is a smooth function of sums moves, to first order, by the product of its gradient with what one
    patient adds to them; the sum of the squares of these influence values is its variance (the infinitesimal
    jackknife: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, section 6.3).

    Parameters
    ----------
    metrics
        Takes sums of shape (b, k) and returns, by name, values of shape (b,).
    sums
        Shape (k,), at which to differentiate.
    scales
        Shape (k,): the order of what one patient adds to each; 0 where it is always nothing.
    names
        Which metrics.

    Returns
    -------
    By name, gradients of shape (k,); NaN where a metric is not defined close by.
    """
    step = _STEP * np.diag(scales)
    found = metrics(np.concatenate([sums + step, sums - step]))
    size, width = len(sums), 2 * _STEP * scales
    return {
        name: np.divide(found[name][:size] - found[name][size:], width, out=np.zeros_like(width), where=width > 0)
        for name in names
    }
