"""The search for one training set: serial, seeded, resumable, and led by the reference model."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, Trial, TrialState

from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import inner_folds
from theragate.learning.families import Family, FitError, Params, family_of
from theragate.learning.features import Feature
from theragate.learning.inner_fold import InnerFold
from theragate.learning.search_journal import open_journal
from theragate.learning.seeds import derive
from theragate.learning.selection import TrialResult
from theragate.study import TaskName

__all__ = ["Search", "draw", "pruner_of", "tune"]

_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Search:
    """What is searched: trial 0 is the reference; then each family's fixed parameters; then TPE over all families."""

    task: TaskName
    reference: str
    families: tuple[str, ...]
    trials: int
    inner_folds: int

    @property
    def first(self) -> tuple[str, ...]:
        """The families of the first trials, whose parameters are fixed."""
        return (self.reference, *self.families)

    @property
    def length(self) -> int:
        """How many trials there are: with nothing to compare the reference with, the reference alone."""
        return self.trials if self.families else 1


def tune(
    frame: pd.DataFrame,
    outcome: Outcome,
    *,
    search: Search,
    schema: tuple[Feature, ...],
    seed: int,
    journal: Path,
    clusters: NDArray[np.intp] | None = None,
) -> list[TrialResult]:
    """Run the search on the training rows, or what is left of it if `journal` holds its beginning.

    A family without a solution fails in its trials and the search goes on; a reference without one gets a stronger
    penalty. Every trial draws with a seed of its own, so that an interrupted search ends as an uninterrupted one does:
    a trial that was running when its process died is run again under the same number. No inner fold splits one of the
    `clusters`, shape (n,), where there are any.

    Returns
    -------
    The trials in their order, the reference first.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    splits = inner_folds(outcome, search.inner_folds, seed=derive(seed, "inner folds"), clusters=clusters)
    folds = [InnerFold(frame, outcome, train=train, test=test, schema=schema) for train, test in splits]
    with open_journal(journal) as storage:
        study = optuna.create_study(storage=storage, study_name="search", pruner=pruner_of(search), load_if_exists=True)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            storage.set_trial_user_attr(trial._trial_id, "interrupted", True)
            study.tell(trial.number, state=TrialState.FAIL)
        for number in range(len(_finished(study)), search.length):
            _run(study, number, search=search, folds=folds, seed=seed)
        return [_result(number, trial) for number, trial in enumerate(_finished(study))]


def pruner_of(search: Search) -> optuna.pruners.BasePruner:
    """Compare running means over two folds or more with those of the finished trials on the same folds."""
    return optuna.pruners.MedianPruner(n_startup_trials=len(search.first), n_warmup_steps=1)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state.is_finished() and "interrupted" not in trial.user_attrs]


def _run(study: optuna.Study, number: int, *, search: Search, folds: list[InnerFold], seed: int) -> None:
    trial, family, params = draw(study, number, search=search, seed=derive(seed, "sampler", number))
    kind = family_of(search.task, family)
    losses, state, reason = _scored(trial, kind, params, folds=folds, seed=seed)
    first = reason
    while number == 0 and state == TrialState.FAIL and (stronger := kind.with_stronger_penalty(params)):
        params = dict(stronger)
        losses, state, reason = _scored(trial, kind, params, folds=folds, seed=seed)
    result = {"family": family, "params": params, "folds": losses}
    trial.set_user_attr("result", {**result, "state": _STATES[state]} | ({"reason": first} if first else {}))
    # The sampler knows nothing of a trial that failed, and would draw the like of it again and again; one that was
    # pruned before its first value counts as the worst there is.
    told = TrialState.PRUNED if state == TrialState.FAIL else state
    study.tell(trial, float(np.mean(losses)) if state == TrialState.COMPLETE else None, state=told)


def _scored(
    trial: Trial, kind: Family, params: Params, *, folds: list[InnerFold], seed: int
) -> tuple[list[float], TrialState, str]:
    """Return the losses on the folds, how the trial ended, and why it failed."""
    losses: list[float] = []
    try:
        for step, fold in enumerate(folds):
            losses.append(fold.score(kind, params, seed=derive(seed, "fit", step)))
            with warnings.catch_warnings():
                # A reference with a stronger penalty comes by some folds again: the first report of each stays.
                warnings.filterwarnings("ignore", message="The reported value is ignored")
                trial.report(float(np.mean(losses)), step)
            if step + 1 < len(folds) and trial.should_prune():
                return losses, TrialState.PRUNED, ""
    except FitError as error:
        return losses, TrialState.FAIL, str(error)
    return losses, TrialState.COMPLETE, ""


def draw(
    study: optuna.Study, number: int, *, search: Search, seed: int, others_run: bool = False
) -> tuple[Trial, str, dict[str, Any]]:
    """Return a new trial with its family and parameters; `others_run`: it is not to be like those that still run."""
    # The space depends on the family drawn, so each parameter is drawn by itself.
    sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
        seed=seed, multivariate=False, n_startup_trials=len(search.first), constant_liar=others_run
    )
    if number < len(search.first):
        family = search.first[number]
        fixed = dict(family_of(search.task, family).fixed)
        if number == 0:
            study.sampler = sampler
            return study.ask(), family, fixed
        given = {"family": family, **{f"{family}.{key}": value for key, value in fixed.items()}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.PartialFixedSampler(given, sampler)
    study.sampler = sampler
    trial = study.ask()
    family = trial.suggest_categorical("family", search.families)
    return trial, family, family_of(search.task, family).suggest(trial, f"{family}.")


def _result(number: int, trial: FrozenTrial) -> TrialResult:
    result = trial.user_attrs["result"]
    return TrialResult(
        number=number,
        family=result["family"],
        params=dict(result["params"]),
        state=result["state"],
        folds=tuple(result["folds"]),
        reason=result.get("reason", ""),
    )
