"""Every public method of MLflow's registry store, classified; the store does not start with an unclassified one.

MLflow's abstract store enforces nothing: an upgrade that adds a way to write would simply be inherited, unguarded.
"""

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR

__all__ = ["FREE", "GUARDED", "OWN", "READ_ONLY", "check_methods", "public_methods"]

GUARDED = frozenset(
    {
        "create_model_version",
        "create_registered_model",
        "delete_model_version",
        "delete_model_version_tag",
        "delete_registered_model",
        "delete_registered_model_alias",
        "delete_registered_model_tag",
        "rename_registered_model",
        "set_model_version_tag",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "transition_model_version_stage",
        "update_model_version",
        "update_registered_model",
    }
)

READ_ONLY = frozenset(
    {
        "get_latest_versions",
        "get_model_version",
        "get_model_version_by_alias",
        "get_model_version_download_uri",
        "get_prompt",
        "get_prompt_version",
        "get_prompt_version_by_alias",
        "get_registered_model",
        "get_webhook",
        "list_webhooks",
        "list_webhooks_by_event",
        "search_model_versions",
        "search_prompt_versions",
        "search_prompts",
        "search_registered_models",
        "supports_workspaces",
    }
)

# These write nothing that a release rests on, or only through the guarded methods.
FREE = frozenset(
    {
        "copy_model_version",
        "create_prompt",
        "create_prompt_version",
        "create_webhook",
        "delete_prompt",
        "delete_prompt_alias",
        "delete_prompt_tag",
        "delete_prompt_version",
        "delete_prompt_version_tag",
        "delete_webhook",
        "link_prompt_version_to_model",
        "link_prompt_version_to_run",
        "link_prompts_to_trace",
        "set_prompt_alias",
        "set_prompt_tag",
        "set_prompt_version_tag",
        "test_webhook",
        "update_webhook",
    }
)

OWN = frozenset({"get_dossier", "ledger_rows", "put_dossier"})


def public_methods(store: type) -> set[str]:
    """Return the names of a store's public methods and properties, including inherited ones."""
    return {
        name
        for name in dir(store)
        if not name.startswith("_") and (callable(getattr(store, name)) or isinstance(getattr(store, name), property))
    }


def check_methods(store: type) -> None:
    """Refuse a store with an unclassified method, or a guarded one that it only inherits.

    Raises
    ------
    MlflowException
        With the names of the methods.
    """
    unknown = public_methods(store) - GUARDED - READ_ONLY - FREE - OWN
    inherited = {name for name in GUARDED if name not in vars(store)}
    if unknown or inherited:
        names = ", ".join(sorted(unknown or inherited))
        raise MlflowException(
            f"The guarded registry does not know how to guard {names} of this version of MLflow; nothing is served. "
            "Install the version of MLflow that Theragate requires.",
            error_code=INTERNAL_ERROR,
        )
