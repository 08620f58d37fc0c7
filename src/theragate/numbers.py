"""How numbers are written: the rule book of every card, verdict, finding, table, page, figure, message and answer.

A minus sign is a true one, nothing is minus zero, and thousands have commas. With how many decimals a metric is written
says the metric; see ``evidence/writing.py``.
"""

import math

__all__ = [
    "PERCENT",
    "POINTS",
    "change",
    "decimals_by_size",
    "declared",
    "declared_in",
    "interval_in",
    "limits",
    "number",
    "percent",
    "plural",
    "significant",
    "with_limits",
]

PERCENT, POINTS = "%", "percentage points"  # the units of a risk, and of a difference of risks


def number(value: float, decimals: int) -> str:
    """Write a number with a fixed number of decimals: ``−1,234.5``."""
    return _true_minus(f"{value:,.{decimals}f}")


def declared(value: float) -> str:
    """Write a limit or another declared number as it was declared: ``−0.002``."""
    return _true_minus(f"{value:g}")


def percent(share: float, decimals: int | None = None) -> str:
    """Write a share as a percentage: with up to two decimals, or with exactly as many as `decimals`."""
    if decimals is None:
        return f"{declared(round(100 * share, 2))}%"
    return f"{number(100 * share, decimals)}%"


def significant(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, whatever its unit: ``0.0312``, ``−12.3``."""
    return _true_minus(f"{value:.{digits}g}")


def with_limits(value: float, lower: float | None, upper: float | None, *, decimals: int) -> str:
    """Write an estimate with its limits, an upper one alone as ``0.031 (≤ 0.048)``, or that it has none."""
    return f"{number(value, decimals)} ({limits(lower, upper, decimals)})"


def limits(lower: float | None, upper: float | None, decimals: int) -> str:
    """Write two limits, ``0.88 to 0.96``, an upper one alone, ``≤ 0.96``, or that there are none."""
    if upper is None:
        return "no interval"
    return (
        f"≤ {number(upper, decimals)}" if lower is None else f"{number(lower, decimals)} to {number(upper, decimals)}"
    )


def decimals_by_size(*numbers: float | None) -> int:
    """Return the decimals that numbers of this size need: three for a risk, none for hundreds of days."""
    largest = max((abs(number) for number in numbers if number is not None), default=0.0)
    if largest >= 1:
        return max(2 - math.floor(math.log10(largest)), 0)
    return 3 if largest >= 0.01 or largest == 0 else 5


def declared_in(unit: str, value: float) -> str:
    """Write a declared number in its unit: ``20%``, ``2 percentage points``, ``30 days``."""
    if unit == PERCENT:
        return f"{declared(100 * value)}%"
    return f"{declared(_in(unit, value))} {unit}"


def interval_in(unit: str, value: float, lower: float | None, upper: float | None) -> str:
    """Write an estimate with its limits in a unit: ``4.1 (1.2 to 7.0) percentage points``, ``99 (22 to 176) days``."""
    numbers = [None if one is None else _in(unit, one) for one in (value, lower, upper)]
    decimals = 1 if unit == POINTS or not any(numbers) else decimals_by_size(*numbers)
    return f"{with_limits(_in(unit, value), *numbers[1:], decimals=decimals)} {unit}"


def change(unit: str, by: float) -> str:
    """Write what a prediction was moved by: ``+12.3 points`` of a risk or a difference of risks, ``−4.1 days``."""
    size = f"{number(100 * by, 1)} points" if unit in (PERCENT, POINTS) else f"{significant(by)} {unit}"
    return size if size.startswith("−") else f"+{size}"


def _in(unit: str, value: float) -> float:
    return 100 * value if unit == POINTS else value


def _true_minus(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 event``, ``2 events``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"
