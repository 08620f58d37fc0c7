"""The tables of a server's database, made once by its owner: the server itself then needs no right to make any."""

from collections.abc import Mapping
from pathlib import Path

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.store import GatedStore
from theragate.settings import Settings
from theragate.tracking.failures import store_name
from theragate.tracking.store import Stores, opened

__all__ = ["make_tables"]


def make_tables(settings: Settings, environ: Mapping[str, str]) -> str:
    """Make MLflow's tables and ours where they are missing; return a line for the user.

    Raises
    ------
    StoreError
        If the database is out of reach, of another version of MLflow, or lets this role make no tables.
    """
    with opened(Stores.of(settings)) as client:
        client.search_experiments(max_results=1)  # as every first use, it makes what MLflow needs
        GatedStore(settings.registry, configuration=Configuration(environ, Path.cwd()))._dispose_engine()
    return f"{store_name(settings.tracking)}: the tables of MLflow and of Theragate are there"
