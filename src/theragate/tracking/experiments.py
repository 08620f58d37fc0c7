"""The experiment of a study: made once, described for a reviewer."""

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
    """Return the id of the study's experiment; make, restore or describe it where that is lacking.

    Parameters
    ----------
    artifacts
        Where the artifacts of a new experiment go; empty leaves it to the server. An existing one keeps its place.

    Raises
    ------
    StoreError
        If the folder of an existing experiment is gone: MLflow would silently make it anew, elsewhere than expected.
    """
    name, location = bundle.study.name, f"{artifacts.rstrip('/')}/{bundle.study.name}" if artifacts else None
    described = {_NOTE: experiment_text(bundle), _KIND: "custom_model_development"}
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=location, tags=described))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if location is not None and found.artifact_location != location:
        _check_folder(found)
    for tag, value in described.items():
        if found.tags.get(tag) != value:
            client.set_experiment_tag(found.experiment_id, tag, value)
    return str(found.experiment_id)


def _check_folder(experiment: Experiment) -> None:
    place = urlsplit(experiment.artifact_location)
    if place.scheme in ("", "file") and not Path(unquote(place.path)).is_dir():
        raise StoreError(
            f"MLflow experiment `{experiment.name}`",
            rule="the folder of its artifacts is where the database says",
            received=f"no folder `{unquote(place.path)}`",
            remedy="Move the project back, or move the database away: `theragate sync` fills a new one.",
        )
