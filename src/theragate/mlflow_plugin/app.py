"""MLflow's server, guarded where no store can: with sign-in for a team, embedded for one person."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
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
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.confirmation import PASSWORD, PROXY, is_known
from theragate.mlflow_plugin.errors import refusal
from theragate.mlflow_plugin.guesses import Guesses, guesses_path
from theragate.mlflow_plugin.limits import Limits, read_limits
from theragate.mlflow_plugin.malformed import refuse_malformed
from theragate.mlflow_plugin.proxy import OneOfEach
from theragate.mlflow_plugin.request_filter import Application, RequestFilter
from theragate.mlflow_plugin.rights import name_missing_rights
from theragate.mlflow_plugin.routes import ENDPOINTS, add_routes
from theragate.mlflow_plugin.sealed_location import SCHEME, is_sealed, local_path, served_destination
from theragate.mlflow_plugin.sign_in import SignIn

__all__ = ["create_app", "create_embedded_app"]

_CREATE_EXPERIMENT = "_create_experiment"  # MLflow's name of the route


def create_app() -> Application:
    """Return the server of a team: everybody signs in, and nobody chooses a location on the server's disk.

    Raises
    ------
    MlflowException
        If the server was started without the guarded registry or the sealed artifacts.
    """
    from mlflow.server import auth

    _check_start(os.environ, artifacts=True)
    if not is_known(auth.auth_config.authorization_function):
        raise _wrong_start(f"`authorization_function` in sign-in.ini is `{PASSWORD}` or `{PROXY}`", "another one")
    add_routes(flask_application)
    refuse_malformed(flask_application)
    _let_signed_in_through(auth)
    application = auth.create_app(flask_application)
    if isinstance(application, Flask):
        raise _wrong_start("it runs under uvicorn", "a WSGI server")
    configuration = Configuration(os.environ, Path.cwd())
    guarded = guard_accounts(auth, configuration)
    if not guarded or _CREATE_EXPERIMENT not in flask_application.view_functions:
        raise _wrong_start("MLflow has the routes that are guarded here", "a version of MLflow with other routes")
    flask_application.before_request(_refuse_artifact_locations)
    name_missing_rights(flask_application)
    limits = read_limits(os.environ)
    guesses = Guesses(guesses_path(configuration.settings), limits)
    sign_in = SignIn(flask_application, auth, guesses, together=limits.guesses)
    filtered = _filtered(application, limits, sign_in=sign_in, disk=_disk(os.environ))
    return OneOfEach(filtered) if auth.auth_config.authorization_function == PROXY else filtered


def create_embedded_app() -> Application:
    """Return the server of one person on one machine: nobody signs in, and names are only claimed.

    Raises
    ------
    MlflowException
        If the server was started without the guarded registry.
    """
    _check_start(os.environ, artifacts=False)
    add_routes(flask_application)
    refuse_malformed(flask_application)
    return _filtered(create_fastapi_app(flask_application), read_limits(os.environ))


def _filtered(application: Application, limits: Limits, **more: Any) -> RequestFilter:
    paths = [f"/{api}/2.0/mlflow-artifacts/artifacts/" for api in ("api", "ajax-api")]
    streamed = tuple(map(_add_static_prefix, paths))
    return RequestFilter(application, limits=limits, streamed=streamed, **more)


def _disk(environ: Mapping[str, str]) -> Path | None:
    """Return a folder on the disk to which files are written that clients send; None where no client sends any.

    It is the nearest one that exists at or above that of the artifacts. On the way to a bucket, MLflow puts each file
    into a temporary folder first.
    """
    destination = served_destination(environ)
    if destination is None:
        return None
    if "://" in destination and not destination.startswith("file:"):
        return Path(tempfile.gettempdir())
    folder = local_path(destination)
    return next((path for path in (folder, *folder.parents) if path.is_dir()), None)


def _check_start(environ: Mapping[str, str], *, artifacts: bool) -> None:
    registry = environ.get(REGISTRY_STORE_URI_ENV_VAR) or environ.get(BACKEND_STORE_URI_ENV_VAR, "")
    if not registry.startswith("gated+"):
        raise _wrong_start("its registry is guarded, at `gated+…`", _scheme(registry))
    destination = environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "")
    if artifacts and environ.get(SERVE_ARTIFACTS_ENV_VAR) != "true":
        raise _wrong_start(f"it hands out the artifacts, from `{SCHEME}…`", "a server that does not hand them out")
    if artifacts and not destination.startswith(SCHEME):
        raise _wrong_start(f"it hands out the artifacts, from `{SCHEME}…`", _scheme(destination))


def _scheme(uri: str) -> str:
    """Show no more of a URI than its scheme: the rest may hold a password."""
    return f"`{uri.partition(':')[0]}:…`" if ":" in uri else "a folder" if uri else "none"


def _let_signed_in_through(auth: Any) -> None:
    """Tell MLflow that whoever has signed in may use our routes; the store decides what each person may do."""
    find_validator = auth._find_validator

    def find(asked: Any) -> Any:
        return _signed_in if asked.endpoint in ENDPOINTS else find_validator(asked)

    auth._find_validator = find


def _signed_in() -> bool:
    return bool(getattr(g, "mlflow_authenticated_user", None))


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _refuse_artifact_locations() -> None:
    """Refuse a new experiment whose artifacts would bypass the server's own guard."""
    if request.endpoint != _CREATE_EXPERIMENT or request.method != "POST":
        return
    location = str(_get_request_message(CreateExperiment()).artifact_location).strip()
    parts = urlsplit(location)
    if location and (parts.scheme != "mlflow-artifacts" or parts.netloc or is_sealed(parts.path)):
        raise refusal(
            "the experiment",
            rule="the server chooses the location of its artifacts",
            received=f"an `artifact_location` at {_scheme(location)}",
            remedy="Create it without `artifact_location`.",
        )


def _wrong_start(rule: str, received: str) -> MlflowException:
    return MlflowException(
        f"release server: {rule}; received {received}. Start it with `theragate server`.",
        error_code=INVALID_PARAMETER_VALUE,
    )
