"""Training: the outer splits and the released model, shared out over processes, then gathered in one order."""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.outcomes import Outcome, Treated
from theragate.cohorts.splits import Split, development_rows
from theragate.learning.features import Feature, as_features
from theragate.learning.overlap import check_random_assignment
from theragate.learning.patients import Patients, Source, source_of
from theragate.learning.predictor import Predictor
from theragate.learning.problem_digest import problem_digest
from theragate.learning.record import TrainingRecord
from theragate.learning.score_journal import ScoreJournal
from theragate.learning.seeds import derive
from theragate.learning.split_work import SplitResult, SplitWork, search_and_predict
from theragate.learning.trainable import check_trainable
from theragate.learning.training_record import predictions_table, training_record
from theragate.learning.tuning import Search
from theragate.study import Study
from theragate.workers.backend import Backend, run_in_workers
from theragate.workers.site import SharedFile

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """What training gives.

    ``predictions`` has one row per held-out patient, repeat, model and scenario: ``patient``, ``repeat``, ``fold``
    (int16), ``model`` (``selected``, ``reference``, ``null``), ``scenario`` (``clean`` or the study's), ``horizon``
    (NaN unless survival) and ``prediction``, sorted by model, scenario, repeat and patient. ``record`` is what a
    reviewer wants to know of the search. ``predictor`` is the released model, fitted to the development
    patients.
    """

    predictions: pd.DataFrame
    record: TrainingRecord
    predictor: Predictor


def train(
    cohort: pd.DataFrame,
    outcome: Outcome,
    study: Study,
    *,
    seed: int,
    backend: Backend,
    storage: Path,
    progress: Callable[[int, int, str], None],
    file: SharedFile | None = None,
) -> Trained:
    """Tune, fit and predict held-out patients; the same arguments give the same bytes, whatever the `backend`.

    Parameters
    ----------
    cohort, outcome, study
        One row per patient with a column ``patient``; the outcome in the cohort's order; what to predict from what.
    seed
        Of splits, search and stresses.
    backend
        Where the work is done, each piece on one thread.
    storage
        A folder for the journals of unfinished searches. The same training, started again after a crash, resumes
        from them; they are removed when all is done.
    progress
        Called as ``progress(done, total, text)`` in this process whenever a split is done.
    file
        Where the cohort stands, so that workers read it there; None: its patients are handed to them.

    Raises
    ------
    ConfigurationError
        If a family or a scenario does not fit the study.
    DataError
        If the cohort is too small for its splits or for the number of features, a feature is unfit, a model has no
        stable solution, or treated patients and controls do not overlap.
    StoreError
        If `storage` cannot be written, or a worker died.
    """
    problem = check_trainable(cohort, outcome, study, seed=seed)
    schema, splits = problem.schema, problem.splits
    if isinstance(outcome, Treated) and outcome.propensity is not None:
        check_random_assignment(cohort, outcome, schema)
    key = f"{study.name}-{problem_digest(cohort, study, seed=seed)[:16]}"
    patients = Patients(as_features(cohort, schema), outcome, read_clusters(cohort, study))
    source = source_of(patients, file=file, study=study, schema=schema, backend=backend)
    works = _works(source, len(cohort), study, schema=schema, splits=splits, seed=seed, storage=storage / key)
    results: dict[int, SplitResult] = {}
    progress(0, len(works), study.name)
    # The released model's search is the longest, so it goes first.
    order = [works[-1], *works[:-1]]
    with closing(run_in_workers(search_and_predict, order, backend=backend, of="the training")) as stream:
        for result in stream:
            results[result.position] = result
            progress(len(results), len(works), works[result.position].name)
    outer = [results[position] for position in range(len(splits))]
    final = results[len(splits)]
    if final.predictor is None:
        raise RuntimeError("the last piece of work fits the released model")
    trained = Trained(
        predictions=predictions_table(cohort, outcome, splits=splits, results=outer),
        record=training_record(
            study, schema=schema, splits=splits, outer=outer, final=final, patients=len(cohort), seed=seed
        ),
        predictor=final.predictor,
    )
    shutil.rmtree(storage / key, ignore_errors=True)
    return trained


def _works(
    source: Source,
    patients: int,
    study: Study,
    *,
    schema: tuple[Feature, ...],
    splits: list[Split],
    seed: int,
    storage: Path,
) -> list[SplitWork]:
    tuning = study.tuning
    search = Search(study.task, tuning.reference, tuning.families, tuning.trials, study.validation.inner_folds)
    nobody = np.empty(0, dtype=np.intp)
    works = []
    for position, split in enumerate([*splits, None]):
        label = split.label if split else "released"
        works.append(
            SplitWork(
                position=position,
                name=split.name if split else "released model",
                patients=source,
                train=split.train if split else development_rows(splits, patients),
                test=split.test if split else nobody,
                scenarios=dict(study.scenarios),
                study=study.name,
                stress_seed=seed,
                search=search,
                schema=schema,
                seed=derive(seed, study.name, label),
                journal=ScoreJournal(storage / f"{label}.scores"),
            )
        )
    return works
