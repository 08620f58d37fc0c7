"""MLflow's server with the doors closed that no store can see: signed-in for a team, embedded for one person."""

import os
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, g, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.protos.service_pb2 import CreateExperiment
from mlflow.server import app as flask_application
from mlflow.server.constants import (
    ARTIFACTS_DESTINATION_ENV_VAR,
    BACKEND_STORE_URI_ENV_VAR,
    REGISTRY_STORE_URI_ENV_VAR,
    SERVE_ARTIFACTS_ENV_VAR,
)
from mlflow.server.fastapi_app import create_fastapi_app
from mlflow.server.handlers import _add_static_prefix, _get_request_message, catch_mlflow_exception

from theragate.mlflow_plugin.accounts import guard_accounts
from theragate.mlflow_plugin.configuration import SCHEME, is_sealed
from theragate.mlflow_plugin.errors import refusal
from theragate.mlflow_plugin.request_filter import Application, RequestFilter
from theragate.mlflow_plugin.routes import ENDPOINTS, add_routes

__all__ = ["create_app", "create_embedded_app"]

_CREATE_EXPERIMENT = "_create_experiment"  # MLflow's name of the route


def create_app() -> Application:
    """Return the server of a team: everybody signs in, and nobody names a place on the server's disk.

    Raises
    ------
    MlflowException
        If the server was started without the guarded registry or the sealed artifacts.
    """
    from mlflow.server import auth

    _check_start(artifacts=True)
    add_routes(flask_application)
    _let_signed_in_through(auth)
    application = auth.create_app(flask_application)
    if isinstance(application, Flask):
        raise _wrong_start("it runs under uvicorn", "another server")
    if not guard_accounts(flask_application, auth) or _CREATE_EXPERIMENT not in flask_application.view_functions:
        raise _wrong_start("MLflow's routes have the names they had", "others")
    flask_application.before_request(_refuse_places)
    return _closed(application)


def create_embedded_app() -> Application:
    """Return the server of one person on one machine: nobody signs in, names are only claimed.

    Raises
    ------
    MlflowException
        If the server was started without the guarded registry.
    """
    _check_start(artifacts=False)
    add_routes(flask_application)
    return _closed(create_fastapi_app(flask_application))


def _closed(application: Application) -> RequestFilter:
    places = [f"/{api}/2.0/mlflow-artifacts/artifacts/" for api in ("api", "ajax-api")]
    return RequestFilter(application, streamed=tuple(map(_add_static_prefix, places)))


def _check_start(*, artifacts: bool) -> None:
    registry = os.environ.get(REGISTRY_STORE_URI_ENV_VAR) or os.environ.get(BACKEND_STORE_URI_ENV_VAR, "")
    if not registry.startswith("gated+"):
        raise _wrong_start("its registry is a guarded one, `gated+…`", "another one")
    served = os.environ.get(SERVE_ARTIFACTS_ENV_VAR) == "true"
    destination = os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "")
    if artifacts and not (served and destination.startswith(SCHEME)):
        raise _wrong_start(f"it hands out the artifacts, from a sealed place, `{SCHEME}…`", "another place, or none")


def _let_signed_in_through(auth: Any) -> None:
    """Tell MLflow that whoever has signed in may use our routes: what each of them may do, the store decides."""
    found = auth._find_validator

    def find(asked: Any) -> Any:
        return _signed_in if asked.endpoint in ENDPOINTS else found(asked)

    auth._find_validator = find


def _signed_in() -> bool:
    return bool(getattr(g, "mlflow_authenticated_user", None))


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _refuse_places() -> None:
    """Refuse experiments whose artifacts would lie anywhere but behind the server's own guard."""
    if request.endpoint != _CREATE_EXPERIMENT or request.method != "POST":
        return
    place = str(_get_request_message(CreateExperiment()).artifact_location).strip()
    parts = urlsplit(place)
    if place and (parts.scheme != "mlflow-artifacts" or parts.netloc or is_sealed(parts.path)):
        raise refusal(
            "the experiment",
            rule="its artifacts lie where the server puts them",
            received="a place of its own",
            remedy="Create it without `artifact_location`.",
        )


def _wrong_start(rule: str, received: str) -> MlflowException:
    return MlflowException(
        f"release server: {rule}; received {received}. Start it with `theragate server`.",
        error_code=INVALID_PARAMETER_VALUE,
    )
