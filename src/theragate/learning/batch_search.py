"""The search of a large study: trials are asked for in batches of fixed size, whose scores all workers share.

A batch is as large whatever the number of workers, so that the same trials are asked for; each learns from those of the
batches before. Within one, fold after fold is scored, and what is hopeless is given up, as in the search of a small
study (`theragate.learning.tuning`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import threadpoolctl
from numpy.typing import NDArray
from optuna.trial import Trial, TrialState

from theragate.cohorts.outcomes import Outcome, with_hazard
from theragate.cohorts.splits import inner_folds
from theragate.learning.families import FitError, Params, family_of
from theragate.learning.patients import PatientsOfFile
from theragate.learning.score_journal import Score, ScoreJournal
from theragate.learning.seeds import derive
from theragate.learning.selection import TrialResult
from theragate.learning.shared_fold import SharedFold
from theragate.learning.tuning import Search, draw, pruner_of
from theragate.workers.backend import Workers
from theragate.workers.kept import Kept
from theragate.workers.site import checkpoint, room_for

__all__ = ["SearchPatients", "search_in_batches"]

_BATCH = 4
_FOLDS: Kept[SharedFold] = Kept(32)  # by their folders


@dataclass(frozen=True)
class SearchPatients:
    """Who is searched with: the patients of a file that every worker can read.

    ``hazard``, shape (n,), is how much sooner than others each would be lost to follow-up; None where that is the same
    for all. ``folder`` is for matrices that workers share. ``seed`` is that of the search.
    """

    source: PatientsOfFile
    hazard: NDArray[np.float64] | None
    folder: Path
    search: Search
    seed: int

    @property
    def outcome(self) -> Outcome:
        """Their outcome, with the hazards."""
        outcome = self.source.read().outcome
        return outcome if self.hazard is None else with_hazard(outcome, self.hazard)


@dataclass(frozen=True)
class _Scoring:
    position: int
    patients: SearchPatients
    fold: int
    family: str
    params: Params


@dataclass
class _Running:
    number: int
    trial: Trial
    family: str
    params: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    state: str = "running"
    reason: str = ""


def search_in_batches(
    patients: SearchPatients, *, workers: Workers, journal: Path, progress: Callable[[int], None]
) -> list[TrialResult]:
    """Run the search, or what is left of it if `journal` holds scores of it.

    Parameters
    ----------
    patients
        Who is searched with.
    workers
        Who does the work; how many they are makes no difference to the result.
    journal
        A file of scores.
    progress
        Called with the number of trials that have ended.

    Returns
    -------
    The trials in their order, the reference first.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search, known = patients.search, ScoreJournal(journal)
    study = optuna.create_study(pruner=pruner_of(search))
    results: list[TrialResult] = []
    while len(results) < search.length:
        first = len(results)
        many = min(len(search.first) if first == 0 else _BATCH, search.length - first)
        batch = []
        for number in range(first, first + many):
            seed = derive(patients.seed, "sampler", number)
            batch.append(_Running(number, *draw(study, number, search=search, seed=seed, others_run=True)))
        _score(batch, patients, workers=workers, known=known)
        results += [_told(study, running) for running in batch]
        progress(len(results))
    return results


def _score(batch: Sequence[_Running], patients: SearchPatients, *, workers: Workers, known: ScoreJournal) -> None:
    """Score a batch, fold after fold; a reference without a solution begins again with a stronger penalty."""
    folds = patients.search.inner_folds
    for fold in range(folds):
        alive = [running for running in batch if running.state == "running"]
        scores = _scores(alive, patients, fold=fold, workers=workers, known=known)
        for running, score in zip(alive, scores, strict=True):
            if score.loss is None:
                running.state, running.reason = "failed", score.reason
                continue
            running.losses.append(score.loss)
            running.trial.report(float(np.mean(running.losses)), fold)
        for running in alive:
            if running.state == "running" and fold + 1 < folds and running.trial.should_prune():
                running.state = "pruned"
    for running in batch:
        if running.state == "running":
            running.state = "complete"
        elif running.state == "failed" and running.number == 0:
            _strengthen(running, patients, workers=workers, known=known)


def _strengthen(reference: _Running, patients: SearchPatients, *, workers: Workers, known: ScoreJournal) -> None:
    """Give a reference without a solution a penalty ten times as strong, again and again if need be."""
    family, first = family_of(patients.search.task, reference.family), reference.reason
    while reference.state == "failed" and (stronger := family.with_stronger_penalty(reference.params)):
        reference.params, reference.losses = dict(stronger), []
        for fold in range(patients.search.inner_folds):
            (score,) = _scores([reference], patients, fold=fold, workers=workers, known=known)
            if score.loss is None:
                break
            reference.losses.append(score.loss)
        else:
            reference.state = "complete"
    reference.reason = first


def _scores(
    alive: Sequence[_Running], patients: SearchPatients, *, fold: int, workers: Workers, known: ScoreJournal
) -> list[Score]:
    """Return the scores of trials on one fold, of which those that are not known yet are worked for."""
    keys = [known.key(running.family, running.params, fold) for running in alive]
    works = [
        _Scoring(position, patients, fold, running.family, running.params)
        for position, (running, key) in enumerate(zip(alive, keys, strict=True))
        if known.get(key) is None
    ]
    for position, score in workers.run(_scored, works) if works else ():
        known.add(keys[position], score)
    found = [known.get(key) for key in keys]
    return [score for score in found if score is not None]


def _scored(work: _Scoring) -> tuple[int, Score]:
    """Fit on one part of the patients and score on the other, on one thread: sums in one order give the same bits."""
    patients = work.patients
    checkpoint()
    with threadpoolctl.threadpool_limits(1):
        fold = _fold(patients, work.fold)
        try:
            family = family_of(patients.search.task, work.family)
            return work.position, Score(
                fold.score(family, work.params, seed=derive(patients.seed, "fit", work.fold)), ""
            )
        except FitError as error:
            return work.position, Score(None, str(error))


def _fold(patients: SearchPatients, number: int) -> SharedFold:
    """Return a fold, whose designs are made once for all trials and workers of a machine."""
    folder = room_for(patients.folder) / f"fold{number}"

    def make() -> SharedFold:
        search, seed, outcome = patients.search, derive(patients.seed, "inner folds"), patients.outcome
        splits = inner_folds(outcome, search.inner_folds, seed=seed, clusters=patients.source.read().clusters)
        train, test = splits[number]
        return SharedFold(patients.source, outcome, train=train, test=test, folder=folder)

    return _FOLDS.get(folder, make)


def _told(study: optuna.Study, running: _Running) -> TrialResult:
    value = float(np.mean(running.losses)) if running.state == "complete" else None
    # The sampler knows nothing of a trial that failed, and would draw the like of it again and again.
    study.tell(running.trial, value, state=TrialState.COMPLETE if running.state == "complete" else TrialState.PRUNED)
    return TrialResult(
        number=running.number,
        family=running.family,
        params=running.params,
        state=running.state,
        folds=tuple(running.losses),
        reason=running.reason,
    )
