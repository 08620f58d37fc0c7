"""How gates and cards put metrics, numbers and groups into words."""

import math
from typing import overload

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, TreatmentEvidence

__all__ = [
    "benefit",
    "capital",
    "effect_words",
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
    "calibration_slope": 2,
    "observed_expected": 2,
    "mae": 1,
    "mean_error": 1,
    "rmse": 1,
    "net_benefit_gain": 4,
    "events": 0,
    "non_events": 0,
    "patients": 0,
}


# In the unit of a treatment's effect, which may be a risk or a number of days.
_EFFECTS = {
    "average_effect",
    "autoc",
    "qini",
    "effect_error",
    "policy_value",
    "policy_gain",
    "policy_gain_over_none",
    "policy_gain_over_all",
    "loss_gain",
}


def _digits(*numbers: float | None) -> int:
    """Return how many decimals numbers of this size need: three for a risk, none for hundreds of days."""
    largest = max(abs(number) for number in numbers if number is not None)
    if largest >= 1:
        return max(2 - math.floor(math.log10(largest)), 0)
    return 3 if largest >= 0.01 or largest == 0 else 5


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
    decimals = _digits(value, lower, upper) if metric in _EFFECTS else _DECIMALS.get(metric, 3)
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


def benefit(value: float) -> str:
    """Write an effect with three digits, whatever its unit."""
    return f"{value:.3g}".replace("-", "−")


def effect_words(treatment: TreatmentEvidence | None, estimate: Estimate | None) -> str:
    """Write the average effect with its interval and unit; above 0 the treatment helps. Empty where it is not known."""
    if treatment is None or estimate is None or estimate.value is None:
        return ""
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if treatment.effect != "event":
        of = " free of the event" if treatment.effect == "restricted_mean" else ""
        return f"{interval('average_effect', value, lower=lower, upper=upper)} {treatment.unit}{of} gained"
    limits = (
        "no interval" if lower is None or upper is None else f"{number(100 * lower, 1)} to {number(100 * upper, 1)}"
    )
    return f"{number(100 * value, 1)} ({limits}) percentage points of risk gained"


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
