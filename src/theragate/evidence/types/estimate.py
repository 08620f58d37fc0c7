"""One number with its uncertainty, and the scales on which its error is nearly normal."""

import math
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from theragate.study import Spec

__all__ = ["Z95", "Estimate", "Scale", "from_scale", "to_scale"]

Z95 = 1.959963984540054
_ROUNDING, _ZERO = 1e-9, 1e-12  # relative and absolute: what arithmetic leaves of equal numbers
Scale = Literal["identity", "log", "logit", "complement"]


class Estimate(Spec):
    """One number with its uncertainty.

    Where only ``upper`` is given, it alone claims something: a mean distance is never too small by chance alone.

    ``lower`` and ``upper`` are the method's own two-sided 95% limits, in the metric's unit. ``se`` is the standard
    error on ``scale``, from which a band at another critical value is drawn: ``identity`` is the metric itself, ``log``
    and ``logit`` are what they say, ``complement`` is -log(1 - value). The limits hold the value between them, but for
    rounding. An estimate that could not be made has no numbers and says ``why``.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    se: Annotated[float, Field(ge=0)] | None = None
    scale: Scale = "identity"
    method: str
    why: str = ""

    @model_validator(mode="after")
    def _whole_or_absent(self) -> Self:
        if self.value is None:
            if not self.why or self.lower is not None or self.upper is not None or self.se is not None:
                raise ValueError("an estimate without a value has no limits and says why")
        elif not self.in_order:
            raise ValueError("the limits of an estimate ascend and hold its value between them")
        return self

    @classmethod
    def absent(cls, why: str) -> "Estimate":
        """Return an estimate that could not be made, with its reason."""
        return cls(value=None, method="none", why=why)

    @property
    def decidable(self) -> bool:
        """Whether there is a value with limits, or an upper one alone: a number without any decides nothing."""
        return self.value is not None and self.upper is not None

    @property
    def upper_only(self) -> bool:
        """Whether the upper limit alone claims something."""
        return self.upper is not None and self.lower is None

    @property
    def reach(self) -> tuple[float, float] | None:
        """Both limits; below an estimate that has an upper one alone, that of its standard error. None without any."""
        if self.value is None or self.upper is None:
            return None
        if self.lower is not None:
            return self.lower, self.upper
        band = self.band(Z95)
        return (self.value if band is None else min(band[0], self.value)), self.upper

    @property
    def in_order(self) -> bool:
        """Whether lower limit, value and upper limit ascend, but for rounding; NaN never does."""
        present = [number for number in (self.lower, self.value, self.upper) if number is not None]
        return all(a <= b or math.isclose(a, b, rel_tol=_ROUNDING, abs_tol=_ZERO) for a, b in pairwise(present))

    def stretched(self, by: float, *, bounds: tuple[float | None, float | None] = (None, None)) -> Self:
        """Return the estimate with its limits `by` times as far from the value, on its scale and within `bounds`.

        A limit at an end of the scale, where there is no distance, moves on the metric's own scale. The standard error
        stays as it was measured.
        """
        if self.value is None:
            return self
        low, high = bounds
        lower, upper = self._farther(self.lower, by), self._farther(self.upper, by)
        return self.model_copy(
            update={
                "lower": lower if lower is None or low is None else max(low, lower),
                "upper": upper if upper is None or high is None else min(high, upper),
            }
        )

    def _farther(self, limit: float | None, by: float) -> float | None:
        if self.value is None or limit is None:
            return None
        try:
            centre, reach = to_scale(self.value, self.scale), to_scale(limit, self.scale)
        except ValueError:
            return self.value + by * (limit - self.value)
        return from_scale(centre + by * (reach - centre), self.scale)

    def band(self, critical: float) -> tuple[float, float] | None:
        """Return the limits at `critical` standard errors on the estimate's scale, or None where there are none."""
        if self.value is None or self.se is None:
            return None
        try:
            centre = to_scale(self.value, self.scale)
        except ValueError:
            return None
        return from_scale(centre - critical * self.se, self.scale), from_scale(centre + critical * self.se, self.scale)


def to_scale(value: float, scale: Scale) -> float:
    """Transform a metric's value to the scale on which its error is nearly normal.

    Raises
    ------
    ValueError
        If the value lies at or beyond the scale's bounds (a proportion of 0 or 1, a ratio of 0, all explained).
    """
    if scale == "log":
        return math.log(value)
    if scale == "logit":
        if not 0 < value < 1:
            raise ValueError("no logit outside (0, 1)")
        return math.log(value) - math.log1p(-value)
    return -math.log1p(-value) if scale == "complement" else value


def from_scale(value: float, scale: Scale) -> float:
    """Transform back; the inverse of `to_scale`."""
    if scale == "log":
        return math.exp(min(value, 700.0))
    if scale == "logit":
        return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
    return -math.expm1(min(-value, 700.0)) if scale == "complement" else value
