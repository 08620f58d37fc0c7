"""The version with the alias `champion`, and the recipe by which it can be refitted."""

import json
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.errors import StoreError
from theragate.tracking.registry import read_artifact
from theragate.tracking.runs import RECIPE
from theragate.tracking.store import Stores, opened

__all__ = ["CHAMPION", "find_champion"]

CHAMPION = "champion"


def find_champion(stores: Stores, study: str) -> tuple[str, dict[str, Any]] | None:
    """Return the number and the recipe of the study's champion; None where no version has the alias.

    Raises
    ------
    StoreError
        If a store cannot be used, or the version has no recipe, or that of another model.
    """
    with opened(stores) as client:
        try:
            number = client.get_registered_model(study).aliases.get(CHAMPION)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            number = None
        if number is None:
            return None
        version = client.get_model_version(study, number)
        if "theragate.simulated" in version.tags:
            raise StoreError(
                f"MLflow, `{version.name}` version {version.version}",
                rule="a champion has learned from real patients",
                received="a version from a SIMULATED cohort",
                remedy="Remove the alias `champion` from it.",
            )
        return str(number), _recipe(client, version)


def _recipe(client: MlflowClient, version: ModelVersion) -> dict[str, Any]:
    content = read_artifact(client, version.run_id or "", RECIPE)
    if content is None:
        raise _unusable(version, "no such artifact")
    try:
        recipe = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _unusable(version, "text that is not JSON") from error
    model = recipe.get("model_sha256") if isinstance(recipe, dict) else None
    if model is None or (recipe.get("study"), model) != (version.name, version.tags.get("sha256.model")):
        raise _unusable(version, "a recipe of another model" if model else "content that is not a recipe")
    return dict(recipe)


def _unusable(version: ModelVersion, received: str) -> StoreError:
    return StoreError(
        f"MLflow, `{version.name}` version {version.version}",
        rule=f"a champion's run has its `{RECIPE}`",
        received=received,
        remedy="Give the alias `champion` to a version that Theragate has registered.",
    )
