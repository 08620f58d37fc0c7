"""The search for one training set: serial, seeded, resumable, and led by the reference model."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.trial import Trial, TrialState

from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import inner_folds
from theragate.learning.families import FitError, Params, family_of
from theragate.learning.features import Feature
from theragate.learning.inner_fold import InnerFold
from theragate.learning.score_journal import Score, ScoreJournal
from theragate.learning.seeds import derive
from theragate.learning.selection import TrialResult
from theragate.study import TaskName
from theragate.workers.site import checkpoint

__all__ = ["Search", "draw", "pruner_of", "tune"]


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
    journal: ScoreJournal,
    clusters: NDArray[np.intp] | None = None,
) -> list[TrialResult]:
    """Run the search on the training rows, or what is left of it if `journal` holds scores of it.

    A family without a solution fails in its trials and the search goes on; a reference without one gets a stronger
    penalty. Every trial draws with a seed of its own, so that an interrupted search ends as an uninterrupted one does.
    No inner fold splits one of the `clusters`, shape (n,), where there are any.

    Returns
    -------
    The trials in their order, the reference first.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    splits = inner_folds(outcome, search.inner_folds, seed=derive(seed, "inner folds"), clusters=clusters)
    folds = [InnerFold(frame, outcome, train=train, test=test, schema=schema) for train, test in splits]
    study = optuna.create_study(pruner=pruner_of(search))
    scorer = _Scorer(search, folds, seed, journal)
    return [_run(study, number, scorer) for number in range(search.length)]


@dataclass(frozen=True)
class _Scorer:
    """Scores trials on the inner folds of a search, unless the journal knows what comes out."""

    search: Search
    folds: list[InnerFold]
    seed: int
    journal: ScoreJournal

    def score(self, family: str, params: Params, step: int) -> Score:
        """Return the score of a trial on one fold."""
        key = self.journal.key(family, params, step)
        known = self.journal.get(key)
        if known is not None:
            return known
        checkpoint()
        kind = family_of(self.search.task, family)
        try:
            score = Score(self.folds[step].score(kind, params, seed=derive(self.seed, "fit", step)), "")
        except FitError as error:
            score = Score(None, str(error))
        self.journal.add(key, score)
        return score


def pruner_of(search: Search) -> optuna.pruners.BasePruner:
    """Compare running means over two folds or more with those of the finished trials on the same folds."""
    return optuna.pruners.MedianPruner(n_startup_trials=len(search.first), n_warmup_steps=1)


def _run(study: optuna.Study, number: int, scorer: _Scorer) -> TrialResult:
    search = scorer.search
    trial, family, params = draw(study, number, search=search, seed=derive(scorer.seed, "sampler", number))
    kind = family_of(search.task, family)
    losses, state, reason = _scored(trial, family, params, scorer)
    first = reason
    while number == 0 and state == "failed" and (stronger := kind.with_stronger_penalty(params)):
        params = dict(stronger)
        losses, state, reason = _scored(trial, family, params, scorer)
    # The sampler knows nothing of a trial that failed, and would draw the like of it again and again; one that was
    # pruned before its first value counts as the worst there is.
    value = float(np.mean(losses)) if state == "complete" else None
    study.tell(trial, value, state=TrialState.PRUNED if value is None else TrialState.COMPLETE)
    return TrialResult(number, family, params, state, tuple(losses), first)


def _scored(trial: Trial, family: str, params: Params, scorer: _Scorer) -> tuple[list[float], str, str]:
    """Return the losses on the folds, how the trial ended, and why it failed."""
    losses: list[float] = []
    for step in range(len(scorer.folds)):
        score = scorer.score(family, params, step)
        if score.loss is None:
            return losses, "failed", score.reason
        losses.append(score.loss)
        with warnings.catch_warnings():
            # A reference with a stronger penalty comes by some folds again: the first report of each stays.
            warnings.filterwarnings("ignore", message="The reported value is ignored")
            trial.report(float(np.mean(losses)), step)
        if step + 1 < len(scorer.folds) and trial.should_prune():
            return losses, "pruned", ""
    return losses, "complete", ""


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
