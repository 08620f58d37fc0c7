"""From a value and its spread over resamples (or patients) to an estimate with 95% limits.

Five ways; ``docs/statistics.md`` says how often they hold the truth, by simulation:

``normal``
    value ± t bootstrap standard errors on the metric's own scale. t is Student's quantile for as many degrees of
    freedom as there are events (or non-events, whichever are fewer; or patients), less one: what few events leave
    unknown of the standard error itself. Where a rare large error decides, the limit on its side reckons with more of
    the largest than were seen: a number of them that is Poisson with mean 1.
``proportion``
    Wilson's limits (JASA 1927;22:209), which hold at 0 and 1 too. With censoring, for the number of patients who
    would give the bootstrap's standard error.
``distance``
    For means of absolute distances, which sampling error makes too large, and resampling by as much again: there is no
    interval around them, only an upper limit. Their square is nearly noncentral chi-squared, with degrees of freedom
    and a scale that follow from how mean and variance of the square grow by resampling. The limit is taken for a curve
    that is hardly smoothed, since what a smoother takes for noise may be a wave: it is the distance with which so
    small a value would be found in 3 of 200 cohorts. With what even that curve smooths away, it is 1 of 20 at most.
``influence``
    For measures of ranking: DeLong's variance, or the infinitesimal jackknife's, on the logit scale, with t as above.
`intervals.net_benefit`
    For the net benefit over the better default: Wilson's limits of its parts, put together by square-and-add. A
    bootstrap sees no error where no patient with the event stays below the threshold, and is then sure of too much.

Where clusters are drawn, or influence values added up by cluster, t has the degrees of freedom of their effective
number, less one, in all five; with fewer than `FEWEST_CLUSTERS` of them there are no limits.

Limits are given inside a declared domain (`fewest`); outside it there is a value and no interval.
"""

import math

import numpy as np
from scipy.special import chdtr, chdtri, chndtrinc, ndtri, stdtrit

from theragate.evidence.catalogue import Metric
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.intervals.proportions import proportion
from theragate.evidence.intervals.usable import unstable, usable
from theragate.evidence.sampling.units import FEWEST_CLUSTERS
from theragate.evidence.types import Z95, Estimate, Scale, from_scale, to_scale
from theragate.study import TASKS

__all__ = ["FEWEST", "FEW_CLUSTERS", "between_groups", "few", "fewest", "on_scale", "paired", "ranking", "sampled"]

# The domain in which limits hold in 93 to 97 of 100 studies (docs/statistics.md): so many events and so many
# non-events, or so many patients where there are no events. Wilson's limits need no such number.
FEWEST = 10
_FEWEST_PATIENTS = 50
_DOMAIN = {"average_precision": 50, "rmse": 1000}  # larger ones, by metric

_RARELY, _LUCKY = 0.015, 0.16
_MANY = 1000.0  # beyond it noncentral chi-squared numbers are taken for normal ones

FEW_CLUSTERS = (
    f"fewer than {FEWEST_CLUSTERS} clusters with and without the event: how much clusters differ cannot be known"
)
_TOO_FEW = "too few patients, or too few with or without the event, for an interval"


def fewest(metric: Metric) -> int:
    """Return how many events and non-events (or patients, for a regression) limits of `metric` rest on at least."""
    if metric.interval == "proportion":
        return 0
    quantity = all(TASKS[task].predicts_quantity for task in metric.tasks)
    return _DOMAIN.get(metric.name, _FEWEST_PATIENTS if quantity else FEWEST)


def sampled(
    metric: Metric,
    value: float,
    replicates: Floats,
    *,
    enough: bool,
    denominator: float | None,
    counted: bool,
    rests_on: int | None = None,
    fine: tuple[float, Floats] | None = None,
    one_more: float | None = None,
    clusters: float | None = None,
) -> Estimate:
    """Return an estimate from its bootstrap replicates.

    Parameters
    ----------
    metric
        Its scale, bounds and way to an interval.
    value
        The finite point estimate.
    replicates
        Shape (b,): its values in the resamples; NaN where it is not defined.
    enough
        Whether there are enough patients of each kind for an interval.
    denominator
        The (effective) number of patients behind a proportion; None for other metrics.
    counted
        Whether that number is a count, so that no bootstrap is needed.
    rests_on
        The number of events or of non-events, whichever is smaller, or of patients for a regression; None where it
        is large.
    fine
        Of a mean distance: value and replicates for the curve that is hardly smoothed.
    one_more
        The value if the patient with the largest error came once more; None where no error can be that large.
    clusters
        The effective number of clusters that were drawn; None where patients were.
    """
    if clusters is not None and not enough:
        return Estimate(value=value, method="none", why=FEW_CLUSTERS)
    if metric.interval == "proportion" and denominator is not None:
        reach = 1.0 if clusters is None else few(None, clusters)
        return proportion(value, replicates, denominator=denominator, counted=counted, reach=reach)
    if not enough or (rests_on is not None and rests_on < fewest(metric)):
        return Estimate(value=value, method="none", why=_TOO_FEW)
    if metric.interval == "distance":
        reach = 1.0 if clusters is None else few(None, clusters)
        return _distance(value, replicates, fine=(value, replicates) if fine is None else fine, reach=reach)
    scaled = usable(on_scale(replicates, metric.scale))
    try:
        to_scale(value, metric.scale)
    except ValueError:
        return Estimate(value=value, method="none", why=f"at the end of its {metric.scale} scale, without an interval")
    if scaled is None:
        return unstable(value)
    se = float(scaled.std(ddof=1)) * few(rests_on, clusters)
    estimate = Estimate(value=value, se=se, scale=metric.scale, method="bootstrap")
    lower, upper = estimate.band(Z95) or (value, value)
    if one_more is not None and math.isfinite(one_more):
        beyond = _with_more(value, one_more, se=se, scale=metric.scale)
        lower, upper = min(lower, beyond), max(upper, beyond)
    low, high = metric.bounds
    lower, upper = lower if low is None else max(low, lower), upper if high is None else min(high, upper)
    return estimate.model_copy(
        update={"lower": lower, "upper": upper, "method": f"bootstrap, Student's t on the {metric.scale} scale"}
    )


def ranking(
    value: float, influence: Floats, *, fewer: int, method: str, clusters: float | None = None, enough: bool = True
) -> Estimate:
    """Return an estimate from influence values, by patient or by cluster, with `fewer` events or non-events.

    Where every pair is ranked right (or wrong), no variance can be estimated; the limit is then the value below
    which so many patients in a row would be ranked right less than 2.5% of the time.
    """
    if fewer < FEWEST or not enough:
        return Estimate(value=value, method="none", why=_TOO_FEW if clusters is None else FEW_CLUSTERS)
    if value in (0.0, 1.0):
        edge = 0.025 ** (1 / (fewer if clusters is None else min(fewer, clusters)))
        lower, upper = (edge, 1.0) if value > 0.5 else (0.0, 1 - edge)
        return Estimate(value=value, lower=lower, upper=upper, method="exact limit at perfect separation")
    se = float(np.sqrt(influence @ influence)) / (value * (1 - value)) * few(fewer, clusters)
    estimate = Estimate(value=value, se=se, scale="logit", method=method)
    lower, upper = estimate.band(Z95) or (0.0, 1.0)
    return estimate.model_copy(update={"lower": lower, "upper": upper})


def paired(
    value: float,
    deviations: Floats,
    *,
    method: str,
    influence: bool,
    same: bool = False,
    rests_on: int | None = None,
    clusters: float | None = None,
) -> Estimate:
    """Return the estimate of a difference on the same patients.

    Parameters
    ----------
    deviations
        Influence values of the difference (n,), or its bootstrap replicates (b,).
    influence
        Which of the two.
    same
        Whether both models predict the same for everybody, so that the difference is 0 without error.
    rests_on, clusters
        As in `sampled`.
    """
    if same:
        return Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions")
    defined = usable(deviations)
    if defined is None:
        return unstable(value)
    se = (float(np.sqrt(defined @ defined)) if influence else float(defined.std(ddof=1))) * few(rests_on, clusters)
    if se == 0:
        return Estimate(value=value, method="none", why="no spread from which an error could be estimated")
    return Estimate(value=value, lower=value - Z95 * se, upper=value + Z95 * se, se=se, method=method)


def between_groups(group: Estimate, other: Estimate) -> Estimate:
    """Return the difference of two groups that share no patient, by the limits of each.

    Each limit of the difference takes its length from the two limits that would push it there (square-and-add, or
    MOVER: Newcombe, Stat Med 1998;17:873; Zou, Donner, Stat Med 2008;27:1693).
    """
    if group.value is None or other.value is None:
        return Estimate.absent("not measured in both groups")
    difference = group.value - other.value
    one, two = group.reach, other.reach
    if one is None or two is None:
        return Estimate(value=difference, method="none", why="no interval in both groups")
    down = math.hypot(group.value - one[0], two[1] - other.value)
    up = math.hypot(one[1] - group.value, other.value - two[0])
    return Estimate(
        value=difference,
        lower=difference - down,
        upper=difference + up,
        se=(down + up) / (2 * Z95),
        method="square-and-add of both groups' limits",
    )


def _with_more(value: float, one_more: float, *, se: float, scale: Scale) -> float:
    """Return the limit on the side of `one_more`, with a Poisson number of such patients: mean and variance are 1."""
    centre = to_scale(value, scale)
    jump = to_scale(one_more, scale) - centre
    return from_scale(centre + jump + math.copysign(Z95 * math.hypot(se, jump), jump), scale)


def on_scale(replicates: Floats, scale: Scale) -> Floats:
    """Transform replicates to a scale; NaN at and beyond its ends."""
    if scale == "identity":
        return replicates
    if scale == "complement":
        rest: Floats = np.full(replicates.shape, np.nan)
        np.log1p(-replicates, out=rest, where=replicates < 1)
        return -rest
    inside = (replicates > 0) & ((replicates < 1) | (scale == "log"))
    safe = np.where(inside, replicates, 0.5)
    scaled: Floats = np.log(safe) if scale == "log" else np.log(safe) - np.log1p(-safe)
    return np.where(inside, scaled, np.nan)


def few(rests_on: float | None, clusters: float | None = None) -> float:
    """Return how much larger Student's 97.5% quantile is than the normal one, for so many events, or fewer clusters."""
    fewest_of = min((number for number in (rests_on, clusters) if number is not None), default=None)
    return float(stdtrit(max(fewest_of - 1, 1), 0.975)) / Z95 if fewest_of is not None else 1.0


def _distance(value: float, replicates: Floats, *, fine: tuple[float, Floats], reach: float) -> Estimate:
    """Return the estimate of a mean distance; `fine` are value and replicates for the curve that is hardly smoothed.

    With few clusters the replicates are spread by `reach`. The standard error is no more than the way down to the lower
    limit that the value's own curve gives.
    """
    own, hardly = usable(replicates), usable(fine[1])
    if own is None or hardly is None:
        return unstable(value)
    own, hardly = (each.mean() + reach * (each - each.mean()) for each in (own, hardly))
    upper = _true_distance(fine[0], hardly, chance=_RARELY)
    lower = _true_distance(value, own, chance=0.975)
    return Estimate(
        value=value,
        upper=max(upper, value),
        se=max(value - lower, 0.0) / Z95,
        method="upper limit by noncentral chi-squared, from the bootstrap",
    )


def _true_distance(value: float, replicates: Floats, *, chance: float) -> float:
    """Return the true distance with which a value up to this one would be found with this `chance`.

    The square of the value is taken for ``noise / df`` times a noncentral chi-squared number with `df` degrees of
    freedom, whose mean is the square of the truth plus the noise; in the resamples the value is the truth. For an
    upper limit, a value that is smaller than most are by sampling error alone counts as their 16% quantile, so that
    luck does not stand for patients (power-constrained limits: Cowan et al., 2011, arXiv:1105.3166).
    """
    mean, variance = float(replicates.mean()), float(replicates.var(ddof=1))
    noise, spread = variance + max(mean**2 - value**2, 0.0), float((replicates**2).var(ddof=1))
    if noise <= 0 or spread <= 0:
        return value
    df = (2 * noise**2 + 4 * value**2 * noise) / spread
    seen = df * value**2 / noise
    if chance < _LUCKY:
        seen = max(seen, float(chdtri(df, 1 - _LUCKY)))
    if float(chdtr(df, seen)) <= chance:
        return 0.0
    if seen < _MANY:
        return math.sqrt(noise / df * float(chndtrinc(seen, df, chance)))
    # Far from 0 they are normal: seen = shift + df + z √(2 df + 4 shift), solved for the shift.
    z = float(ndtri(chance))
    shift = seen - df + 2 * z**2 - z * math.sqrt(max(4 * seen - 2 * df + 4 * z**2, 0.0))
    return math.sqrt(noise / df * max(shift, 0.0))
