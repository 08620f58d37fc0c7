"""Held-out predictions and refits, read back from their tables and refused where they are not what was due."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_string_dtype

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.splits import development_rows, outer_splits
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.refits.membership import Halves
from theragate.evidence.refits.stability import Refits
from theragate.evidence.types import AUDITED_MODELS
from theragate.stages.prediction_table import PredictionTable
from theragate.study import TASKS, EffectOutcome, NestedCrossValidation, Study, SurvivalOutcome

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
    table = PredictionTable(study, "predictions.parquet", "train")
    table.check(predictions, PREDICTIONS)
    due = {(model, CLEAN) for model in ("selected", "reference", "null")}
    if isinstance(study.outcome, EffectOutcome):
        due |= {(name, CLEAN) for name in NUISANCES}
    due |= {("selected", name) for name in study.scenarios}
    present = set(zip(predictions["model"], predictions["scenario"], strict=True))
    if present != due:
        received = f"{len(due - present)} pairs missing and {len(present - due)} unknown"
        raise table.broken(rule="models and scenarios are those of the study", received=received)
    horizon = horizon_of(study)
    if horizon is not None and not (predictions["horizon"] == horizon).all():
        received = f"risks by {_others(predictions['horizon'], horizon)}"
        raise table.broken(rule=f"every risk is one by the horizon, {horizon:g}", received=received)


def _others(horizons: pd.Series, expected: float) -> str:
    return ", ".join(f"{horizon:g}" for horizon in sorted({*horizons} - {expected})[:3])


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
    table = PredictionTable(study, "predictions.parquet", "train")
    by_kind = {kind: table.in_order(rows, due=plan.due) for kind, rows in predictions.groupby(["model", "scenario"])}
    return HeldOut(
        **{model: by_kind[model, CLEAN] for model in ("selected", "reference", "null")},
        scenarios={name: by_kind["selected", name] for name in study.scenarios},
        groups={name: groups[name].to_numpy(dtype=str) for name in groups.columns},
        judged=frozenset(name for name, spec in study.subgroups.items() if spec.judged),
        champion=champion,
        clusters=read_clusters(cohort, study),
        cross_validated=isinstance(study.validation, NestedCrossValidation),
        forest=_may_be_a_forest(study),
    )


def _may_be_a_forest(study: Study) -> bool:
    """Whether a forest is among the families searched; of families of others nobody here knows what they are."""
    return any("forest" in name or name not in TASKS[study.task].families for name in study.tuning.families)


def read_nuisances(predictions: pd.DataFrame, *, study: Study, plan: Plan) -> dict[str, NDArray[np.float64]]:
    """Return expected outcomes and propensities of the held-out patients, each (repeats, n).

    Raises
    ------
    EvidenceError
        As `read_held_out` does.
    """
    table = PredictionTable(study, "predictions.parquet", "train")
    clean = predictions[predictions["scenario"] == CLEAN]
    return {name: table.in_order(clean[clean["model"] == name], due=plan.due) for name in NUISANCES}


def read_champion_predictions(predictions: pd.DataFrame, *, study: Study, plan: Plan) -> NDArray[np.float64] | None:
    """Return the predictions of the champion's recipe, shape (repeats, n); None where it made none.

    Raises
    ------
    EvidenceError
        If they are not of the refits' form, or not those of the patients held out.
    """
    table = PredictionTable(study, "champion.parquet", "refit")
    table.check(predictions, CHAMPION)
    return table.in_order(predictions, due=plan.due) if len(predictions) else None


def read_refits(table: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> Refits:
    """Return the refits' predictions for all patients of `cohort`, in its order.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, or lacks a patient or a refit.
    """
    source = PredictionTable(study, "refits.parquet", "refit")
    source.check(table, REFITS)
    patients = cohort["patient"].to_numpy()
    due = study.stability.refits + 1
    rule = f"{due} models predict every patient of the cohort"
    predictions, drawn = source.by_model(table, ("refit", "drawn"), patients=patients, due=due, rule=rule)
    return Refits(
        original=predictions[0],
        predictions=predictions[1:],
        drawn=drawn.astype(np.int64)[1:],
        clusters=read_clusters(cohort, study),
    )


def read_halves(table: pd.DataFrame, cohort: pd.DataFrame, study: Study, *, plan: Plan) -> Halves:
    """Return the predictions of the audit's models, for those of `cohort` who were learned from, in its order.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, lacks a patient or a model, or two halves do not make the whole.
    """
    source = PredictionTable(study, "halves.parquet", "refit")
    source.check(table, HALVES)
    patients = cohort["patient"].iloc[plan.learned].to_numpy()
    rule = f"{AUDITED_MODELS} models predict every patient who was learned from"
    predictions, inside = source.by_model(table, ("half", "member"), patients=patients, due=AUDITED_MODELS, rule=rule)
    member = inside.astype(bool)
    if (member[::2] == member[1::2]).any():
        raise source.broken(rule="each patient is in one half of every division", received="one in both or in none")
    return Halves(member=member[::2], predictions=predictions.reshape(AUDITED_MODELS // 2, 2, len(patients)))
