"""The experiment of a study: created once, described for a reviewer."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Experiment

from theragate.errors import StoreError
from theragate.tracking.bundle import Bundle
from theragate.tracking.content import experiment_text

__all__ = ["ensure_experiment"]

_NOTE, _KIND = "mlflow.note.content", "mlflow.experimentKind"


def ensure_experiment(client: MlflowClient, bundle: Bundle, *, artifacts: str) -> str:
    """Return the id of the study's experiment, creating, restoring or describing it where necessary.

    Parameters
    ----------
    artifacts
        The location of a new experiment's artifacts; empty lets the server choose. An existing one keeps its own.

    Raises
    ------
    StoreError
        If the folder of an existing experiment is missing, as where a disk is not mounted: MLflow would silently create
        one. That of the embedded store follows the project.
    """
    name, location = bundle.study.name, f"{artifacts.rstrip('/')}/{bundle.study.name}" if artifacts else None
    described = {_NOTE: experiment_text(bundle), _KIND: "custom_model_development"}
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name, artifact_location=location, tags=described))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if location is not None and experiment.artifact_location != location:
        _check_folder(experiment)
    for tag, value in described.items():
        if experiment.tags.get(tag) != value:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return str(experiment.experiment_id)


def _check_folder(experiment: Experiment) -> None:
    location = urlsplit(experiment.artifact_location)
    if location.scheme in ("", "file") and not Path(unquote(location.path)).is_dir():
        raise StoreError(
            f"MLflow experiment `{experiment.name}`",
            rule="the folder of its artifacts is where the database says",
            received=f"no folder `{unquote(location.path)}`",
            remedy="Make it reachable again, or name another database: `theragate sync` fills it.",
        )
