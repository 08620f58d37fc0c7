"""Which estimates may decide: whole, in order, with a width, and possible for their metric."""

import math

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate

__all__ = ["doubt"]

# What is possible for numbers that gates judge and the catalogue of metrics does not list.
_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "mean_absolute_difference": (0.0, None),
    "attack_auc": (0.0, 1.0),
    "attack_rate_at_one_in_1000": (0.0, 1.0),
}
_ROUNDING = 1e-9  # relative: far below any sampling error
_ZERO = 1e-12  # absolute: what rounding leaves of a zero


def doubt(estimate: Estimate, metric: str, *, difference: bool, exact: bool) -> str:
    """Return why an estimate decides nothing, or nothing where it may decide.

    Parameters
    ----------
    metric
        Its name in the catalogue, for the values that are possible.
    difference
        Whether it is a difference of two values of that metric.
    exact
        Whether it is a difference on the same patients, which may be 0 without error.
    """
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if value is None:
        return estimate.why
    if upper is None:
        return f"it has no interval: {estimate.why}" if estimate.why else "it has no interval"
    if not estimate.in_order:
        return "its interval does not hold its value"
    low = value if lower is None else lower
    if math.isclose(low, upper, rel_tol=_ROUNDING, abs_tol=_ZERO) and not (exact and value == 0):
        return "its interval has no width"
    # Limits of a difference may reach beyond what is possible, since they are drawn around it; its value may not.
    if not _possible((value,) if difference else (value, low, upper), metric, difference=difference):
        return f"its numbers are not possible for the metric `{metric}`"
    return ""


def _possible(numbers: tuple[float, ...], metric: str, *, difference: bool) -> bool:
    low, high = METRICS[metric].bounds if metric in METRICS else _BOUNDS.get(metric, (None, None))
    if difference:
        span = None if low is None or high is None else high - low
        low, high = None if span is None else -span, span
    above = low is None or min(numbers) >= low - _ROUNDING
    return above and (high is None or max(numbers) <= high + _ROUNDING)
