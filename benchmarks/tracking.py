"""What a trial costs with its run in MLflow, against what it costs without."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import read_table
from theragate.learning.training import train
from theragate.project.snapshot import take_snapshot
from theragate.publishing.gather import gather
from theragate.runner.workspace import Workspace
from theragate.settings import read_settings
from theragate.study import NestedCrossValidation, load_seed, load_study
from theragate.tracking.bundle import Bundle
from theragate.tracking.publish import publish
from theragate.tracking.store import Stores, prepare
from theragate.workers.processes import Processes

STUDY = "heart_attack_survival"
WORKSPACE = Workspace(Path(__file__).resolve().parents[1], STUDY)


def trial_logging() -> dict[str, float]:
    """Measure a trial of the heart attack study; needs the study's files, so run ``dvc repro`` first."""
    trained = seconds_per_trial()
    root = WORKSPACE.root
    bundle = gather(WORKSPACE, read_settings({}, root), take_snapshot(root, {}))
    trials = bundle.record.trials
    with_trials = seconds_to_publish(bundle)
    without = seconds_to_publish(replace(bundle, record=bundle.record.model_copy(update={"trials": trials[:1]})))
    logged = (with_trials - without) / (len(trials) - 1)
    return {"trial_seconds": trained, "trial_logging_seconds": logged, "trial_logging": (trained + logged) / trained}


def seconds_per_trial() -> float:
    """Time one process that trains with two outer folds: three searches, each of the study's trials."""
    study = load_study(WORKSPACE.params, STUDY)
    scheme = NestedCrossValidation(
        scheme="nested_cross_validation",
        repeats=1,
        folds=2,
        inner_folds=study.validation.inner_folds,
        reason="A benchmark.",
    )
    cohort = read_table(WORKSPACE.data("cohort.parquet"), remedy="Run `dvc repro`.")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(
            cohort,
            read_outcome(cohort, study),
            study.model_copy(update={"validation": scheme}),
            seed=load_seed(WORKSPACE.params),
            backend=Processes(1),
            storage=Path(folder),
            progress=lambda *_: None,
        )
        return (time.perf_counter() - start) / (3 * study.tuning.trials)


def seconds_to_publish(bundle: Bundle) -> float:
    """Time the publication of a bundle in a new MLflow that has been set up before."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/mlflow.db"
        stores = Stores(database, database, Path(folder, "artifacts").as_uri())
        prepare(stores)
        start = time.perf_counter()
        publish(bundle, stores, register=False, now=0)
        return time.perf_counter() - start
