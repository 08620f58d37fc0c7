"""Outcomes, checked when they are made: what is judged downstream is then known to be whole."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import DataError
from theragate.study import BinaryOutcome, QuantityOutcome, Study

__all__ = ["Binary", "Censored", "Outcome", "Quantity", "read_outcome"]

_REMEDY = "Correct the source, or the study's `outcome` in params.yaml."


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
    def strata(self) -> NDArray[np.intp]:
        """Quintiles of the outcome, within which folds are balanced, shape (n,)."""
        return np.searchsorted(np.quantile(self.value, [0.2, 0.4, 0.6, 0.8]), self.value).astype(np.intp)


@dataclass(frozen=True)
class Censored:
    """``time``: shape (n,), floats >= 0 in the study's unit; ``event``: shape (n,), True where the event was seen.

    ``horizon`` is the time by which the risk is predicted.
    """

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    horizon: float

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: NDArray[np.intp]) -> "Censored":
        """Return the outcome of some patients."""
        return Censored(self.time[rows], self.event[rows], self.horizon)

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


Outcome: TypeAlias = Binary | Quantity | Censored


def read_outcome(cohort: pd.DataFrame, study: Study) -> Outcome:
    """Take the study's outcome from its cohort.

    Raises
    ------
    DataError
        If a column is absent or incomplete, a time is negative, or the outcome does not vary.
    """
    spec = study.outcome
    for column in study.outcome_columns:
        _present(cohort, column, study.name)
    if isinstance(spec, BinaryOutcome):
        values = cohort[spec.column].astype(str)
        event = (values == spec.positive).to_numpy(dtype=bool)
        if event.all() or not event.any():
            raise _broken(
                study.name,
                spec.column,
                "the outcome has patients with and without the event",
                f"{len(event)} patients of one class (positive is `{spec.positive}`)",
            )
        return Binary(event)
    if isinstance(spec, QuantityOutcome):
        quantity = _numbers(cohort, spec.column, study.name)
        if np.ptp(quantity) == 0:
            raise _broken(study.name, spec.column, "the outcome varies", "one value for all patients")
        return Quantity(quantity)
    time = _numbers(cohort, spec.time, study.name)
    if (time < 0).any():
        raise _broken(study.name, spec.time, "a survival time is 0 or above", f"{int((time < 0).sum())} negative times")
    code = _numbers(cohort, spec.event, study.name)
    if not np.isin(code, (0, 1)).all():
        raise _broken(
            study.name,
            spec.event,
            "the event is 0 (censored) or 1 (seen); competing events are not supported",
            f"{len(np.unique(code))} distinct codes",
        )
    outcome = Censored(time, code.astype(bool), spec.horizon)
    if not outcome.by_horizon.any() or not outcome.free_at_horizon.any():
        raise _broken(
            study.name,
            spec.event,
            f"there are events by the horizon of {spec.horizon:g} {spec.unit}, and patients followed beyond it",
            f"{int(outcome.by_horizon.sum())} events and {int(outcome.free_at_horizon.sum())} patients beyond it",
        )
    return outcome


def _present(cohort: pd.DataFrame, column: str, study: str) -> None:
    if len(cohort) == 0:
        raise _broken(study, column, "the cohort has patients", "an empty cohort")
    if column not in cohort.columns:
        raise _broken(study, column, "the outcome column is in the cohort", "no such column")
    missing = int(cohort[column].isna().sum())
    if missing:
        raise _broken(study, column, "the outcome is known for every patient", f"{missing} missing values")


def _numbers(cohort: pd.DataFrame, column: str, study: str) -> NDArray[np.float64]:
    try:
        values = cohort[column].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _broken(study, column, "the outcome column holds numbers", f"{cohort[column].dtype} values") from error
    if not np.isfinite(values).all():
        raise _broken(study, column, "the outcome is finite", f"{int((~np.isfinite(values)).sum())} infinite values")
    return values


def _broken(study: str, column: str, rule: str, received: str) -> DataError:
    return DataError(f"study `{study}`, outcome column `{column}`", rule=rule, received=received, remedy=_REMEDY)
