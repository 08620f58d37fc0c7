"""Checked cohort to a tuned model, its held-out predictions and the record of how it came about."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.parquet import is_simulated, write_table
from theragate.cohorts.samples import sample_rows
from theragate.cohorts.splits import development_rows
from theragate.digests import sha256_file
from theragate.files import write_json
from theragate.learning.censoring_model import weighted_by_features
from theragate.learning.features import as_features, read_features
from theragate.learning.large_training import train_in_pieces
from theragate.learning.predictions_file import predictions_of, write_predictions
from theragate.learning.record import TrainingRecord
from theragate.learning.seeds import derive
from theragate.learning.trainable import LargeProblem, is_large, read_problem
from theragate.learning.training import train as train_study
from theragate.learning.training_memory import COPIES, least_held
from theragate.personal.answers import save_personal_model
from theragate.personal.fitting import Sampled, fit_personal_model
from theragate.printing import say
from theragate.release.looks import count_seen
from theragate.runner.command import StageCall
from theragate.runner.memory_limit import check_fits
from theragate.settings import written_bytes
from theragate.stages.progress import show_progress
from theragate.stages.validated import check_validated, read_accepted
from theragate.study import TASKS, Study, load_seed, load_study
from theragate.workers.choice import backend_of
from theragate.workers.site import SharedFile

__all__ = ["train"]


def train(call: StageCall) -> str:
    """Write ``estimator/``, ``predictions.parquet`` and ``record.json``.

    An interrupted search is taken up again: its trials are kept below the settings' state folder until they are done.
    From here on anybody can measure the held-out predictions, so that they are counted as seen in ``looks/``.

    Raises
    ------
    DataError
        If the cohort is not the one that was validated, or the ledger of looks is damaged.
    """
    workspace, settings = call.workspace, call.settings
    study = load_study(workspace.params, workspace.study)
    path = workspace.data("cohort.parquet")
    sha256 = check_validated(workspace, path)
    cohort = CohortFile(path, f"Run `dvc repro ingest@{study.name}`.")
    large = is_large(cohort, study)
    record, predictions = (_in_pieces if large else _in_memory)(call, study, cohort, sha256)
    held_out = sha256_file(workspace.model("predictions.parquet"))
    count_seen(settings, study.name, cohort_sha256=sha256, predictions_sha256=held_out)
    write_json(workspace.model("record.json"), record.model_dump(mode="json"))
    shutil.rmtree(_searches(call, study), ignore_errors=True)
    selected, trials = record.selected.family, len(record.trials)
    line = f"{selected} after {trials} trials, {predictions:,} held-out predictions"
    sample = [f"searched with {record.sample:,} of {record.patients:,} patients"] if record.sample else []
    return "; ".join([line, *sample, *map(str, record.setbacks)])


def _searches(call: StageCall, study: Study) -> Path:
    return call.settings.state / "searches" / study.name


def _in_memory(call: StageCall, study: Study, file: CohortFile, sha256: str) -> tuple[TrainingRecord, int]:
    """Train, write the model and the predictions; return the record and the number of predictions."""
    workspace, accepted = call.workspace, read_accepted(call.workspace)
    _check_memory(call, study, file)
    cohort, seed = file.frame(), load_seed(workspace.params)
    outcome = read_outcome(cohort, study)
    with show_progress(study.name) as progress:
        trained = train_study(
            cohort,
            outcome,
            study,
            seed=seed,
            backend=backend_of(call.settings),
            storage=_searches(call, study),
            progress=progress,
            file=SharedFile(file.path, sha256),
        )
    fitted = fit_personal_model(
        trained.predictor,
        cohort,
        _weighted(cohort, outcome, study, seed=seed),
        study=study,
        predictions=trained.predictions,
        accepted=accepted,
        simulated=is_simulated(file.path),
        seed=seed,
    )
    save_personal_model(fitted.personal, workspace.model("estimator"))
    write_table(workspace.model("predictions.parquet"), trained.predictions)
    return trained.record.model_copy(update={"personal": fitted.record}), len(trained.predictions)


def _check_memory(call: StageCall, study: Study, cohort: CohortFile) -> None:
    """Say what a large comparison of treatments needs, which is learned in memory; refuse what cannot fit."""
    here, compares = not call.settings.cluster, TASKS[study.task].compares_treatments
    features = len(read_features(cohort.columns, study))
    least = least_held(len(cohort), features, here=here)
    copies = f"{COPIES} copies of " if here else ""
    what = f"{copies}{features:,} features of {len(cohort):,} patients"
    if compares and len(cohort) > study.tuning.sample:
        words = f"effects of treatments are learned in memory, of all patients: {what}, {written_bytes(least)} and more"
        with suppress(BrokenPipeError):
            say(f"{study.name}: {words}", to=sys.stderr)
    pieces = "leave patients out at the source" if compares else "set `tuning.sample` below the number of patients"
    check_fits(call.settings, "train", least=least, what=what, remedy=f"drop features, or {pieces}")


def _in_pieces(call: StageCall, study: Study, cohort: CohortFile, sha256: str) -> tuple[TrainingRecord, int]:
    """Do the same with a cohort that memory does not hold; how it answers for one patient is learned from a sample."""
    workspace, accepted = call.workspace, read_accepted(call.workspace)
    seed = load_seed(workspace.params)
    problem = read_problem(cohort, study, seed=seed)
    with show_progress(study.name) as progress:
        trained = train_in_pieces(
            cohort,
            study,
            problem,
            sha256=sha256,
            seed=seed,
            backend=backend_of(call.settings),
            storage=_searches(call, study),
            progress=progress,
        )
    rows = _sampled(problem, study, patients=len(cohort), seed=seed)
    frame = cohort.frame(rows=rows)
    fitted = fit_personal_model(
        trained.predictor,
        frame,
        _weighted(frame, problem.outcome.take(rows), study, seed=seed),
        study=study,
        predictions=predictions_of(rows, frame, splits=trained.splits, predictions=trained.predictions),
        accepted=accepted,
        simulated=is_simulated(cohort.path),
        seed=seed,
        sampled=Sampled(len(cohort), rows),
    )
    save_personal_model(fitted.personal, workspace.model("estimator"))
    written = write_predictions(
        workspace.model("predictions.parquet"),
        cohort,
        problem.outcome,
        splits=trained.splits,
        predictions=trained.predictions,
    )
    return trained.record.model_copy(update={"personal": fitted.record}), written


def _sampled(problem: LargeProblem, study: Study, *, patients: int, seed: int) -> NDArray[np.intp]:
    """Return a sample of the patients learned from and one of those held out, together."""
    learned = development_rows(list(problem.splits), patients)
    tested = np.unique(np.concatenate([split.test for split in problem.splits]))
    parts = [
        sample_rows(
            problem.outcome,
            rows,
            most=study.tuning.sample,
            seed=derive(seed, study.name, "answers", name),
            clusters=problem.clusters,
        )
        for name, rows in (("learned", learned), ("tested", np.setdiff1d(tested, learned, assume_unique=True)))
    ]
    return np.sort(np.concatenate(parts))


def _weighted(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> Outcome:
    """Return the outcome with hazards of being lost, by which whoever was followed stands for whoever was not."""
    schema = read_features(cohort, study)
    return weighted_by_features(
        as_features(cohort, schema),
        outcome,
        schema,
        seed=derive(seed, study.name, "losses"),
        clusters=read_clusters(cohort, study),
    )
