"""Starting the release server: MLflow's own command, with our registry, artifacts and application."""

import os
import secrets
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError, StoreError, TheragateError
from theragate.files import write_text
from theragate.mlflow_plugin.checks import Finding, check_server, refuse_out_of_reach, refuse_unanswered, refuse_worst
from theragate.mlflow_plugin.guesses import Guesses, guesses_path
from theragate.mlflow_plugin.limits import read_limits
from theragate.printing import say
from theragate.registry.pinned_head import server_memory
from theragate.release.names import looks_like
from theragate.release.trust import deployed_trust, present_trust, trust_path
from theragate.settings import Settings

__all__ = ["Listening", "check", "serve"]

# Settings of MLflow and of the client of S3; those that the user has set stay.
_QUIET = {
    "AWS_RETRY_MODE": "standard",  # three attempts, where otherwise a request would wait for five minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}

_DEPRECATED = "starlette.middleware.wsgi is deprecated"  # MLflow 3.17 uses it

_CONNECTION = "theragate.mlflow_plugin.connections:Connection"  # with deadlines
_BUSY = 60  # seconds for which a process may be slow before it is ended and replaced, with what it was working on
_USERS, _SIGN_IN_FILE = "server/users.db", "server/sign-in.ini"  # below the private folder
_SIGN_IN = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True)
class Listening:
    """Where a server listens, and with how many processes."""

    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1

    @property
    def address(self) -> str:
        """The URL to open in a browser on this machine."""
        return f"http://{self.host}:{self.port}"


def serve(settings: Settings, listening: Listening, *, embedded: bool, environ: MutableMapping[str, str]) -> int:
    """Run the server until Ctrl-C; return the exit code.

    Parameters
    ----------
    embedded
        For one person on one machine: nobody signs in. Otherwise everybody does, and the first start creates the user
        `admin`, with the password in ``MLFLOW_AUTH_ADMIN_PASSWORD``.
    environ
        The environment of the process, which the processes that serve inherit; settings for them are added.

    Raises
    ------
    ConfigurationError
        If the stores cannot be guarded, a team has no trust file, or the sign-in cannot be set up.
    StoreError
        If the port is taken, the store is a server with its own UI, a database or bucket is out of reach, or an
        embedded store cannot be used.
    """
    _check_stores(settings)
    if embedded and listening.host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigurationError(
            "the embedded server",
            rule="it listens on this machine only, since nobody signs in",
            received=f"the host `{listening.host}`",
            remedy="Start `theragate server` without --embedded.",
        )
    limits = read_limits(environ)
    _check_port(listening)
    for address in dict.fromkeys((settings.tracking, settings.registry.removeprefix("gated+"))):
        refuse_unanswered(address, variable="MLFLOW_TRACKING_URI")
    for name, value in _QUIET.items():
        environ.setdefault(name, value)
    _ignore_deprecation(environ)
    if not embedded:
        _pin_trust(settings, environ)
        refuse_worst(settings, environ)
        refuse_out_of_reach(settings, environ)
        os.umask(0o077)  # what the server writes is its own: databases, artifacts, temporary files
        Guesses(guesses_path(settings), limits)  # or say now why it cannot be written
        _prepare_sign_in(settings, environ)
    from mlflow.cli import cli

    from theragate.tracking.store import Stores, prepare

    if embedded:
        prepare(Stores.of(settings))
    for warning in _ledger_warnings(settings, environ):
        say(warning, to=sys.stderr)
    say(_embedded_notice(listening) if embedded else f"Release server: {listening.address}")
    cli.main(args=server_arguments(settings, listening, embedded=embedded), prog_name="mlflow", standalone_mode=False)
    return 0


def check(settings: Settings, listening: Listening, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find what is missing in the deployment of a team's server, or too open, as `serve` would start it."""
    sign_in = environ.get("MLFLOW_AUTH_CONFIG_PATH")
    path = Path(sign_in) if sign_in else settings.private / _SIGN_IN_FILE
    return check_server(
        settings, environ, host=listening.host, workers=listening.workers, sign_in=path, own=not sign_in
    )


def server_arguments(settings: Settings, listening: Listening, *, embedded: bool) -> list[str]:
    """Return the arguments of MLflow's command for these stores."""
    artifacts = (
        # It hands out none: MLflow would keep other artifacts in the present folder, and take that for their place.
        ["--no-serve-artifacts", "--default-artifact-root", settings.artifacts, "--app-name", "theragate-embedded"]
        if embedded
        else [
            "--serve-artifacts",
            "--artifacts-destination",
            f"sealed+{settings.artifacts}",
            "--default-artifact-root",
            "mlflow-artifacts:/",
            "--app-name",
            "theragate",
        ]
    )
    return [
        "server",
        "--backend-store-uri",
        settings.tracking,
        "--registry-store-uri",
        settings.registry,
        "--host",
        listening.host,
        "--port",
        str(listening.port),
        "--workers",
        str(listening.workers),
        # What MLflow does at startup and shutdown serves only its assistant, which is closed here.
        "--uvicorn-opts",
        f"--lifespan off --ws none --http {_CONNECTION} --timeout-worker-healthcheck {_BUSY}",
        *artifacts,
    ]


def _ignore_deprecation(environ: MutableMapping[str, str]) -> None:
    """Keep from the user, here and in the processes that serve, what only MLflow can change."""
    warnings.filterwarnings("ignore", message=_DEPRECATED)
    environ["PYTHONWARNINGS"] = ",".join(filter(None, (environ.get("PYTHONWARNINGS"), f"ignore:{_DEPRECATED}")))


def _embedded_notice(listening: Listening) -> str:
    return (
        f"Embedded release server: {listening.address}/#/experiments?workflowType=machine_learning (Ctrl-C ends it)\n"
        "Nobody signs in: names are claimed, and whoever uses this machine can change its files. "
        "It shows how releases work, and protects nothing; see docs/threat-model.md."
    )


def _check_stores(settings: Settings) -> None:
    if settings.tracking.startswith(("http://", "https://")):
        raise StoreError(
            "release server",
            rule="it is started for a database",
            received="a tracking server with a UI of its own",
            remedy=f"Open {settings.tracking} in a browser.",
        )
    if not settings.registry.startswith("gated+"):
        raise ConfigurationError(
            "MLFLOW_REGISTRY_URI",
            rule="the registry of a release server is a guarded one, `gated+sqlite:///…` or `gated+postgresql://…`",
            received=f"`{settings.registry.partition(':')[0]}:…`",
            remedy="Put `gated+` before the address, or unset the variable.",
        )


def _ledger_warnings(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Say at the start what would otherwise be said at the first decision, which this server will refuse."""
    from theragate.registry.session import check_ledger
    from theragate.tracking.store import Stores

    try:
        trust = present_trust(settings, environ)
        check_ledger(Stores.of(settings), trust, server_memory(settings, environ, development=trust.development))
    except TheragateError as error:
        yield f"warning: no release is decided here until this is mended: {error}"


def _check_port(listening: Listening) -> None:
    with socket.socket(socket.AF_INET6 if ":" in listening.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listening.host, listening.port))
        except OSError as error:
            raise StoreError(
                f"port {listening.port}",
                rule="the server listens on a free port of this machine",
                received=error.strerror or f"an error ({type(error).__name__})",
                remedy=f"Choose another port, such as --port {listening.port + 1}.",
            ) from error


def _pin_trust(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Fix the path of the trust file: should it go missing later, that is an error and no fall-back to a laptop."""
    path = trust_path(environ, settings.home)
    if path is None:
        raise ConfigurationError(
            "the release server",
            rule="a trust file says who releases, and whose signatures count",
            received="no trust file",
            remedy="Make one with `theragate keys make` (docs/keys.md), or start the embedded server: `theragate ui`.",
        )
    environ["THERAGATE_TRUST"] = str(path.absolute())


def _prepare_sign_in(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Set up the sign-in: a secret for its forms, the users' database, and the first user.

    Otherwise the processes that serve would fail one after the other, each with a traceback, and be restarted for ever.
    """
    environ.setdefault("MLFLOW_FLASK_SERVER_SECRET_KEY", secrets.token_hex(32))
    if not environ.get("MLFLOW_AUTH_CONFIG_PATH"):
        users = settings.private / _USERS
        users.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        users.parent.chmod(0o700)
        sign_in = settings.private / _SIGN_IN_FILE
        if not _is_edited(sign_in):
            write_text(sign_in, _SIGN_IN.format(database=f"sqlite:///{users}"))
        environ["MLFLOW_AUTH_CONFIG_PATH"] = str(sign_in)
    from mlflow.exceptions import MlflowException
    from mlflow.server.auth import auth_config, bootstrap_admin_user

    from theragate.mlflow_plugin.confirmation import PROXY
    from theragate.mlflow_plugin.proxy import read_secret

    refuse_unanswered(auth_config.database_uri, variable="`database_uri` in sign-in.ini")
    _check_administrator(settings, environ, auth_config.admin_username or "")
    if auth_config.authorization_function == PROXY:
        read_secret(environ)
    try:
        bootstrap_admin_user()
    except MlflowException as error:
        raise ConfigurationError(
            "sign-in of the release server",
            rule="its database can be used, and the first start is given a password for the user `admin`",
            received=f"this from MLflow: {error.message.partition('. ')[0][:200].rstrip('.')}",
            remedy="Set MLFLOW_AUTH_ADMIN_PASSWORD (12 characters or more) for the first start.",
        ) from error


def _is_edited(sign_in: Path) -> bool:
    """Return whether somebody has changed the file that we made; a project that was moved gets its own place in it."""
    if not sign_in.is_file():
        return False
    text = sign_in.read_text(encoding="utf-8")
    before, after = _SIGN_IN.split("{database}")
    return not (text.startswith(before) and text.endswith(after) and "\n" not in text[len(before) : -len(after)])


def _check_administrator(settings: Settings, environ: Mapping[str, str], name: str) -> None:
    """Refuse a first administrator whom the trust file lists: whoever starts the server knows the password."""
    trust = deployed_trust(settings, environ)
    if trust is not None and looks_like(name, trust.listed_people) is not None:
        raise ConfigurationError(
            "sign-in of the release server",
            rule="its administrator is nobody whom the trust file lists, who could act as two people",
            received=f"`{name}`",
            remedy="Give `admin_username` in the file of MLFLOW_AUTH_CONFIG_PATH another name.",
        )
