"""What estimates of several places say together: their mean, how much the places differ, and what a new one may show."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2
from scipy.stats import t as student

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["FEWEST_PLACES", "Pooled", "pooled"]

FEWEST_PLACES = 3  # for a mean; an interval for a new place needs one more degree of freedom
_LARGEST = 1e8  # of a variance between places, in units of the largest within


class Pooled(NamedTuple):
    """A random-effects summary on the scale of the estimates.

    ``variance`` is tau², that between places, with its limits; ``lower`` and ``upper`` are those of the mean;
    ``low_new`` and ``high_new`` hold what a new place would show in 95 of 100 cases.
    """

    mean: float
    error: float
    lower: float
    upper: float
    variance: float
    variance_lower: float
    variance_upper: float
    low_new: float
    high_new: float


def pooled(values: Floats, errors: Floats) -> Pooled:
    """Pool estimates, shape (k,) with k >= 3, by their standard errors, all above 0.

    The variance between places is Paule and Mandel's (J Res Natl Bur Stand 1982;87:377), at which the weighted squares
    about the mean equal their degrees of freedom; its limits are those of the Q profile (Viechtbauer, Stat Med
    2007;26:37). The mean has the limits of Hartung and Knapp (Stat Med 2001;20:3875) with t of k - 1 degrees of freedom,
    never narrower than those of the weights alone (Rover, Knapp, Friede, BMC Med Res Methodol 2015;15:99). A new place
    lies within t of k - 2 degrees of freedom times the root of tau² and the mean's squared error (Higgins, Thompson,
    Spiegelhalter, J R Stat Soc A 2009;172:137; Riley et al., BMJ 2016;353:i3140).

    Raises
    ------
    ValueError
        If there are fewer than three estimates.
    """
    count = len(values)
    if count < FEWEST_PLACES:
        raise ValueError(f"a summary needs {FEWEST_PLACES} places")
    within = errors**2
    variance = _profile(values, within, float(count - 1))
    weight = 1 / (within + variance)
    mean = float(weight @ values / weight.sum())
    spread = float(weight @ (values - mean) ** 2) / (count - 1)
    error = float(np.sqrt(max(spread, 1.0) / weight.sum()))
    half = float(student.ppf(0.975, count - 1)) * error
    new = float(student.ppf(0.975, count - 2)) * float(np.sqrt(variance + error**2))
    low, high = (_profile(values, within, float(chi2.ppf(level, count - 1))) for level in (0.975, 0.025))
    return Pooled(mean, error, mean - half, mean + half, variance, low, high, mean - new, mean + new)


def _profile(values: Floats, within: Floats, aim: float) -> float:
    """Return the variance between places at which the weighted squares about the mean are `aim`; 0 if there is none."""

    def beyond(variance: float) -> float:
        weight = 1 / (within + variance)
        mean = weight @ values / weight.sum()
        return float(weight @ (values - mean) ** 2) - aim

    if beyond(0.0) <= 0:
        return 0.0
    most = float(within.max() + np.ptp(values) ** 2)
    while beyond(most) > 0 and most < _LARGEST * (1 + float(within.max())):
        most *= 4
    return float(brentq(beyond, 0.0, most, xtol=1e-12 * most))
