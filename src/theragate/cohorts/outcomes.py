"""Outcomes, checked when they are made: what is judged downstream is then known to be whole."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.errors import DataError
from theragate.study import BinaryOutcome, EffectOutcome, QuantityOutcome, Study, SurvivalOutcome, Treatment

__all__ = ["Binary", "Censored", "Measured", "Outcome", "Quantity", "Treated", "read_outcome"]

Classes: TypeAlias = dict[str, NDArray[np.bool_]]

_REMEDY = "Correct the source, or the study's `outcome` in params.yaml."
_COMPETING = (
    "Predict the time to the first event of any kind. Do not code the other kinds as censored: patients who can no "
    "longer have the event would count as if they could, and every risk would be too high."
)


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
        """What every part of the patients needs some of, each of shape (n,)."""
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
        """What every part of the patients needs some of, each of shape (n,)."""
        return {"with the quantity": np.ones(len(self.value), dtype=bool)}

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
    def classes(self) -> Classes:
        """What every part of the patients needs some of, each of shape (n,)."""
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


Measured: TypeAlias = Binary | Quantity | Censored


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
        Of what is compared; where it is not so, an effect above 0 is a lower value.
    propensity
        The known chance of treatment; None where it is estimated, because treatment was not assigned at random.
    name
        How a message calls the treatment: by study and column.
    """

    measured: Measured
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
        """What every part of the patients needs some of: each class of the outcome in each arm, shape (n,)."""
        arms = {"treated": self.treated, "control": ~self.treated}
        return {
            f"{arm}, {name}": members & found
            for name, found in self.measured.classes.items()
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


Outcome: TypeAlias = Measured | Treated


def read_outcome(cohort: pd.DataFrame, study: Study) -> Outcome:
    """Take the study's outcome from its cohort.

    Raises
    ------
    DataError
        If a column is absent, there twice or incomplete, holds what is no outcome, or the outcome does not vary; where
        treatments are compared, also if it does not vary within an arm, or there is only one.
    """
    spec = study.outcome
    arms = spec.treatment.column if isinstance(spec, EffectOutcome) else None
    columns = {
        column: _complete(cohort, column, study.name, what="treatment" if column == arms else "outcome")
        for column in study.outcome_columns
    }
    measured = _measured(columns, study)
    if not isinstance(spec, EffectOutcome):
        return measured
    outcome = Treated(
        measured,
        _treated(columns[spec.treatment.column], spec.treatment, study.name),
        effect=spec.effect,
        higher_is_better=spec.better == "higher",
        propensity=spec.treatment.propensity,
        name=f"study `{study.name}`, treatment `{spec.treatment.column}`",
    )
    _check_arms(outcome, spec.treatment, study.name)
    return outcome


def _measured(columns: dict[str, pd.Series], study: Study) -> Measured:
    spec = study.measured
    if isinstance(spec, BinaryOutcome):
        return _binary(columns[spec.column], spec, study.name)
    if isinstance(spec, QuantityOutcome):
        value = _numbers(columns[spec.column], spec.column, study.name)
        if np.ptp(value) == 0:
            raise _broken(study.name, spec.column, "the outcome varies", "one value for all patients")
        return Quantity(value)
    return _censored(columns[spec.time], columns[spec.event], spec, study.name)


def _binary(column: pd.Series, spec: BinaryOutcome, study: str) -> Binary:
    codes = as_codes(column)
    if codes.nunique() > 2:
        raise _broken(
            study,
            spec.column,
            "the outcome has two values, one of which is `positive`: what is unknown is no absence of the event",
            f"{codes.nunique()} distinct values",
        )
    event = (codes == spec.positive).to_numpy(dtype=bool)
    if event.all() or not event.any():
        raise _broken(
            study,
            spec.column,
            "the outcome has patients with and without the event",
            f"{len(event)} patients of one class (`{spec.positive}`, which is positive, in {int(event.sum())})",
        )
    return Binary(event)


def _censored(time: pd.Series, event: pd.Series, spec: SurvivalOutcome, study: str) -> Censored:
    times, codes = _numbers(time, spec.time, study), _numbers(event, spec.event, study)
    if (times < 0).any():
        raise _broken(study, spec.time, "a survival time is 0 or above", f"{int((times < 0).sum())} negative times")
    if not np.isin(codes, (0, 1)).all():
        raise _broken(
            study,
            spec.event,
            "the event is 0 (censored) or 1 (seen); competing events are not supported",
            f"{len(np.unique(codes))} distinct codes",
            remedy=_COMPETING if len(np.unique(codes)) > 2 else _REMEDY,
        )
    outcome = Censored(times, codes.astype(bool), spec.horizon)
    if not outcome.by_horizon.any() or not outcome.free_at_horizon.any():
        raise _broken(
            study,
            spec.event,
            f"there are events by the horizon of {spec.horizon:g} {spec.unit}, and patients followed beyond it",
            f"{int(outcome.by_horizon.sum())} events and {int(outcome.free_at_horizon.sum())} patients beyond it",
        )
    return outcome


def _treated(column: pd.Series, spec: Treatment, study: str) -> NDArray[np.bool_]:
    codes = as_codes(column)
    rule = f"the treatment has two values, one of which (`{spec.treated}`) is that of the treated"
    if codes.nunique() != 2 or not (codes == spec.treated).any():
        here = int((codes == spec.treated).sum())
        received = f"{codes.nunique()} distinct values; {here} of {len(codes)} patients have `{spec.treated}`"
        remedy = "Correct `outcome.treatment` in params.yaml, or leave the patients of other arms out at the source."
        raise _broken(study, spec.column, rule, received, remedy=remedy, what="treatment")
    return (codes == spec.treated).to_numpy(dtype=bool)


def _check_arms(outcome: Treated, spec: Treatment, study: str) -> None:
    for name, members in outcome.classes.items():
        if not members.any():
            rule = "each arm has patients of every class of the outcome"
            remedy = "Compare by an outcome that both arms have, or by an earlier horizon; or add patients."
            raise _broken(study, spec.column, rule, f"none {name}", remedy=remedy, what="treatment")
    if outcome.propensity is None:
        return
    # Ten standard errors of a share: no chance, and no block size, explains so much.
    share, chance = float(outcome.treated.mean()), outcome.propensity
    if abs(share - chance) > 10 * np.sqrt(chance * (1 - chance) / len(outcome)):
        rule = f"where treatment is assigned at random with a chance of {chance:g}, about as many are treated"
        remedy = "Correct `outcome.treatment` in params.yaml: its `treated`, `propensity` or `assigned`; or the source."
        raise _broken(study, spec.column, rule, f"{share:.0%} treated", remedy=remedy, what="treatment")


def _complete(cohort: pd.DataFrame, column: str, study: str, *, what: str) -> pd.Series:
    if len(cohort) == 0:
        raise _broken(study, column, "the cohort has patients", "an empty cohort", what=what)
    found = int((cohort.columns == column).sum())
    if found != 1:
        received = f"{found} columns of that name" if found else "no such column"
        raise _broken(study, column, f"the {what} column is in the cohort, once", received, what=what)
    missing = int(cohort[column].isna().sum())
    if missing:
        raise _broken(study, column, f"the {what} is known for every patient", f"{missing} missing values", what=what)
    return cohort[column]


def _numbers(column: pd.Series, name: str, study: str) -> NDArray[np.float64]:
    # Dates and durations would become nanoseconds.
    if not pd.api.types.is_numeric_dtype(column):
        raise _broken(study, name, "the outcome column holds numbers", f"{column.dtype} values")
    values = column.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise _broken(study, name, "the outcome is finite", f"{int((~np.isfinite(values)).sum())} infinite values")
    return values


def _broken(
    study: str, column: str, rule: str, received: str, *, remedy: str = _REMEDY, what: str = "outcome"
) -> DataError:
    return DataError(f"study `{study}`, {what} column `{column}`", rule=rule, received=received, remedy=remedy)
