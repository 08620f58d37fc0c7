"""Held-out predictions and refits, read back from their tables and refused where they are not what was due."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_string_dtype

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.groups import read_groups
from theragate.cohorts.splits import Split, development_rows
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.refits.membership import Halves
from theragate.evidence.refits.stability import Refits
from theragate.evidence.types import AUDITED_MODELS
from theragate.learning.predictions_file import PredictionFile
from theragate.stages.prediction_table import Due, PredictionTable
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
    """Who is held out: positions in the cohort, ascending, and the predictions that are due of them.

    ``learned`` are the positions that the released model is fitted on.
    """

    rows: NDArray[np.intp]
    learned: NDArray[np.intp]
    due: Due

    @property
    def folds(self) -> NDArray[np.int64]:
        """In which fold each held-out patient is, shape (repeats, n)."""
        return self.due.folds


def plan_of(cohort: CohortFile, splits: list[Split]) -> Plan:
    """Return whom training's splits, made anew, hold out, so that patients whom the predictions lack are missed."""
    rows = np.unique(np.concatenate([split.test for split in splits]))
    folds = np.zeros((1 + max(split.repeat for split in splits), len(rows)), dtype=np.int64)
    for split in splits:
        folds[split.repeat, np.searchsorted(rows, split.test)] = split.fold
    return Plan(
        rows=rows,
        learned=development_rows(splits, len(cohort)),
        due=Due(cohort.frame(["patient"], rows)["patient"], folds),
    )


def horizon_of(study: Study) -> float | None:
    """Return the time by which a survival study predicts the risk."""
    return study.measured.horizon if isinstance(study.measured, SurvivalOutcome) else None


def check_predictions(predictions: PredictionFile, study: Study) -> None:
    """Refuse a table that is not of training's form, has numbers that are not finite, or is of another search.

    Raises
    ------
    DataError
        If it is missing or unreadable.
    EvidenceError
        If it is one.
    """
    table = PredictionTable(study, "predictions.parquet", "train")
    table.check_columns(predictions.columns, PREDICTIONS, rows=len(predictions))
    table.check_finite(_numbers(part) for part in predictions.each("prediction"))
    due = {(model, CLEAN) for model in ("selected", "reference", "null")}
    if isinstance(study.outcome, EffectOutcome):
        due |= {(name, CLEAN) for name in NUISANCES}
    due |= {("selected", name) for name in study.scenarios}
    present = {*predictions.kinds}
    if present != due:
        received = f"{len(due - present)} pairs missing and {len(present - due)} unknown"
        raise table.broken(rule="models and scenarios are those of the study", received=received)
    horizon = horizon_of(study)
    if horizon is None:
        return
    others = np.unique(np.concatenate([np.unique(_numbers(part)) for part in predictions.each("horizon")]))
    others = others[others != horizon]
    if len(others):
        received = f"risks by {', '.join(f'{other:g}' for other in others[:3])}"
        raise table.broken(rule=f"every risk is one by the horizon, {horizon:g}", received=received)


def _numbers(part: pa.Array) -> NDArray[np.float64]:
    return np.asarray(part.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def read_held_out(
    cohort: pd.DataFrame, predictions: PredictionFile, *, champion: NDArray[np.float64] | None, study: Study, plan: Plan
) -> HeldOut:
    """Return what is to be measured, for the patients of `cohort`, who are those that `plan` holds out.

    Raises
    ------
    EvidenceError
        If a prediction is missing, is there twice, or is of a patient who was not held out.
    """
    groups = read_groups(cohort, study)
    return HeldOut(
        **{model: _in_order(predictions, (model, CLEAN), study, plan) for model in ("selected", "reference", "null")},
        scenarios={name: _in_order(predictions, ("selected", name), study, plan) for name in study.scenarios},
        groups={name: groups[name].to_numpy(dtype=str) for name in groups.columns},
        judged=frozenset(name for name, spec in study.subgroups.items() if spec.judged),
        champion=champion,
        clusters=read_clusters(cohort, study),
        cross_validated=isinstance(study.validation, NestedCrossValidation),
        forest=_may_be_a_forest(study),
    )


def _in_order(predictions: PredictionFile, kind: tuple[str, str], study: Study, plan: Plan) -> NDArray[np.float64]:
    """Return the predictions of one model in one scenario, (repeats, n)."""
    rows = predictions.rows(kind, ["repeat", "fold", "patient", "prediction"])
    return PredictionTable(study, "predictions.parquet", "train").in_order(rows, due=plan.due)


def _may_be_a_forest(study: Study) -> bool:
    """Whether a forest is among the families searched; of families of others nobody here knows what they are."""
    return any("forest" in name or name not in TASKS[study.task].families for name in study.tuning.families)


def read_nuisances(predictions: PredictionFile, *, study: Study, plan: Plan) -> dict[str, NDArray[np.float64]]:
    """Return expected outcomes and propensities of the held-out patients, each (repeats, n).

    Raises
    ------
    EvidenceError
        As `read_held_out` does.
    """
    return {name: _in_order(predictions, (name, CLEAN), study, plan) for name in NUISANCES}


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


def read_refits(table: pd.DataFrame, cohort: pd.DataFrame, study: Study, *, sampled: bool) -> Refits:
    """Return the refits' predictions for all patients of `cohort`, in its order.

    `sampled`: these are a sample of those learned from, and the refits have a model of it beside the released one.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, or lacks a patient or a refit.
    """
    source = PredictionTable(study, "refits.parquet", "refit")
    source.check(table, REFITS)
    patients = cohort["patient"].to_numpy()
    due = range(-1 if sampled else 0, study.stability.refits + 1)
    rule = f"{len(due)} models predict every patient of the {'sample' if sampled else 'cohort'}"
    predictions, drawn = source.by_model(table, ("refit", "drawn"), patients=patients, due=due, rule=rule)
    released, original, *_ = predictions if sampled else (None, *predictions)
    first = due.index(1)
    return Refits(
        original=original,
        predictions=predictions[first:],
        drawn=drawn.astype(np.int64)[first:],
        clusters=read_clusters(cohort, study),
        released=released,
    )


def read_halves(table: pd.DataFrame, learned: pd.DataFrame, study: Study) -> Halves:
    """Return the predictions of the audit's models, for those who were `learned` from, in their order.

    Raises
    ------
    EvidenceError
        If the table is not of the refits' form, lacks a patient or a model, or two halves do not make the whole.
    """
    source = PredictionTable(study, "halves.parquet", "refit")
    source.check(table, HALVES)
    patients, due = learned["patient"].to_numpy(), range(AUDITED_MODELS)
    rule = f"{AUDITED_MODELS} models predict every patient who was learned from"
    predictions, inside = source.by_model(table, ("half", "member"), patients=patients, due=due, rule=rule)
    member = inside.astype(bool)
    if (member[::2] == member[1::2]).any():
        raise source.broken(rule="each patient is in one half of every division", received="one in both or in none")
    return Halves(member=member[::2], predictions=predictions.reshape(AUDITED_MODELS // 2, 2, len(patients)))
