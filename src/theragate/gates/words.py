"""How gates and cards put metrics, numbers and groups into words."""

import math
from typing import overload

from theragate.evidence.catalogue import METRICS

__all__ = [
    "capital",
    "group_words",
    "interval",
    "listing",
    "number",
    "percent",
    "plural",
    "rounded_up",
    "title",
]

_COUNTS = {"events": "patients with the event", "non_events": "patients without the event"}

_DECIMALS = {
    "calibration_slope": 2, "observed_expected": 2, "mae": 1, "mean_error": 1, "rmse": 1,
    "net_benefit_gain": 4, "events": 0, "non_events": 0, "patients": 0,
}  # fmt: skip


def number(value: float, decimals: int) -> str:
    """Write a number with a true minus sign, and never a minus zero."""
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def interval(
    metric: str, value: float, *, lower: float | None = None, upper: float | None = None, difference: bool = False
) -> str:
    """Write an estimate as ``0.93 (0.88 to 0.96)``; a `difference` above zero gets its plus sign.

    A log ratio is written as the ratio itself.
    """
    if metric == "log_observed_expected":
        return interval("observed_expected", _ratio(value), lower=_ratio(lower), upper=_ratio(upper))
    decimals = _DECIMALS.get(metric, 3)
    text = number(value, decimals)
    if difference and value > 0:
        text = f"+{text}"
    if lower is None or upper is None:
        return f"{text} (no interval)"
    return f"{text} ({number(lower, decimals)} to {number(upper, decimals)})"


@overload
def _ratio(logarithm: float) -> float: ...
@overload
def _ratio(logarithm: None) -> None: ...
def _ratio(logarithm: float | None) -> float | None:
    return None if logarithm is None else math.exp(min(logarithm, 700.0))


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return f"{round(100 * share, 2):g}%"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 event``, ``2 events``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def rounded_up(amount: float) -> int:
    """Round a needed number up to two digits, and to at least 1: it is known no better."""
    step = int(10 ** max(len(str(math.ceil(amount))) - 2, 0))
    return max(math.ceil(amount / step) * step, 1)


def listing(parts: list[str]) -> str:
    """Join as in a sentence: ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def group_words(attribute: str, label: str) -> str:
    """Name a subgroup in a sentence: ``sex female``, ``age band >75``, ``sex & age band: male & ≤65``."""
    name = attribute.replace("_", " ")
    return f"{name}: {label}" if " & " in attribute else f"{name} {label}"


def title(metric: str) -> str:
    """Return what a metric is called inside a sentence; a log ratio is spoken of as the ratio."""
    metric = metric.removeprefix("log_") if metric == "log_observed_expected" else metric
    name = METRICS[metric].title if metric in METRICS else _COUNTS.get(metric, metric.replace("_", " "))
    return name if name.startswith("Brier") else name[:1].lower() + name[1:]
