"""Proportions: Wilson's limits (JASA 1927;22:209), which hold at 0 and 1 too."""

import math

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.intervals.usable import usable
from theragate.evidence.types import Z95, Estimate

__all__ = ["proportion", "wilson"]


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95% limits of a proportion of `size` patients; `size` need not be whole."""
    shrink = 1 + Z95**2 / size
    centre = (share + Z95**2 / (2 * size)) / shrink
    half = Z95 / shrink * math.sqrt(share * (1 - share) / size + Z95**2 / (4 * size**2))
    lower, upper = max(0.0, centre - half), min(1.0, centre + half)
    return (0.0 if share == 0 else lower), (1.0 if share == 1 else upper)


def proportion(value: float, replicates: Floats, *, denominator: float, counted: bool, reach: float = 1.0) -> Estimate:
    """Return a proportion with Wilson's limits.

    Parameters
    ----------
    value
        In [0, 1], but for rounding.
    replicates
        Shape (b,): its values in the resamples.
    denominator
        The number of patients behind it.
    counted
        Whether that is a count; else the limits are those of as many patients as would give the spread of `replicates`.
    reach
        By how much limits are farther because few clusters were drawn (Korn, Graubard, Surv Methodol 1998;24:193).
    """
    value = min(max(value, 0.0), 1.0)
    value = round(value) if min(value, 1 - value) < 1e-12 else value
    size = denominator
    if not counted and 0 < value < 1:
        spread = usable(replicates)
        variance = 0.0 if spread is None else float(spread.var(ddof=1))
        size = value * (1 - value) / variance if variance > 0 else denominator
    size /= reach**2
    lower, upper = wilson(value, size)
    se = 1 / math.sqrt(size * value * (1 - value)) if 0 < value < 1 else None
    return Estimate(value=value, lower=lower, upper=upper, se=se, scale="logit", method="Wilson")
