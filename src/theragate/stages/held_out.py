"""Held-out predictions and refits, read back from their tables and refused where they are not what was due."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_string_dtype

from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.splits import development_rows, outer_splits
from theragate.errors import EvidenceError
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.refits.membership import Halves
from theragate.evidence.refits.stability import Refits
from theragate.evidence.types import AUDITED_MODELS
from theragate.study import EffectOutcome, NestedCrossValidation, Study, SurvivalOutcome

__all__ = [
    "Plan",
    "check_predictions",
    "horizon_of",
    "plan_of",
    "read_champion_predictions",
    "read_halves",
    "read_held_out",
    "read_nuisances",
    "read_refits",
]

NUISANCES = ("control", "treated", "propensity")  # what doubly robust scores are made of
CLEAN = "clean"  # the scenario of predictions from unchanged inputs
PREDICTIONS: dict[str, Any] = {
    "patient": is_string_dtype,
    "repeat": is_integer_dtype,
    "fold": is_integer_dtype,
    "model": is_string_dtype,
    "scenario": is_string_dtype,
    "horizon": is_float_dtype,
    "prediction": is_float_dtype,
}
CHAMPION: dict[str, Any] = {name: PREDICTIONS[name] for name in ("repeat", "fold", "patient", "prediction")}
REFITS: dict[str, Any] = {
    "refit": is_integer_dtype,
    "patient": is_string_dtype,
    "drawn": is_integer_dtype,
    "prediction": is_float_dtype,
}
HALVES: dict[str, Any] = {
    "half": is_integer_dtype,
    "patient": is_string_dtype,
    "member": is_bool_dtype,
    "prediction": is_float_dtype,
}


@dataclass(frozen=True)
class Plan:
    """Who is held out: positions in the cohort, ascending, and (repeat, fold, patient) of every prediction due.

    ``learned`` are the positions that the released model is fitted on.
    """

    rows: NDArray[np.intp]
    learned: NDArray[np.intp]
    due: pd.MultiIndex

    @property
    def folds(self) -> NDArray[np.int64]:
        """In which fold each held-out patient is, shape (repeats, n)."""
        return self.due.get_level_values("fold").to_numpy(dtype=np.int64).reshape(-1, len(self.rows))


def plan_of(cohort: pd.DataFrame, study: Study, *, seed: int) -> Plan:
    """Repeat training's splits, so that patients whom the file of predictions lacks are missed."""
    splits = outer_splits(cohort, read_outcome(cohort, study), study, seed=seed)
    parts = [pd.DataFrame({"repeat": split.repeat, "fold": split.fold, "row": split.test}) for split in splits]
    due = pd.concat(parts).sort_values(["repeat", "row"], ignore_index=True)
    patients = cohort["patient"].iloc[due["row"]].reset_index(drop=True)
    return Plan(
        rows=np.unique(due["row"].to_numpy(dtype=np.intp)),
        learned=development_rows(splits, len(cohort)),
        due=pd.MultiIndex.from_arrays([due["repeat"], due["fold"], patients]),
    )


def horizon_of(study: Study) -> float | None:
    """Return the time by which a survival study predicts the risk."""
    return study.measured.horizon if isinstance(study.measured, SurvivalOutcome) else None


def check_predictions(predictions: pd.DataFrame, study: Study) -> None:
    """Refuse a table that is not of training's form, has numbers that are not finite, or is of another search.

    Raises
    ------
    EvidenceError
        If it is one.
    """
    table = _Table(study, "predictions.parquet", "train")
    table.check(predictions, PREDICTIONS)
    due = {(model, CLEAN) for model in ("selected", "reference", "null")}
    if isinstance(study.outcome, EffectOutcome):
        due |= {(name, CLEAN) for name in NUISANCES}
    due |= {("selected", name) for name in study.scenarios}
    found = set(zip(predictions["model"], predictions["scenario"], strict=True))
    if found != due:
        received = f"{len(due - found)} pairs missing and {len(found - due)} unknown"
        raise table.broken(rule="models and scenarios are those of the study", received=received)
    horizon = horizon_of(study)
    if horizon is not None and not (predictions["horizon"] == horizon).all():
        raise table.broken(rule=f"every risk is one by the horizon, {horizon:g}", received="risks by another time")


def read_held_out(
    cohort: pd.DataFrame, predictions: pd.DataFrame, *, champion: NDArray[np.float64] | None, study: Study, plan: Plan
) -> HeldOut:
    """Return what is to be measured, for the patients of `cohort`, who are those that `plan` holds out.

    Raises
    ------
    EvidenceError
        If a prediction is missing, is there twice, or is of a patient who was not held out.
    """
    groups = read_groups(cohort, study)
    table = _Table(study, "predictions.parquet", "train")
    by_kind = {kind: table.in_order(rows, plan=plan) for kind, rows in predictions.groupby(["model", "scenario"])}
    return HeldOut(
        **{model: by_kind[model, CLEAN] for model in ("selected", "reference", "null")},
        scenarios={name: by_kind["selected", name] for name in study.scenarios},
        groups={name: groups[name].to_numpy(dtype=str) for name in groups.columns},
        judged=frozenset(name for name, spec in study.subgroups.items() if spec.judged),
        champion=champion,
        cross_validated=isinstance(study.validation, NestedCrossValidation),
    )


def read_nuisances(predictions: pd.DataFrame, *, study: Study, plan: Plan) -> dict[str, NDArray[np.float64]]:
    """Return expected outcomes and propensities of the held-out patients, each (repeats, n).

    Raises
    ------
    EvidenceError
        As `read_held_out` does.
    """
    table = _Table(study, "predictions.parquet", "train")
    clean = predictions[predictions["scenario"] == CLEAN]
    return {name: table.in_order(clean[clean["model"] == name], plan=plan) for name in NUISANCES}


def read_champion_predictions(predictions: pd.DataFrame, *, study: Study, plan: Plan) -> NDArray[np.float64] | None:
    """Return the predictions of the champion's recipe, shape (repeats, n); None where it made none.

    Raises
    ------
    EvidenceError
        If they are not of the refits' form, or not those of the patients held out.
    """
    table = _Table(study, "champion.parquet", "refit")
    table.check(predictions, CHAMPION)
    return table.in_order(predictions, plan=plan) if len(predictions) else None


def read_refits(table: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Refits:
    """Return the refits' predictions for all patients of `cohort`, in its order.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, or lacks a patient or a refit.
    """
    source = _Table(study, "refits.parquet", "refit")
    source.check(table, REFITS)
    patients = cohort["patient"].to_numpy()
    due = study.stability.refits + 1
    rule = f"{due} models predict every patient of the cohort"
    found, drawn = source.by_model(table, ("refit", "drawn"), patients=patients, due=due, rule=rule)
    return Refits(original=found[0], predictions=found[1:], drawn=drawn.astype(np.int64)[1:])


def read_halves(table: pd.DataFrame, cohort: pd.DataFrame, study: Study, *, plan: Plan) -> Halves:
    """Return the predictions of the audit's models, for those of `cohort` who were learned from, in its order.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, lacks a patient or a model, or two halves do not make the whole.
    """
    source = _Table(study, "halves.parquet", "refit")
    source.check(table, HALVES)
    patients = cohort["patient"].iloc[plan.learned].to_numpy()
    rule = f"{AUDITED_MODELS} models predict every patient who was learned from"
    found, inside = source.by_model(table, ("half", "member"), patients=patients, due=AUDITED_MODELS, rule=rule)
    member = inside.astype(bool)
    if (member[::2] == member[1::2]).any():
        raise source.broken(rule="each patient is in one half of every division", received="one in both or in none")
    return Halves(member=member[::2], predictions=found.reshape(AUDITED_MODELS // 2, 2, len(patients)))


@dataclass(frozen=True)
class _Table:
    """A table of predictions, with the words for what is wrong with it."""

    study: Study
    name: str
    stage: str

    def check(self, table: pd.DataFrame, form: dict[str, Any]) -> None:
        columns = [str(column) for column in table.columns]
        if sorted(columns) != sorted(form):
            absent = [name for name in form if name not in columns]
            received = f"one without {', '.join(absent)}" if absent else f"{len(columns)} columns"
            raise self.broken(rule=f"the table's columns are {', '.join(form)}", received=received)
        odd = [name for name, fits in form.items() if len(table) and not fits(table[name])]
        if odd:
            raise self.broken(rule="every column has its type", received=f"another type in {', '.join(odd)}")
        unfit = int((~np.isfinite(table["prediction"].to_numpy(dtype=np.float64))).sum())
        if unfit:
            received = f"{unfit} of {len(table)} that are not"
            raise self.broken(rule="every prediction is a finite number", received=received)

    def in_order(self, rows: pd.DataFrame, *, plan: Plan) -> NDArray[np.float64]:
        """Return predictions as (repeats, patients), in the cohort's order; every patient once per repeat."""
        found = rows.set_index(["repeat", "fold", "patient"])["prediction"]
        twice = int(found.index.duplicated().sum())
        missing, strange = int((~plan.due.isin(found.index)).sum()), int((~found.index.isin(plan.due)).sum())
        if twice or missing or strange:
            raise self.broken(
                rule="every held-out patient is predicted once in every repeat, by each model and in each scenario",
                received=f"{missing} predictions missing, {strange} of patients not held out there, {twice} repeated",
            )
        return found.reindex(plan.due).to_numpy(dtype=np.float64).reshape(-1, len(plan.rows))

    def by_model(
        self, table: pd.DataFrame, columns: tuple[str, str], *, patients: NDArray[Any], due: int, rule: str
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return predictions, and another column, as (models, patients); `columns` name the model and that column."""
        model, other = columns
        if table.duplicated([model, "patient"]).any():
            called = "refit" if model == "refit" else "model"
            raise self.broken(rule=f"a {called} predicts every patient once", received="a patient who is there twice")
        wide = table.pivot(index=model, columns="patient", values=["prediction", other])
        complete = list(wide.index) == list(range(due)) and set(wide["prediction"].columns) == set(patients)
        if not complete or wide.isna().to_numpy().any():
            raise self.broken(rule=rule, received=f"{len(wide)} models, of which some lack patients or have others")
        return wide["prediction"][patients].to_numpy(dtype=np.float64), wide[other][patients].to_numpy()

    def broken(self, *, rule: str, received: str) -> EvidenceError:
        return EvidenceError(
            f"study `{self.study.name}`, {self.name}",
            rule=rule,
            received=received,
            remedy=f"Run `dvc repro -f {self.stage}@{self.study.name}`.",
        )
