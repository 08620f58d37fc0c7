"""From a value and its spread over resamples (or patients) to an estimate with 95% limits.

Five ways; ``docs/statistics.md`` says how often they hold the truth, by simulation:

``normal``
    value ± t bootstrap standard errors on the metric's own scale. t is Student's quantile for as many degrees of
    freedom as there are events (or non-events, whichever are fewer; or patients), less one: what few events leave
    unknown of the standard error itself.
``proportion``
    Wilson's limits (JASA 1927;22:209), which hold at 0 and 1 too. With censoring, for the number of patients who
    would give the bootstrap's standard error.
``bias_shifted``
    For means of absolute distances, which sampling error makes too large, and resampling by as much again. The upper
    limit is the bootstrap's percentile less the second excess: the first remains, so that it errs on the safe side,
    and gates pass by it. The lower limit is the percentile less both, so that no good model is found to be bad.
``influence``
    For measures of ranking: DeLong's variance, or the infinitesimal jackknife's, on the logit scale, with t as above.
`benefit`
    For the net benefit over the better default: Wilson's limits of its parts, put together by square-and-add. A
    bootstrap sees no error where no patient with the event stays below the threshold, and is then sure of too much.

Limits are given inside a declared domain (`fewest`); outside it there is a value and no interval.
"""

import math
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from theragate.evidence.catalogue import Metric
from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.types import Z95, Estimate, to_scale
from theragate.study import TASKS

__all__ = ["FEWEST", "benefit", "between_groups", "fewest", "on_scale", "paired", "ranking", "sampled", "wilson"]

# The domain in which limits hold in 93 to 97 of 100 studies (docs/statistics.md): so many events and so many
# non-events, or so many patients where there are no events. Wilson's limits need no such number.
FEWEST = 10
_FEWEST_PATIENTS = 50
_DOMAIN = {"average_precision": 50, "rmse": 1000}  # larger ones, by metric
_USABLE = 0.95  # of the resamples, in which a metric has to be defined

_TOO_FEW = "too few patients, or too few with or without the event, for an interval"
_UNSTABLE = "not defined in too many resamples for an interval"


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
    """
    if metric.interval == "proportion" and denominator is not None:
        return _proportion(value, replicates, denominator=denominator, counted=counted)
    if not enough or (rests_on is not None and rests_on < fewest(metric)):
        return Estimate(value=value, method="none", why=_TOO_FEW)
    spread = replicates[np.isfinite(replicates)]
    if metric.interval == "bias_shifted":
        return _bias_shifted(value, spread) if len(spread) >= _USABLE * len(replicates) else _unstable(value)
    scaled = on_scale(replicates, metric.scale)
    scaled = scaled[np.isfinite(scaled)]
    try:
        to_scale(value, metric.scale)
    except ValueError:
        return Estimate(value=value, method="none", why=f"at the end of its {metric.scale} scale, without an interval")
    if len(scaled) < _USABLE * len(replicates):
        return _unstable(value)
    se = float(scaled.std(ddof=1)) * _few(rests_on)
    estimate = Estimate(value=value, se=se, scale=metric.scale, method="bootstrap")
    lower, upper = estimate.band(Z95) or (value, value)
    low, high = metric.bounds
    lower, upper = lower if low is None else max(low, lower), upper if high is None else min(high, upper)
    return estimate.model_copy(
        update={"lower": lower, "upper": upper, "method": f"bootstrap, Student's t on the {metric.scale} scale"}
    )


def ranking(value: float, influence: Floats, *, fewer: int, method: str) -> Estimate:
    """Return an estimate from influence values, shape (n,), with `fewer` events or non-events.

    Where every pair is ranked right (or wrong), no variance can be estimated; the limit is then the value below
    which so many patients in a row would be ranked right less than 2.5% of the time.
    """
    if fewer < FEWEST:
        return Estimate(value=value, method="none", why=_TOO_FEW)
    if value in (0.0, 1.0):
        edge = 0.025 ** (1 / fewer)
        lower, upper = (edge, 1.0) if value > 0.5 else (0.0, 1 - edge)
        return Estimate(value=value, lower=lower, upper=upper, method="exact limit at perfect separation")
    se = float(np.sqrt(influence @ influence)) / (value * (1 - value)) * _few(fewer)
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
    rests_on
        As in `sampled`.
    """
    if same:
        return Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions")
    usable = deviations[np.isfinite(deviations)]
    if len(usable) < _USABLE * len(deviations):
        return _unstable(value)
    se = (float(np.sqrt(usable @ usable)) if influence else float(usable.std(ddof=1))) * _few(rests_on)
    if se == 0:
        return Estimate(value=value, method="none", why="no spread from which an error could be estimated")
    return Estimate(value=value, lower=value - Z95 * se, upper=value + Z95 * se, se=se, method=method)


def benefit(
    *, selected: float, true_positives: float, events: float, size: float, threshold: float, replicates: Floats | None
) -> Estimate:
    """Return the net benefit over the better default, with limits that hold where hardly anybody is missed.

    Over treating nobody the gain is s · (p - (1 - p) · o): the share s of the selected, p the share of events among
    them, o the odds of the threshold. Over treating everybody it is u · ((1 - q) · o - q): the share u of the others,
    q the share of events among those. The two factors of each are nearly independent, so that Wilson's limits of both
    are put together by square-and-add (Zou, Donner, Stat Med 2008;27:1693). The gain over the better default is the
    smaller of the two gains, and so are its limits.

    Parameters
    ----------
    selected, true_positives, events
        Shares of all patients.
    size
        The number of patients.
    threshold
        In (0, 1).
    replicates
        Shape (b,), with censoring: the gain in the resamples. `size` then shrinks to the number of patients who
        would give their standard error, where that is smaller. None where patients are counted.
    """
    odds = threshold / (1 - threshold)
    free, missed = 1 - selected, events - true_positives
    none = true_positives - (selected - true_positives) * odds
    everybody = (free - missed) * odds - missed
    value = min(none, everybody)
    if replicates is not None:
        spread = replicates[np.isfinite(replicates)]
        if len(spread) < _USABLE * len(replicates):
            return _unstable(value)
        dear, cheap = (true_positives, selected - true_positives) if none < everybody else (missed, free - missed)
        squares = dear + cheap * odds**2
        variance = float(spread.var(ddof=1))
        if variance > 0 and squares > value**2:
            size = min(size, (squares - value**2) / variance)
    parts = [
        _part(selected, true_positives, size=size, gain=none, price=1 + odds, sign=1),
        _part(free, missed, size=size, gain=everybody, price=1 + odds, sign=-1),
    ]
    lower, upper = min(low for low, _ in parts), min(high for _, high in parts)
    return Estimate(
        value=value,
        lower=lower,
        upper=upper,
        se=max(value - lower, upper - value) / Z95,
        method="square-and-add of Wilson's limits",
    )


def _part(share: float, with_event: float, *, size: float, gain: float, price: float, sign: int) -> tuple[float, float]:
    """Return the limits of ``share · sign · (price · p - price + 1)``, with p the share of events among `share`."""
    if share <= 0:
        # The model decides as the default does, for everybody: the gain is 0 without error.
        return gain, gain
    risk = min(max(with_event / share, 0.0), 1.0)
    low, high = wilson(risk, share * size)
    few, many = wilson(min(share, 1.0), size)
    worth = gain / share
    worse, better = (risk - low, high - risk) if sign > 0 else (high - risk, risk - low)
    fewer, more = (share - few, many - share) if worth > 0 else (many - share, share - few)
    down = math.hypot(worth * fewer, share * price * worse)
    up = math.hypot(worth * more, share * price * better)
    return gain - down, gain + up


def between_groups(group: Estimate, other: Estimate) -> Estimate:
    """Return the difference of two groups that share no patient, by the limits of each.

    Each limit of the difference takes its length from the two limits that would push it there (square-and-add, or
    MOVER: Newcombe, Stat Med 1998;17:873; Zou, Donner, Stat Med 2008;27:1693).
    """
    if group.value is None or other.value is None:
        return Estimate.absent("not measured in both groups")
    difference = group.value - other.value
    if group.lower is None or group.upper is None or other.lower is None or other.upper is None:
        return Estimate(value=difference, method="none", why="no interval in both groups")
    down = math.hypot(group.value - group.lower, other.upper - other.value)
    up = math.hypot(group.upper - group.value, other.value - other.lower)
    return Estimate(
        value=difference,
        lower=difference - down,
        upper=difference + up,
        se=(down + up) / (2 * Z95),
        method="square-and-add of both groups' limits",
    )


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95% limits of a proportion of `size` patients; `size` need not be whole."""
    shrink = 1 + Z95**2 / size
    centre = (share + Z95**2 / (2 * size)) / shrink
    half = Z95 / shrink * math.sqrt(share * (1 - share) / size + Z95**2 / (4 * size**2))
    lower, upper = max(0.0, centre - half), min(1.0, centre + half)
    return (0.0 if share == 0 else lower), (1.0 if share == 1 else upper)


def on_scale(replicates: Floats, scale: Literal["identity", "log", "logit"]) -> Floats:
    """Transform replicates to a scale; NaN at and beyond its ends."""
    if scale == "identity":
        return replicates
    inside = (replicates > 0) & ((replicates < 1) | (scale == "log"))
    safe = np.where(inside, replicates, 0.5)
    scaled: Floats = np.log(safe) if scale == "log" else np.log(safe) - np.log1p(-safe)
    return np.where(inside, scaled, np.nan)


def _few(rests_on: int | None) -> float:
    """Return how much larger Student's 97.5% quantile is than the normal one."""
    return float(stdtrit(max(rests_on - 1, 1), 0.975)) / Z95 if rests_on is not None else 1.0


def _proportion(value: float, replicates: Floats, *, denominator: float, counted: bool) -> Estimate:
    value = min(max(value, 0.0), 1.0)
    value = round(value) if min(value, 1 - value) < 1e-12 else value
    size = denominator
    if not counted and 0 < value < 1:
        spread = replicates[np.isfinite(replicates)]
        variance = float(spread.var(ddof=1)) if len(spread) >= _USABLE * len(replicates) else 0.0
        size = value * (1 - value) / variance if variance > 0 else denominator
    lower, upper = wilson(value, size)
    se = 1 / math.sqrt(size * value * (1 - value)) if 0 < value < 1 else None
    return Estimate(value=value, lower=lower, upper=upper, se=se, scale="logit", method="Wilson")


def _bias_shifted(value: float, replicates: Floats) -> Estimate:
    excess = max(0.0, float(replicates.mean()) - value)
    low, high = (float(limit) for limit in np.quantile(replicates, [0.025, 0.975]))
    low = min(low - 2 * excess, value)
    return Estimate(
        value=value,
        lower=max(0.0, low),
        upper=max(high - excess, value),
        se=max(float(replicates.std(ddof=1)), (value - low) / Z95),
        method="bootstrap percentiles, less the excess by sampling error",
    )


def _unstable(value: float) -> Estimate:
    return Estimate(value=value, method="none", why=_UNSTABLE)
