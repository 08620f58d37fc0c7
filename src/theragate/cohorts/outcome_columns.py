"""The outcome, read from the cohort's columns and checked: what is judged downstream is then known to be whole."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.cohorts.cohort_frame import Cohort
from theragate.cohorts.outcomes import Binary, Censored, MeasuredOutcome, Outcome, Quantity, Treated
from theragate.errors import DataError, did_you_mean
from theragate.study import BinaryOutcome, EffectOutcome, QuantityOutcome, Study, SurvivalOutcome, Treatment

__all__ = ["outcome_of", "read_outcome"]

_REMEDY = "Correct the source, or the study's `outcome` in params.yaml."
_COMPETING = (
    "Predict the time to the first event of any kind. Do not code the other kinds as censored: patients who can no "
    "longer have the event would count as if they could, and every risk would be too high."
)


def read_outcome(cohort: pd.DataFrame, study: Study) -> Outcome:
    """Take the study's outcome from its cohort.

    Raises
    ------
    DataError
        If a column is absent, occurs twice or is incomplete, if its values are not an outcome's, or if the outcome
        does not vary; where treatments are compared, also if it does not vary within an arm, or there is one arm.
    """
    spec = study.outcome
    arms = spec.treatment.column if isinstance(spec, EffectOutcome) else None
    for column in study.outcome_columns:
        _check_present(cohort, column, study.name, what="treatment" if column == arms else "outcome")
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


def outcome_of(cohort: Cohort, study: Study) -> Outcome:
    """Take the study's outcome from its cohort, of which no other column is read; see `read_outcome`."""
    named = set(study.outcome_columns) <= set(cohort.columns)
    return read_outcome(cohort.frame(study.outcome_columns) if named else cohort.columns, study)


def _measured(columns: dict[str, pd.Series], study: Study) -> MeasuredOutcome:
    spec = study.measured
    if isinstance(spec, BinaryOutcome):
        return _binary(columns[spec.column], spec, study.name)
    if isinstance(spec, QuantityOutcome):
        value = _numbers(columns[spec.column], spec.column, study.name)
        if np.ptp(value) == 0:
            raise _unfit_column(
                study.name, spec.column, rule="the outcome varies", received="one value for all patients"
            )
        return Quantity(value)
    return _censored(columns[spec.time], columns[spec.event], spec, study.name)


def _binary(column: pd.Series, spec: BinaryOutcome, study: str) -> Binary:
    codes = as_codes(column)
    if codes.nunique() > 2:
        raise _unfit_column(
            study,
            spec.column,
            rule="the outcome has two values, one of which is `positive`; an unknown value does not mean no event",
            received=f"{codes.nunique()} distinct values",
        )
    event = (codes == spec.positive).to_numpy(dtype=bool)
    if event.all() or not event.any():
        raise _unfit_column(
            study,
            spec.column,
            rule="the outcome has patients with and without the event",
            received=f"{len(event)} patients of one class (the positive value `{spec.positive}` in {int(event.sum())})",
        )
    return Binary(event)


def _censored(time: pd.Series, event: pd.Series, spec: SurvivalOutcome, study: str) -> Censored:
    times, codes = _numbers(time, spec.time, study), _events(event, spec, study)
    if (times < 0).any():
        raise _unfit_column(
            study, spec.time, rule="a survival time is 0 or above", received=f"{int((times < 0).sum())} negative times"
        )
    if not np.isin(codes, (0, 1)).all():
        raise _unfit_column(
            study,
            spec.event,
            rule="the event is 0 (censored) or 1 (seen); competing events are not supported",
            received=f"{len(np.unique(codes))} distinct codes",
            remedy=_COMPETING if len(np.unique(codes)) > 2 else _REMEDY,
        )
    outcome = Censored(times, codes.astype(bool), spec.horizon, marginal=spec.censoring == "marginal")
    if not outcome.by_horizon.any() or not outcome.free_at_horizon.any():
        raise _unfit_column(
            study,
            spec.event,
            rule=f"there are events by the horizon of {spec.horizon:g} {spec.unit}, and patients followed beyond it",
            received=f"{outcome.by_horizon.sum()} events and {outcome.free_at_horizon.sum()} patients beyond it",
        )
    return outcome


def _events(event: pd.Series, spec: SurvivalOutcome, study: str) -> NDArray[np.float64]:
    """Return 1 where the event was seen and 0 where not, or what stands in a column that declares no other codes."""
    if spec.observed is None:
        return _numbers(event, spec.event, study)
    codes = as_codes(event)
    seen = codes == spec.observed
    if codes.nunique() > 2 or not seen.any():
        raise _unfit_column(
            study,
            spec.event,
            rule=f"the event has two values, one of which (`{spec.observed}`) means that it was seen",
            received=f"{codes.nunique()} distinct values; {int(seen.sum())} of {len(codes)} patients have that one",
            remedy=_COMPETING if codes.nunique() > 2 else _REMEDY,
        )
    return np.asarray(seen, dtype=np.float64)


def _treated(column: pd.Series, spec: Treatment, study: str) -> NDArray[np.bool_]:
    codes = as_codes(column)
    rule = f"the treatment has two values, one of which (`{spec.treated}`) marks the treated"
    if codes.nunique() != 2 or not (codes == spec.treated).any():
        treated = int((codes == spec.treated).sum())
        received = f"{codes.nunique()} distinct values; {treated} of {len(codes)} patients have `{spec.treated}`"
        remedy = "Correct `outcome.treatment` in params.yaml, or leave out the patients of other arms at the source."
        raise _unfit_column(study, spec.column, rule=rule, received=received, remedy=remedy, what="treatment")
    return (codes == spec.treated).to_numpy(dtype=bool)


def _check_arms(outcome: Treated, spec: Treatment, study: str) -> None:
    for name, members in outcome.classes.items():
        if not members.any():
            rule = "each arm has patients in every class of the outcome"
            remedy = "Compare an outcome that occurs in both arms, choose an earlier horizon, or add patients."
            received = f"no patient of the class `{name}`"
            raise _unfit_column(study, spec.column, rule=rule, received=received, remedy=remedy, what="treatment")
    if outcome.propensity is None:
        return
    # Ten standard errors of a share: neither chance nor blocks of any size explain that much.
    share, chance = float(outcome.treated.mean()), outcome.propensity
    if abs(share - chance) > 10 * np.sqrt(chance * (1 - chance) / len(outcome)):
        rule = f"where treatment is assigned at random with a chance of {chance:g}, about that share is treated"
        remedy = "Correct `outcome.treatment` in params.yaml: its `treated`, `propensity` or `assigned`; or the source."
        raise _unfit_column(
            study, spec.column, rule=rule, received=f"{share:.0%} treated", remedy=remedy, what="treatment"
        )


def _check_present(cohort: pd.DataFrame, column: str, study: str, *, what: str) -> None:
    columns = int((cohort.columns == column).sum())
    if columns != 1:
        received = f"{columns} columns of that name" if columns else "no such column"
        raise _unfit_column(
            study,
            column,
            rule=f"the {what} column is in the cohort, once",
            received=received,
            remedy="" if columns else did_you_mean(column, cohort.columns) + _REMEDY,
            what=what,
        )


def _complete(cohort: pd.DataFrame, column: str, study: str, *, what: str) -> pd.Series:
    if len(cohort) == 0:
        raise _unfit_column(study, column, rule="the cohort has patients", received="an empty cohort", what=what)
    missing = int(cohort[column].isna().sum())
    if missing:
        raise _unfit_column(
            study,
            column,
            rule=f"the {what} is known for every patient",
            received=f"{missing} missing values",
            what=what,
        )
    return cohort[column]


def _numbers(column: pd.Series, name: str, study: str) -> NDArray[np.float64]:
    # Dates and durations would become nanoseconds.
    if not pd.api.types.is_numeric_dtype(column):
        raise _unfit_column(study, name, rule="the outcome column holds numbers", received=f"{column.dtype} values")
    values = column.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise _unfit_column(
            study, name, rule="the outcome is finite", received=f"{int((~np.isfinite(values)).sum())} infinite values"
        )
    return values


def _unfit_column(
    study: str, column: str, *, rule: str, received: str, remedy: str = _REMEDY, what: str = "outcome"
) -> DataError:
    return DataError(f"study `{study}`, {what} column `{column}`", rule=rule, received=received, remedy=remedy)
