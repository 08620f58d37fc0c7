"""How a metric's estimate is written: with the decimals that it declares, by the rules of ``numbers.py``. Light.

An effect, whose unit may be a risk or days, is written by its size.
"""

import math
from typing import overload

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, TreatmentEvidence
from theragate.numbers import POINTS, decimals_by_size, interval_in, limits, with_limits

__all__ = ["average_effect", "band", "decimals_in_figure", "decimals_of", "interval"]

RATIO = "log_observed_expected"  # a logarithm, which is written as the ratio itself

# What gates judge beside the metrics of the catalogue; None: by its size. Whatever else there is has three decimals.
_OTHERS: dict[str, int | None] = {
    "events": 0,
    "non_events": 0,
    "patients": 0,
    "mean_absolute_difference": None,
    "attack_rate_at_one_in_1000": 4,
}
_DEFAULT = 3

# A figure has a scale, on which nobody sees the last decimal of these.
_COARSER_IN_FIGURES = {"net_benefit_gain", "r2", "sensitivity", "specificity"}


def decimals_of(metric: str, *numbers: float | None) -> int:
    """Return with how many decimals these numbers of a metric, which stand side by side, are written."""
    decimals = METRICS[metric].decimals if metric in METRICS else _OTHERS.get(metric, _DEFAULT)
    return decimals_by_size(*numbers) if decimals is None else decimals


def decimals_in_figure(metric: str, *numbers: float | None) -> int:
    """Return the same for numbers in a figure, which share a scale."""
    return decimals_of(metric, *numbers) - (metric in _COARSER_IN_FIGURES)


def interval(
    metric: str, value: float, *, lower: float | None = None, upper: float | None = None, difference: bool = False
) -> str:
    """Write an estimate of a metric with its limits: ``0.930 (0.880 to 0.960)``.

    A `difference` above zero has a plus sign. A log ratio is written as the ratio itself.
    """
    if metric == RATIO:
        return interval("observed_expected", _ratio(value), lower=_ratio(lower), upper=_ratio(upper))
    decimals = decimals_of(metric, value, lower, upper)
    sign = "+" if difference and value > 0 else ""
    return f"{sign}{with_limits(value, lower, upper, decimals=decimals)}"


def band(metric: str, lower: float, upper: float) -> str:
    """Write two limits of a metric without an estimate: ``0.880 to 0.960``."""
    return limits(lower, upper, decimals_of(metric, lower, upper))


def average_effect(treatment: TreatmentEvidence | None, estimate: Estimate | None) -> str:
    """Write the average effect with its interval and unit; above 0 the treatment helps. Empty where it is not known."""
    if treatment is None or estimate is None or estimate.value is None:
        return ""
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if treatment.effect == "event":
        return f"{interval_in(POINTS, value, lower, upper)} of risk gained"
    of = " free of the event" if treatment.effect == "restricted_mean" else ""
    return f"{interval('average_effect', value, lower=lower, upper=upper)} {treatment.unit}{of} gained"


@overload
def _ratio(logarithm: float) -> float: ...
@overload
def _ratio(logarithm: None) -> None: ...
def _ratio(logarithm: float | None) -> float | None:
    return None if logarithm is None else math.exp(min(logarithm, 700.0))
