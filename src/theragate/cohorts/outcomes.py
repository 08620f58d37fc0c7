"""The types of an outcome. `theragate.cohorts.outcome_columns` makes them from a cohort, and checks them there."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Binary",
    "Censored",
    "MeasuredOutcome",
    "Outcome",
    "Quantity",
    "Treated",
    "censored_part",
    "with_hazard",
]

Classes: TypeAlias = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Binary:
    """``event``: shape (n,), bool. Both classes occur."""

    event: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray[np.intp]) -> "Binary":
        """Return the outcome of some patients."""
        return Binary(self.event[rows])

    @property
    def classes(self) -> Classes:
        """The classes that every part of the patients needs some of, each of shape (n,)."""
        return {"with the event": self.event, "without the event": ~self.event}

    @property
    def strata(self) -> NDArray[np.intp]:
        """Labels within which folds are balanced, shape (n,)."""
        return self.event.astype(np.intp)


@dataclass(frozen=True)
class Quantity:
    """``value``: shape (n,), finite floats in the study's unit."""

    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: NDArray[np.intp]) -> "Quantity":
        """Return the outcome of some patients."""
        return Quantity(self.value[rows])

    @property
    def classes(self) -> Classes:
        """The classes that every part of the patients needs some of, each of shape (n,)."""
        return {"with the quantity": np.ones(len(self.value), dtype=bool)}

    @property
    def strata(self) -> NDArray[np.intp]:
        """Quintiles of the outcome, within which folds are balanced, shape (n,)."""
        return np.searchsorted(np.quantile(self.value, [0.2, 0.4, 0.6, 0.8]), self.value).astype(np.intp)


@dataclass(frozen=True)
class Censored:
    """``time``: shape (n,), floats >= 0 in the study's unit; ``event``: shape (n,), True where the event was seen.

    ``horizon`` is the time by which the risk is predicted. ``marginal`` says whether everybody is as likely as others
    to be lost to follow-up, as the study may declare; ``hazard``, shape (n,), how much sooner than others each patient
    would be, once `theragate.learning.censoring_model` has found out.
    """

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    horizon: float
    marginal: bool = False
    hazard: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: NDArray[np.intp]) -> "Censored":
        """Return the outcome of some patients."""
        hazard = None if self.hazard is None else self.hazard[rows]
        return replace(self, time=self.time[rows], event=self.event[rows], hazard=hazard)

    @property
    def classes(self) -> Classes:
        """The classes that every part of the patients needs some of, each of shape (n,)."""
        return {"with the event by the horizon": self.by_horizon, "followed beyond it": self.free_at_horizon}

    @property
    def strata(self) -> NDArray[np.intp]:
        """Labels within which folds are balanced (event by the horizon, later event, censored), shape (n,)."""
        return np.where(self.event, np.where(self.time <= self.horizon, 2, 1), 0).astype(np.intp)

    @property
    def by_horizon(self) -> NDArray[np.bool_]:
        """Whether the event was seen by the horizon, shape (n,)."""
        return self.event & (self.time <= self.horizon)

    @property
    def free_at_horizon(self) -> NDArray[np.bool_]:
        """Whether the patient is known to be free of the event at the horizon, shape (n,)."""
        return self.time > self.horizon


MeasuredOutcome: TypeAlias = Binary | Quantity | Censored


@dataclass(frozen=True)
class Treated:
    """What was measured of treated patients and of controls; both arms occur, each with all classes of the outcome.

    Parameters
    ----------
    measured
        The outcome of each patient.
    treated
        Shape (n,), bool.
    effect
        How arms are compared: ``event``, ``restricted_mean`` or ``mean``.
    higher_is_better
        Whether a higher value of what is compared is the better one; if not, an effect above 0 is a lower value.
    propensity
        The known chance of treatment; None where it is estimated, because treatment was not assigned at random.
    name
        How a message calls the treatment: by study and column.
    """

    measured: MeasuredOutcome
    treated: NDArray[np.bool_]
    effect: str
    higher_is_better: bool
    propensity: float | None
    name: str = "the treatment"

    def __len__(self) -> int:
        return len(self.treated)

    def take(self, rows: NDArray[np.intp]) -> "Treated":
        """Return the outcome and the arms of some patients."""
        return replace(self, measured=self.measured.take(rows), treated=self.treated[rows])

    @property
    def classes(self) -> Classes:
        """The classes that every part of the patients needs some of: each class of the outcome in each arm, (n,)."""
        arms = {"treated": self.treated, "control": ~self.treated}
        return {
            f"{arm}, {name}": members & in_class
            for name, in_class in self.measured.classes.items()
            for arm, members in arms.items()
        }

    @property
    def strata(self) -> NDArray[np.intp]:
        """Labels within which folds are balanced (the outcome's, in each arm), shape (n,)."""
        return 2 * self.measured.strata + self.treated

    @property
    def reached(self) -> NDArray[np.float64]:
        """What each patient reached, shape (n,), higher being better; where it is not `known`, a placeholder."""
        sign = 1.0 if self.higher_is_better else -1.0
        if isinstance(self.measured, Quantity):
            return sign * self.measured.value
        if isinstance(self.measured, Binary):
            return np.asarray(sign * self.measured.event, dtype=np.float64)
        if self.effect == "restricted_mean":
            return np.minimum(self.measured.time, self.measured.horizon)
        return np.asarray(sign * self.measured.by_horizon, dtype=np.float64)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Who was followed long enough to know what was reached, shape (n,)."""
        if isinstance(self.measured, Censored):
            return self.measured.by_horizon | self.measured.free_at_horizon
        return np.ones(len(self), dtype=bool)


Outcome: TypeAlias = MeasuredOutcome | Treated


def censored_part(outcome: Outcome) -> Censored | None:
    """Return the censored time in an outcome; None where it has none."""
    measured = outcome.measured if isinstance(outcome, Treated) else outcome
    return measured if isinstance(measured, Censored) else None


def with_hazard(outcome: Outcome, hazard: NDArray[np.float64]) -> Outcome:
    """Return a censored outcome with each patient's hazard of being lost, shape (n,)."""
    if isinstance(outcome, Treated) and isinstance(outcome.measured, Censored):
        return replace(outcome, measured=replace(outcome.measured, hazard=hazard))
    return replace(outcome, hazard=hazard) if isinstance(outcome, Censored) else outcome
