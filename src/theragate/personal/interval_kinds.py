"""The intervals of all tasks, and the limits that each gives."""

from typing import TypeAlias

from theragate.personal.benefits import EffectInterval
from theragate.personal.intervals import Flags, Floats, QuantityInterval, RiskInterval

__all__ = ["Interval", "limits_of"]

Interval: TypeAlias = QuantityInterval | RiskInterval | EffectInterval


def limits_of(interval: Interval, prediction: Floats, members: Flags) -> tuple[Floats, Floats]:
    """Return lower and upper limits, (n,) each; `members` of the groups with limits of their own, (n, groups)."""
    if isinstance(interval, QuantityInterval):
        return interval.limits(prediction, members)
    return interval.limits(prediction)
