"""Where the stores are: settings come from environment variables, with defaults that need nothing installed."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError

__all__ = ["Settings", "for_experiments", "project_root", "read_settings"]

_TIMEOUT = 1800  # seconds: a large model may have to be copied on the server, and fetched over a slow line


@dataclass(frozen=True)
class Settings:
    """What is set outside the repository.

    ``home`` is the project's root, also for experiments that DVC runs in a temporary folder: default stores and
    private tables live there. ``tracking``, ``registry`` and ``artifacts`` are MLflow's store URLs: unless it is named,
    the registry is the guarded one beside the tracking store. ``jobs`` is the number of processor cores that training
    may use, ``timeout`` the seconds that a command waits for a server, all its waiting together.
    """

    home: Path
    tracking: str
    registry: str
    artifacts: str
    jobs: int
    timeout: float

    @property
    def private(self) -> Path:
        """The folder of what must not leave the site: the tables of random ids."""
        return self.home / "private"

    @property
    def state(self) -> Path:
        """The folder of what may be deleted at any time: interrupted searches, claims."""
        return self.home / ".theragate"


def project_root(folder: Path) -> Path | None:
    """Return the project around `folder`: as git would, the nearest with ``dvc.yaml`` and ``params.yaml``."""
    around = (path for path in (folder, *folder.parents) if (path / "params.yaml").is_file())
    return next((path for path in around if (path / "dvc.yaml").is_file()), None)


def for_experiments(folder: Path, study: str) -> str:
    """Say how the source of a study gets into an experiment, as the beginning of a remedy; empty anywhere else.

    An experiment that DVC runs in a temporary folder has only what git and DVC track, and git has no patient's row.
    """
    if (".dvc", "tmp", "exps") not in zip(folder.parts, folder.parts[1:], folder.parts[2:], strict=False):
        return ""
    return f"Under `--queue` and `--temp`, let it come along: `dvc exp run … --copy-paths sources/{study}`. "


def read_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """Read the settings.

    Parameters
    ----------
    environ
        Environment variables. MLflow's own ``MLFLOW_TRACKING_URI`` and ``MLFLOW_REGISTRY_URI`` name the stores,
        ``THERAGATE_ARTIFACTS`` the artifact location of new experiments, ``THERAGATE_JOBS`` the cores,
        ``THERAGATE_TIMEOUT`` the seconds that a command waits for a server; DVC gives ``DVC_ROOT``.
    folder
        The current folder: the project around it is meant where DVC does not say otherwise.

    Raises
    ------
    ConfigurationError
        If ``THERAGATE_JOBS`` is not a positive whole number, or ``THERAGATE_TIMEOUT`` not a positive number.
    """
    home = Path(environ.get("DVC_ROOT") or project_root(folder) or folder).resolve()
    tracking = environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow-store' / 'mlflow.db'}"
    remote = tracking.startswith(("http://", "https://"))
    local = "" if remote else (home / "mlflow-store" / "artifacts").as_uri()
    return Settings(
        home=home,
        tracking=tracking,
        registry=environ.get("MLFLOW_REGISTRY_URI") or _guarded(tracking),
        artifacts=environ.get("THERAGATE_ARTIFACTS") or local,
        jobs=_jobs(environ.get("THERAGATE_JOBS")),
        timeout=_timeout(environ.get("THERAGATE_TIMEOUT")),
    )


def _guarded(tracking: str) -> str:
    return f"gated+{tracking}" if tracking.startswith(("sqlite:", "postgresql:", "postgresql+")) else tracking


def _timeout(text: str | None) -> float:
    if not text:
        return _TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigurationError(
            "environment variable THERAGATE_TIMEOUT",
            rule="it is a number of seconds above 0",
            received=f"`{text}`",
            remedy=f"Correct it, or unset it to wait {_TIMEOUT} seconds.",
        )
    return seconds


def _jobs(text: str | None) -> int:
    if not text:
        available = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return len(available)
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ConfigurationError(
            "environment variable THERAGATE_JOBS",
            rule="it is a whole number, 1 or above",
            received=f"`{text}`",
            remedy="Correct it, or unset it to use all cores.",
        )
    return int(text)
