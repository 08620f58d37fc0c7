"""Numbers as they are stored, of so many digits that they are the same on every processor; and as they are told."""

import math
from collections.abc import Iterable

__all__ = ["PERCENT", "POINTS", "change", "estimate", "stored", "told"]

PERCENT, POINTS = "%", "percentage points"  # the units of a risk, and of a difference of risks


def stored(values: Iterable[float]) -> tuple[float, ...]:
    """Return `values` with nine significant digits."""
    return tuple(float(f"{value:.9g}") for value in values)


def told(value: float, unit: str) -> str:
    """Write a declared number in its unit: ``20%``, ``2 percentage points``, ``30 days``."""
    if unit == PERCENT:
        return f"{100 * value:g}%"
    return f"{_in(value, unit):g} {unit}"


def change(by: float, unit: str) -> str:
    """Write what a prediction was moved by: ``+12.3 points`` of a risk or a difference of risks, ``−4.1 days``."""
    size = f"{100 * abs(by):.1f} points" if unit in (PERCENT, POINTS) else f"{abs(by):.3g} {unit}"
    return f"{'−' if by < 0 else '+'}{size}"


def estimate(value: float, limits: tuple[float, float], unit: str) -> str:
    """Write a number with its limits, three digits for the largest: ``4.1 (1.2 to 7.0) percentage points``."""
    numbers = [_in(number, unit) for number in (value, *limits)]
    largest = max(map(abs, numbers))
    decimals = 1 if unit == POINTS or largest == 0 else max(2 - math.floor(math.log10(largest)), 0)
    middle, lower, upper = (_signed(number, decimals) for number in numbers)
    return f"{middle} ({lower} to {upper}) {unit}"


def _in(value: float, unit: str) -> float:
    return 100 * value if unit == POINTS else value


def _signed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")
