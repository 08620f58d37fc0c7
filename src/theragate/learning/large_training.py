"""Training on more patients than memory holds: a sample is searched with, and every model is fitted to all.

What a search finds out, a sample of some ten thousand patients tells as well as ten million; what a model learns from
them, only all of them do. So each outer split searches with a random sample of those learned from, by all workers at
once, and fits what it chose, and the reference, to all of them, piece by piece.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Outcome, with_hazard
from theragate.cohorts.parquet import write_table
from theragate.cohorts.samples import sample_rows
from theragate.cohorts.splits import Split, development_rows
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.learning.batch_search import SearchPatients, search_in_batches
from theragate.learning.censoring_model import censoring_hazards, random_folds
from theragate.learning.families import families_of, family_of
from theragate.learning.features import Feature, as_features
from theragate.learning.fit_in_pieces import (
    FitInPieces,
    FittedInPieces,
    fit_in_pieces,
    predict_in_pieces,
)
from theragate.learning.importance import permutation_importance
from theragate.learning.null_model import null_prediction
from theragate.learning.patients import PatientsOfFile
from theragate.learning.predictor import Predictor
from theragate.learning.problem_digest import problem_digest_of
from theragate.learning.record import Setback, TrainingRecord
from theragate.learning.scenarios import CLEAN, stress_of
from theragate.learning.seeds import derive
from theragate.learning.selection import Selection, TrialResult, select
from theragate.learning.split_work import SplitResult, unfit
from theragate.learning.trainable import LargeProblem
from theragate.learning.training_record import training_record
from theragate.learning.tuning import Search
from theragate.learning.tuning_loss import Loss
from theragate.study import CLUSTER, Study
from theragate.workers.backend import Backend, Workers
from theragate.workers.site import SharedFile

__all__ = ["LargeTrained", "train_in_pieces"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LargeTrained:
    """What training gives: the search's record, the released model, and the outer splits with their predictions.

    ``predictions`` has one mapping for each split, from model and scenario to the predictions of those held out there,
    in the cohort's order.
    """

    record: TrainingRecord
    predictor: Predictor
    splits: list[Split]
    predictions: list[dict[tuple[str, str], Floats]]


@dataclass(frozen=True)
class _Part:
    """What a split works with: a sample of those learned from, in a file, and one of those held out."""

    name: str
    label: str
    split: Split
    seed: int
    source: PatientsOfFile
    outcome: Outcome
    clusters: NDArray[np.intp] | None
    tested: NDArray[np.intp]
    tested_frame: pd.DataFrame
    tested_outcome: Outcome


def train_in_pieces(
    cohort: CohortFile,
    study: Study,
    problem: LargeProblem,
    *,
    sha256: str,
    seed: int,
    backend: Backend,
    storage: Path,
    progress: Callable[[int, int, str], None],
) -> LargeTrained:
    """Tune, fit and predict held-out patients; the same arguments give the same bytes, whatever the `backend`.

    Where a part is held out once, the model that it tests is the one that is released; after cross-validation the
    released model is searched for and fitted once more, to all.

    Parameters
    ----------
    cohort, study, problem
        The file, what to predict, and what `read_problem` found in them.
    sha256
        Of the file.
    seed, backend, storage, progress
        As for `theragate.learning.training.train`.

    Raises
    ------
    ConfigurationError, DataError, StoreError
        As there; also if the reference cannot be fitted piece by piece.
    """
    search = _search(study)
    splits = list(problem.splits)
    released = [] if len(splits) == 1 else [Split(0, 0, development_rows(splits, len(cohort)), np.empty(0, np.intp))]
    folder = storage / f"{study.name}-{problem_digest_of(sha256, study, seed=seed)[:16]}"
    results: list[SplitResult] = []
    everything = [*splits, *released]
    with backend.workers(of="the training") as workers:
        for position, split in enumerate(everything):
            is_released = position == len(splits)
            part = _part(cohort, problem, study, split, folder, released=is_released, seed=seed)

            def told(done: int, text: str, name: str = part.name, before: int = position * (search.length + 1)) -> None:
                progress(before + done, len(everything) * (search.length + 1), f"{name}, {text}")

            work = _Work(cohort, sha256, study, problem, search, part, workers=workers, folder=folder, seed=seed)
            results.append(replace(work.result(told), position=position))
            searched_with = len(part.outcome)
    final = results[-1]
    if final.predictor is None:
        raise RuntimeError("every split of a large cohort keeps its model")
    record = training_record(
        study,
        schema=problem.schema,
        splits=splits,
        outer=results[: len(splits)],
        final=final,
        patients=len(cohort),
        seed=seed,
    )
    record = record.model_copy(
        update={
            "sample": searched_with,
            "setbacks": (*_left_out(study, search, searches=len(everything)), *record.setbacks),
        }
    )
    shutil.rmtree(folder, ignore_errors=True)
    return LargeTrained(record, final.predictor, splits, [result.predictions for result in results[: len(splits)]])


def _search(study: Study) -> Search:
    """Return what is searched: the families of which a model is fitted piece by piece."""
    tuning, known = study.tuning, families_of(study.task, study.installed)
    able = [name for name, family in known.items() if family.in_pieces]
    if tuning.reference not in able:
        raise DataError(
            f"study `{study.name}`, family `{tuning.reference}`",
            rule=f"the reference of a cohort of more than {tuning.sample:,} patients is fitted piece by piece",
            received="one that needs all of them in memory",
            remedy=f"Name one of {', '.join(able)} under `tuning.reference`; or raise `tuning.sample` above the number "
            "of patients, if memory holds them.",
        )
    kept = tuple(name for name in tuning.families if name in able)
    return Search(study.task, tuning.reference, kept, tuning.trials, study.validation.inner_folds)


def _left_out(study: Study, search: Search, *, searches: int) -> tuple[Setback, ...]:
    reason = f"it is not fitted piece by piece, as a cohort of more than {study.tuning.sample:,} patients asks for"
    return tuple(
        Setback(family=name, outcome="fell out", searches=searches, of=searches, reason=reason)
        for name in study.tuning.families
        if name not in search.families
    )


def _part(
    cohort: CohortFile, problem: LargeProblem, study: Study, split: Split, folder: Path, *, released: bool, seed: int
) -> _Part:
    label, name = ("released", "released model") if released else (split.label, split.name)
    own = derive(seed, study.name, label)
    rows, tested = (
        sample_rows(problem.outcome, some, most=study.tuning.sample, seed=derive(own, what), clusters=problem.clusters)
        for some, what in ((split.train, "sample"), (split.test, "held-out sample"))
    )
    schema, outcome = problem.schema, problem.outcome
    columns = [*(feature.name for feature in schema), *study.outcome_columns, CLUSTER]
    both = np.sort(np.concatenate([rows, tested]))
    everybody = cohort.frame(columns, both)
    learned = np.isin(both, rows, assume_unique=True)
    file, sampled = folder / f"{label}.parquet", everybody[learned].reset_index(drop=True)
    write_table(file, sampled)
    frame = as_features(sampled, schema)
    clusters = None if problem.clusters is None else problem.clusters[rows]
    part = _Part(
        name=name,
        label=label,
        split=split,
        seed=own,
        source=PatientsOfFile(SharedFile(file, sha256_file(file)), study, schema),
        outcome=outcome.take(rows),
        clusters=clusters,
        tested=tested,
        tested_frame=as_features(everybody[~learned].reset_index(drop=True), schema),
        tested_outcome=outcome.take(tested),
    )
    return _weighted(part, frame, schema)


def _weighted(part: _Part, frame: pd.DataFrame, schema: tuple[Feature, ...]) -> _Part:
    """Return the part with hazards of being lost: of those learned from, and of those held out by a model of these."""
    with threadpoolctl.threadpool_limits(1):
        hazards = censoring_hazards(
            frame,
            part.outcome,
            schema,
            folds=random_folds(part.outcome, seed=derive(part.seed, "losses"), clusters=part.clusters),
            others=part.tested_frame,
        )
    if hazards.penalty is None:
        return part
    return replace(
        part,
        outcome=with_hazard(part.outcome, hazards.own),
        tested_outcome=with_hazard(part.tested_outcome, hazards.others),
    )


class _Work:
    """The work on one outer split, or on the released model."""

    def __init__(
        self,
        cohort: CohortFile,
        sha256: str,
        study: Study,
        problem: LargeProblem,
        search: Search,
        part: _Part,
        *,
        workers: Workers,
        folder: Path,
        seed: int,
    ) -> None:
        self._shared = SharedFile(cohort.path, sha256)
        self._cohort, self._study, self._problem, self._search = cohort, study, problem, search
        self._part, self._workers, self._folder, self._seed = part, workers, folder, seed
        self._fits: dict[tuple[int, str], FittedInPieces] = {}

    def result(self, progress: Callable[[int, str], None]) -> SplitResult:
        """Search, fit, predict."""
        part, search = self._part, self._search
        hazard = getattr(part.outcome, "hazard", None)
        patients = SearchPatients(part.source, hazard, self._folder / part.label, search, part.seed)
        journal = self._folder / f"{part.label}.scores"
        trials = search_in_batches(
            patients, workers=self._workers, journal=journal, progress=lambda done: progress(done, "search")
        )
        if trials[0].state != "complete":
            raise unfit(self._part.name, trials[0].family)
        trials, selection = self._fitted(trials)
        progress(search.length + 1, "fit")
        selected, reference = self._fit_of(selection.chosen), self._fit_of(trials[0])
        if selected.predictor is None or reference.predictor is None:
            raise RuntimeError("models without a solution have fallen out")
        if not len(part.split.test):
            return SplitResult(0, trials, selection, selected.predictor, {}, np.empty(0))
        predictions = {("selected", name): self._predicted(selected, name) for name in (CLEAN, *self._study.scenarios)}
        predictions["reference", CLEAN] = reference.predictions[CLEAN]
        predictions["null", CLEAN] = np.full(len(part.split.test), self._null())
        loss = Loss.of(part.tested_outcome, development=part.outcome)
        with threadpoolctl.threadpool_limits(1):
            importances = permutation_importance(
                selected.predictor, part.tested_frame, loss=loss, seed=derive(part.seed, "importance")
            )
        return SplitResult(0, trials, selection, selected.predictor, predictions, importances)

    def _predicted(self, fitted: FittedInPieces, scenario: str) -> Floats:
        """Return the predictions of those held out, which a reference that was not meant to be released still owes."""
        if fitted.predictor is None or scenario in fitted.predictions:
            return fitted.predictions[scenario]
        rows, study = self._part.split.test, self._study
        stress = stress_of(
            study.scenarios[scenario],
            scenario,
            rows,
            patients=len(self._cohort),
            study=study.name,
            seed=self._seed,
        )
        return predict_in_pieces(fitted.predictor, self._cohort, rows, stress=stress)

    def _null(self) -> float:
        weighted = getattr(self._part.outcome, "hazard", None) is not None
        return null_prediction(self._part.outcome if weighted else self._problem.outcome.take(self._part.split.train))

    def _fitted(self, trials: list[TrialResult]) -> tuple[list[TrialResult], Selection]:
        """Fit what is selected and the reference to all; who has no solution there falls out, as in memory."""
        while True:
            selection = select(trials)
            due = {trial.number: trial for trial in (selection.chosen, trials[0]) if self._key(trial) not in self._fits}
            works = [
                self._work(position, trial, scenarios=trial.number == selection.chosen.number)
                for position, trial in enumerate(due.values())
            ]
            for fitted in self._workers.run(fit_in_pieces, works) if works else ():
                self._fits[self._key(list(due.values())[fitted.position])] = fitted
            failed = [trial for trial in due.values() if self._fit_of(trial).predictor is None]
            if not failed:
                return trials, selection
            for trial in failed:
                trials = self._without(trials, trial)

    def _without(self, trials: list[TrialResult], trial: TrialResult) -> list[TrialResult]:
        reason = f"on all patients: {self._fit_of(trial).reason}"
        if trial.number:
            lost = replace(trial, state="failed", reason=reason)
            return [lost if each.number == trial.number else each for each in trials]
        stronger = family_of(self._search.task, trial.family).with_stronger_penalty(trial.params)
        if stronger is None:
            raise unfit(self._part.name, trial.family)
        return [replace(trial, params=dict(stronger), reason=trial.reason or reason), *trials[1:]]

    @staticmethod
    def _key(trial: TrialResult) -> tuple[int, str]:
        return trial.number, repr(sorted(trial.params.items()))

    def _fit_of(self, trial: TrialResult) -> FittedInPieces:
        return self._fits[self._key(trial)]

    def _work(self, position: int, trial: TrialResult, *, scenarios: bool) -> FitInPieces:
        part = self._part
        return FitInPieces(
            position=position,
            cohort=self._shared,
            study=self._study,
            rows=part.split.train,
            family=trial.family,
            params=trial.params,
            schema=self._problem.schema,
            seed=derive(part.seed, "final fit"),
            folder=self._folder / f"{part.label}-{trial.number}",
            held_out=part.split.test,
            scenarios=dict(self._study.scenarios) if scenarios else {},
            stress_seed=self._seed,
        )
