"""Checked cohort to a tuned model, its held-out predictions and the record of how it came about."""

import shutil

import pandas as pd

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.parquet import is_simulated, read_table, write_table
from theragate.digests import sha256_file
from theragate.files import write_json
from theragate.learning.censoring_model import weighted_by_features
from theragate.learning.features import as_features, read_features
from theragate.learning.seeds import derive
from theragate.learning.training import train as train_study
from theragate.personal.answers import save_personal_model
from theragate.personal.fitting import fit_personal_model
from theragate.release.looks import count_seen
from theragate.runner.command import StageCall
from theragate.stages.progress import show_progress
from theragate.stages.validated import check_validated, read_accepted
from theragate.study import Study, load_seed, load_study

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
    check_validated(workspace, path)
    accepted = read_accepted(workspace)
    cohort = read_table(path, remedy=f"Run `dvc repro ingest@{study.name}`.")
    outcome, seed = read_outcome(cohort, study), load_seed(workspace.params)
    searches = settings.state / "searches" / study.name
    with show_progress(study.name) as progress:
        trained = train_study(
            cohort,
            outcome,
            study,
            seed=seed,
            jobs=settings.jobs,
            storage=searches,
            progress=progress,
        )
    fitted = fit_personal_model(
        trained.predictor,
        cohort,
        _weighted(cohort, outcome, study, seed=seed),
        study=study,
        predictions=trained.predictions,
        accepted=accepted,
        simulated=is_simulated(path),
        seed=seed,
    )
    save_personal_model(fitted.personal, workspace.model("estimator"))
    predictions = workspace.model("predictions.parquet")
    write_table(predictions, trained.predictions)
    count_seen(settings, study.name, cohort_sha256=sha256_file(path), predictions_sha256=sha256_file(predictions))
    record = trained.record.model_copy(update={"personal": fitted.record})
    write_json(workspace.model("record.json"), record.model_dump(mode="json"))
    shutil.rmtree(searches, ignore_errors=True)
    selected, trials = record.selected.family, len(record.trials)
    line = f"{selected} after {trials} trials, {len(trained.predictions):,} held-out predictions"
    return "; ".join([line, *map(str, record.setbacks)])


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
