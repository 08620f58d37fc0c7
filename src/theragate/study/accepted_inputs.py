"""Which inputs a study accepts of one patient: what its expectation suite says that holds patient by patient."""

from typing import Literal, Self

from pydantic import model_validator

from theragate.study.spec import Spec

__all__ = ["AcceptedInputs", "InputRule"]


class InputRule(Spec):
    """One rule about one patient's values; it is silent where one of them is missing.

    ``kind``: the value is ``between`` two bounds, ``one_of`` or ``none_of`` some values, ``matches`` or ``matches_not``
    a pattern, or has a ``length`` between bounds; of two columns, the first is ``above`` or ``equal`` to the second, or
    their ``ratio`` is between bounds. ``strict``: the bound itself is outside. A patient who breaks a ``decisive``
    rule gets no number at all.
    """

    id: str
    kind: Literal["between", "one_of", "none_of", "matches", "matches_not", "length", "above", "equal", "ratio"]
    columns: tuple[str, ...]
    decisive: bool
    low: float | None = None
    high: float | None = None
    strict_low: bool = False
    strict_high: bool = False
    values: tuple[float | str, ...] = ()
    pattern: str = ""
    unit: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.columns) != (2 if self.kind in {"above", "equal", "ratio"} else 1):
            raise ValueError("a rule is about one column, or compares two")
        return self


class AcceptedInputs(Spec):
    """The rules of one study. ``top_coded``: ages at or over the number are stored as the number, as in the cohort."""

    version: Literal[1] = 1
    study: str
    rules: tuple[InputRule, ...]
    top_coded: dict[str, float]
