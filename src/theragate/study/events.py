"""How a column is made of what happened to a patient at times around an index date."""

import operator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from theragate.study.spec import Spec, Unit

__all__ = ["DAYS", "TEXTS", "EventValue", "Take", "Window"]

Take = Literal["last", "first", "mean", "min", "max", "count", "exists", "days_to_first", "days_to_last"]
TEXTS: frozenset[Take] = frozenset({"last", "first", "count", "exists", "days_to_first", "days_to_last"})
DAYS: frozenset[Take] = frozenset({"count", "exists", "days_to_first", "days_to_last"})  # that ask for no value


class Window(Spec):
    """Whole days before (negative) and after the index date, both ends included; None has no end."""

    first_day: int | None = Field(default=None, description="the earliest day; None for ever before")
    last_day: int | None = Field(default=0, description="the latest day; 0 is the day of the index date itself")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_day is not None and self.last_day is not None and self.first_day > self.last_day:
            raise ValueError("`first_day` is not after `last_day`")
        return self

    @property
    def after_index(self) -> bool:
        """Whether it holds days after that of the index date."""
        return self.last_day is None or self.last_day > 0


class EventValue(Spec):
    """One number or text of a patient's records in a window: which records, and what is taken of them."""

    take: Take
    codes: tuple[str, ...] = Field(default=(), description="the codes of the records; none for all")
    window: Window = Window()
    unit: Unit | None = Field(
        default=None, exclude_if=operator.not_, description="the unit in which numbers are taken, by UCUM"
    )
    other_units: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={},
        exclude_if=operator.not_,
        description="by how much numbers in other units are multiplied; `''` for those without a unit",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len({*self.codes}) < len(self.codes):
            raise ValueError("each of the `codes` is named once")
        if self.other_units and self.unit is None:
            raise ValueError("`other_units` are converted to a `unit`, which has to be given")
        if self.unit is not None and self.take in DAYS:
            raise ValueError(f"`take: {self.take}` has no use for a `unit`")
        return self
