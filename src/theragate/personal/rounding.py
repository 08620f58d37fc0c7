"""Numbers as they are stored: with so few digits that they are the same on every processor."""

from collections.abc import Iterable

__all__ = ["nine_digits"]


def nine_digits(values: Iterable[float]) -> tuple[float, ...]:
    """Return `values` with nine significant digits."""
    return tuple(float(f"{value:.9g}") for value in values)
