"""The run of a training and the runs of its trials. A run is complete when its status is FINISHED, not before."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from theragate.files import write_json
from theragate.learning.record import Trial
from theragate.tracking.bundle import Bundle
from theragate.tracking.content import (
    dataset_fields,
    metrics,
    parameters,
    recipe,
    run_name,
    run_text,
    tags,
    trial_name,
)

__all__ = ["RECIPE", "complete_run", "find_runs", "log_trials", "remove_run", "revision_notes", "start_run"]

RECIPE = "recipe.json"  # the artifact from which a champion's model can be fitted again
_TOGETHER = 4  # requests at once; MLflow's client keeps as many connections open
_BATCH = 500  # metrics in one request; MLflow takes 1000 entries
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def find_runs(client: MlflowClient, experiment_id: str, key: str) -> tuple[list[Run], list[Run]]:
    """Return the complete and the incomplete runs of a key, the oldest first."""
    runs = client.search_runs([experiment_id], f"tags.`theragate.key` = '{key}'", order_by=["attributes.start_time"])
    complete = [run for run in runs if run.info.status == "FINISHED"]
    return complete, [run for run in runs if run.info.status != "FINISHED"]


def revision_notes(bundle: Bundle) -> dict[str, str]:
    """Return the tags by which MLflow itself shows the revision: the description with the command, and the commit."""
    commit = {} if bundle.commit is None else {"mlflow.source.git.commit": bundle.commit}
    return commit | {"mlflow.note.content": run_text(bundle)}


def start_run(client: MlflowClient, bundle: Bundle, experiment_id: str, *, now: int) -> str:
    """Start the run of a training with its tags and data set; return its id. It is RUNNING until it is complete."""
    described = {
        **tags(bundle),
        **revision_notes(bundle),
        "mlflow.source.name": f"dvc repro register@{bundle.study.name}",
        "mlflow.source.type": "PROJECT",
    }
    run = client.create_run(experiment_id, start_time=now, tags=described, run_name=run_name(bundle))
    run_id = str(run.info.run_id)
    dataset = Dataset(**dataset_fields(bundle))
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "development")])])
    return run_id


def complete_run(client: MlflowClient, bundle: Bundle, run_id: str, *, model_id: str, now: int) -> None:
    """Log metrics, parameters and artifacts; then, as the last step, finish the run."""
    dataset = dataset_fields(bundle)
    logged = [
        Metric(name, value, now, 0, model_id=model_id, dataset_name=dataset["name"], dataset_digest=dataset["digest"])
        for name, value in metrics(bundle).items()
    ]
    client.log_batch(run_id, params=_parameters(parameters(bundle)))
    for start in range(0, len(logged), _BATCH):
        client.log_batch(run_id, metrics=logged[start : start + _BATCH])
    with tempfile.TemporaryDirectory() as folder:
        for name, path in bundle.artifacts.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        write_json(Path(folder, RECIPE), recipe(bundle))
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, "FINISHED", end_time=now)


def log_trials(client: MlflowClient, trials: Sequence[Trial], *, experiment_id: str, parent: str, now: int) -> None:
    """Log each trial of the final tuning as a run below `parent`, in three requests each, to a server several at once.

    The duration of a trial is not recorded, because a record must not change from one training to the next. Its times
    are therefore `now` plus the trial's number in milliseconds, so that MLflow lists the trials in order.
    """

    def log(trial: Trial) -> None:
        _log_trial(client, trial, experiment_id=experiment_id, parent=parent, moment=now + trial.number + 1)

    if not client.tracking_uri.startswith(("http://", "https://")):  # one process writes to its own database
        for trial in trials:
            log(trial)
        return
    with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="trial") as pool:
        contexts = [copy_context() for _ in trials]  # a thread of its own would know nothing of the guarded channel
        for _ in pool.map(lambda context, trial: context.run(log, trial), contexts, trials):
            pass  # raises what one of them has raised


def _log_trial(client: MlflowClient, trial: Trial, *, experiment_id: str, parent: str, moment: int) -> None:
    run = client.create_run(
        experiment_id,
        start_time=moment,
        tags={"mlflow.parentRunId": parent, "theragate.trial_state": trial.state},
        run_name=trial_name(trial.number, trial.family),
    )
    chosen = {"family": trial.family, **{f"model.{name}": value for name, value in trial.params.items()}}
    client.log_batch(run.info.run_id, metrics=_trial_metrics(trial, moment), params=_parameters(chosen))
    client.set_terminated(run.info.run_id, _STATUS[trial.state], end_time=moment)


def remove_run(client: MlflowClient, run: Run) -> None:
    """Delete an incomplete run with its trials and its model."""
    experiment_id, run_id = run.info.experiment_id, run.info.run_id
    for trial in client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'", max_results=50_000):
        client.delete_run(trial.info.run_id)
    for model in client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"):
        client.delete_logged_model(model.model_id)
    client.delete_run(run_id)


def _trial_metrics(trial: Trial, moment: int) -> list[Metric]:
    folds = [Metric("objective.fold", value, moment, step) for step, value in enumerate(trial.folds)]
    return folds if trial.value is None else [Metric("objective", trial.value, moment, 0), *folds]


def _parameters(values: Mapping[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in values.items()]
