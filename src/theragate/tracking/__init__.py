"""Everything that is written to MLflow. MLflow is a projection: what is written comes from files and can be rebuilt.

Importing this package keeps MLflow quiet and offline by MLflow's own variables, before anything here imports it: MLflow
reads them from the process. What the user has set stays.
"""

import os

__all__: list[str] = []

_QUIET_AND_OFFLINE = {
    "MLFLOW_DISABLE_AGENT_HINT": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # a server that has gone is reported after seconds, not after minutes
    "MLFLOW_LOGGING_LEVEL": "ERROR",  # no notices to programmers on the screen
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",  # else a lock file that happens to be there goes into the model
}

for _name, _value in _QUIET_AND_OFFLINE.items():
    os.environ.setdefault(_name, _value)
