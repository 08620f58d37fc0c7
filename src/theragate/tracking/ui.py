"""MLflow's own UI on this machine: the stock server, one worker, no background jobs, loopback only."""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from theragate.errors import StoreError

__all__ = ["serve"]


def serve(tracking: str, artifacts: str, *, port: int) -> NoReturn:
    """Become the server; it ends with Ctrl-C. A `tracking` that is a server already is only named.

    Raises
    ------
    StoreError
        If the port is taken, or the store is a server with a UI of its own.
    """
    if tracking.startswith(("http://", "https://")):
        raise StoreError(
            "MLflow UI",
            rule="it is started for a database",
            received="a tracking server that has a UI of its own",
            remedy=f"Open {tracking} in a browser.",
        )
    _check_port(port)
    print(
        f"MLflow UI: http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning (Ctrl-C ends it)", flush=True
    )
    server = [
        str(Path(sys.executable).with_name("mlflow")), "server",
        "--backend-store-uri", tracking,
        "--default-artifact-root", artifacts,
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execve(server[0], server, {**quiet, **os.environ})  # noqa: S606 - it becomes the server, without a shell


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StoreError(
                f"port {port}",
                rule="the UI listens on a free port",
                received="a port that is taken",
                remedy=f"Run `theragate ui --port {port + 1}`.",
            ) from error
