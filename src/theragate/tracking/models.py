"""The model in MLflow: logged with its run, and registered as a version."""

import json
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.errors import StoreError
from theragate.tracking.bundle import Bundle
from theragate.tracking.candidate import name_candidate, restore_candidate
from theragate.tracking.content import experiment_text, run_text, tags
from theragate.tracking.packages import write_package

__all__ = ["find_version", "log_model", "register_version"]

_PENDING = "theragate.pending"


def log_model(client: MlflowClient, bundle: Bundle, experiment_id: str, *, run_id: str) -> str:
    """Package the estimator (`theragate.tracking.packages`) and log it as the run's model; return its id."""
    logged = client.create_logged_model(
        experiment_id, bundle.evidence.family, source_run_id=run_id, tags=tags(bundle), model_type=bundle.study.task
    )
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        write_package(bundle, path)
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)


def find_version(client: MlflowClient, bundle: Bundle) -> ModelVersion | None:
    """Return the version registered from this bundle, or None."""
    versions = client.search_model_versions(f"name = '{bundle.study.name}' and tags.`theragate.key` = '{bundle.key}'")
    return min(versions, key=lambda version: int(version.version)) if versions else None


def register_version(client: MlflowClient, bundle: Bundle, *, run_id: str, version: ModelVersion | None) -> str:
    """Register the run's model as a version, unless it is one, and set its alias; return its number.

    The tag ``theragate.pending`` marks a version whose alias is still to be set, so that the work of a killed process
    is continued.
    """
    if version is None:
        _ensure_registered_model(client, bundle)
        model = client.get_logged_model(_model_id(client, run_id))
        version = client.create_model_version(
            bundle.study.name,
            # Not `models:/<id>`: MLflow would look that up in the process's default store, not in this client's.
            model.artifact_location,
            run_id=run_id,
            model_id=model.model_id,
            tags=tags(bundle) | {_PENDING: "true"},
            description=run_text(bundle),
            await_creation_for=0,
        )
    if _PENDING in version.tags:
        _link(client, version, model_id=_model_id(client, run_id))
        if bundle.may_be_candidate:
            name_candidate(client, version)
        client.delete_model_version_tag(version.name, version.version, _PENDING)
    elif bundle.may_be_candidate:
        restore_candidate(client, version)
    return str(version.version)


def _model_id(client: MlflowClient, run_id: str) -> str:
    outputs = client.get_run(run_id).outputs
    if outputs is None or not outputs.model_outputs:
        raise StoreError(
            f"MLflow run `{run_id}`",
            rule="a finished run has a model",
            received="no model",
            remedy="Delete the run in MLflow, then run the same command again to write it again.",
        )
    return str(outputs.model_outputs[0].model_id)


def _link(client: MlflowClient, version: ModelVersion, *, model_id: str) -> None:
    """Link the logged model to its version, so that MLflow's pages lead from one to the other."""
    versions = [{"name": version.name, "version": int(version.version)}]
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": json.dumps(versions)})


def _ensure_registered_model(client: MlflowClient, bundle: Bundle) -> None:
    try:
        client.create_registered_model(
            bundle.study.name, tags={"task": bundle.study.task}, description=experiment_text(bundle)
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
