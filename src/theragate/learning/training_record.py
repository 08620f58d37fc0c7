"""What training leaves behind in words and numbers: the table of held-out predictions and the record of the search."""

from typing import Literal

import numpy as np
import pandas as pd

from theragate.cohorts.outcomes import Censored, Outcome, Treated
from theragate.cohorts.splits import Split
from theragate.learning.families import families_of
from theragate.learning.features import Feature
from theragate.learning.record import (
    Families,
    Importance,
    InputColumn,
    ModelChoice,
    NumberedChoice,
    OuterSplit,
    SelectionRecord,
    Setback,
    TrainingRecord,
    Trial,
)
from theragate.learning.selection import RULE, TrialResult
from theragate.learning.split_work import SplitResult
from theragate.study import TASKS, Study
from theragate.workers.alike import library_versions

__all__ = ["predictions_table", "training_record"]


def predictions_table(
    cohort: pd.DataFrame, outcome: Outcome, *, splits: list[Split], results: list[SplitResult]
) -> pd.DataFrame:
    """Return one row per held-out patient, repeat, model and scenario, sorted so that the order is always the same."""
    measured = outcome.measured if isinstance(outcome, Treated) else outcome
    horizon = measured.horizon if isinstance(measured, Censored) else np.nan
    parts = []
    for split, result in zip(splits, results, strict=True):
        for (model, scenario), prediction in result.predictions.items():
            part = pd.DataFrame({"patient": cohort["patient"].to_numpy()[split.test]})
            part["patient"] = part["patient"].astype(cohort["patient"].dtype)
            part["repeat"] = np.int16(split.repeat)
            part["fold"] = np.int16(split.fold)
            part["model"] = model
            part["scenario"] = scenario
            part["horizon"] = np.float64(horizon)
            part["prediction"] = prediction
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["model", "scenario", "repeat", "patient"], kind="stable", ignore_index=True)


def training_record(
    study: Study,
    *,
    schema: tuple[Feature, ...],
    splits: list[Split],
    outer: list[SplitResult],
    final: SplitResult,
    patients: int,
    seed: int,
) -> TrainingRecord:
    """Return what a reviewer asks about the search."""
    selection = final.selection
    return TrainingRecord(
        study=study.name,
        task=study.task,
        selected=_choice(selection.chosen),
        reference=_choice(final.trials[0]),
        best=NumberedChoice(**dict(_choice(selection.best)), number=selection.best.number),
        selection=SelectionRecord(
            difference=selection.difference,
            standard_error=selection.standard_error,
            rule=RULE,
            reference_kept=selection.reference_kept,
        ),
        loss=TASKS[study.task].loss,
        trials=tuple(map(_trial, final.trials)),
        outer=tuple(_outer(split, result) for split, result in zip(splits, outer, strict=True)),
        importances=_importances(schema, outer),
        families=Families(searched=study.tuning.families, known=tuple(families_of(study.task, study.installed))),
        features=tuple(feature.name for feature in schema),
        input_schema=tuple(InputColumn(name=feature.name, type=feature.type) for feature in schema),
        validation=study.validation,
        patients=patients,
        developed_on=len(splits[0].train) if len(splits) == 1 else patients,
        seed=seed,
        versions=library_versions(),
        setbacks=_setbacks([*(result.trials for result in outer), final.trials]),
    )


def _choice(trial: TrialResult) -> ModelChoice:
    return ModelChoice(family=trial.family, params=trial.params)


def _trial(trial: TrialResult) -> Trial:
    return Trial(
        **dict(_choice(trial)), number=trial.number, state=trial.state, value=trial.value, folds=tuple(trial.folds)
    )


def _outer(split: Split, result: SplitResult) -> OuterSplit:
    chosen = result.selection.chosen
    return OuterSplit(
        **dict(_choice(chosen)),
        repeat=split.repeat,
        fold=split.fold,
        inner_value=chosen.value,
        reference_kept=result.selection.reference_kept,
        trials=len(result.trials),
        pruned=sum(trial.state == "pruned" for trial in result.trials),
        failed=sum(trial.state == "failed" for trial in result.trials),
    )


def _setbacks(searches: list[list[TrialResult]]) -> tuple[Setback, ...]:
    """Return the families without a solution, with the first reason of each, in the order of their names."""
    lost: dict[str, list[str]] = {}
    for trials in searches:
        for family in {trial.family for trial in trials[1:]}:
            own = [trial for trial in trials[1:] if trial.family == family]
            if all(trial.state == "failed" for trial in own):
                lost.setdefault(family, []).append(own[0].reason)
    setbacks = [
        Setback(family=family, outcome="fell out", searches=len(reasons), of=len(searches), reason=reasons[0])
        for family, reasons in sorted(lost.items())
    ]
    harder = [trials[0] for trials in searches if trials[0].reason]
    if harder:
        first = harder[0]
        outcome: Literal["a stronger penalty"] = "a stronger penalty"
        setbacks.insert(
            0,
            Setback(family=first.family, outcome=outcome, searches=len(harder), of=len(searches), reason=first.reason),
        )
    return tuple(setbacks)


def _importances(schema: tuple[Feature, ...], outer: list[SplitResult]) -> dict[str, Importance]:
    table = np.array([result.importances for result in outer])
    spread = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(len(schema))
    means = table.mean(axis=0)
    return {
        feature.name: Importance(mean=float(mean), sd=float(deviation))
        for feature, mean, deviation in zip(schema, means, spread, strict=True)
    }
