"""Where the stores are: settings come from environment variables, with defaults that need nothing installed."""

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError

__all__ = ["Settings", "for_experiments", "project_root", "read_settings", "written_bytes"]

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
_LEAST_MEMORY = 2**26  # bytes, below which not even Python and NumPy fit
_OF_ALL = 0.95  # of the machine's memory, from which on the kernel looks for somebody to end
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CLUSTER = re.compile(r"(tcp|tls)://[^\s/@]+:\d{1,5}|(slurm|pbs|lsf|sge):.+")
_TIMEOUT = 1800  # seconds: a large model may have to be copied on the server, and fetched over a slow line


@dataclass(frozen=True)
class Settings:
    """What is set outside the repository.

    ``home`` is the project's root, also for experiments that DVC runs in a temporary folder: default stores and
    private tables live there. ``tracking``, ``registry`` and ``artifacts`` are MLflow's store URLs: unless it is named,
    the registry is the guarded one beside the tracking store. ``jobs`` is the number of processor cores that training
    may use, ``timeout`` the seconds that a command waits for a server, all its waiting together. ``memory`` is how many
    bytes a stage and its workers may hold together, and ``memory_is_set`` whether somebody says so. ``cluster`` is
    where the scheduler of a Dask cluster is, and ``shared`` the URL of a place that all its machines can read; both may
    be empty.
    """

    home: Path
    tracking: str
    registry: str
    artifacts: str
    jobs: int
    timeout: float
    memory: int
    memory_is_set: bool
    cluster: str
    shared: str

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
        ``THERAGATE_TIMEOUT`` the seconds that a command waits for a server, ``THERAGATE_MEMORY_LIMIT`` the memory of a
        stage, ``THERAGATE_CLUSTER`` a Dask cluster and ``THERAGATE_SHARED`` a place that all its machines can read; DVC
        gives ``DVC_ROOT``.
    folder
        The current folder: the project around it is meant where DVC does not say otherwise.

    Raises
    ------
    ConfigurationError
        If ``THERAGATE_JOBS`` is not a positive whole number, ``THERAGATE_TIMEOUT`` not a positive number,
        ``THERAGATE_MEMORY_LIMIT`` not an amount such as ``4GiB``, ``THERAGATE_CLUSTER`` not the address of a scheduler,
        or ``THERAGATE_SHARED`` no URL.
    """
    home = Path(environ.get("DVC_ROOT") or project_root(folder) or folder).resolve()
    tracking = environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow-store' / 'mlflow.db'}"
    remote = tracking.startswith(("http://", "https://"))
    local = "" if remote else (home / "mlflow-store" / "artifacts").as_uri()
    memory = _memory(environ.get("THERAGATE_MEMORY_LIMIT"))
    return Settings(
        home=home,
        tracking=tracking,
        registry=environ.get("MLFLOW_REGISTRY_URI") or _guarded(tracking),
        artifacts=environ.get("THERAGATE_ARTIFACTS") or local,
        jobs=_jobs(environ.get("THERAGATE_JOBS")),
        timeout=_timeout(environ.get("THERAGATE_TIMEOUT")),
        memory=memory or _all_memory(),
        memory_is_set=memory is not None,
        cluster=_cluster(environ.get("THERAGATE_CLUSTER")),
        shared=_shared(environ.get("THERAGATE_SHARED")),
    )


def _guarded(tracking: str) -> str:
    return f"gated+{tracking}" if tracking.startswith(("sqlite:", "postgresql:", "postgresql+")) else tracking


def _cluster(text: str | None) -> str:
    if not text:
        return ""
    if not _CLUSTER.fullmatch(text):
        raise ConfigurationError(
            "environment variable THERAGATE_CLUSTER",
            rule="it is the address of a scheduler, such as `tls://scheduler:8786`, or a kind of queue and a file with "
            "its settings, such as `slurm:cluster.yaml`",
            received=f"`{text}`",
            remedy="Correct it, or unset it to work on this machine.",
        )
    return text


def _shared(text: str | None) -> str:
    if not text:
        return ""
    if "://" not in text:
        raise ConfigurationError(
            "environment variable THERAGATE_SHARED",
            rule="it is the URL of a folder that all machines of the cluster can read, such as `s3://bucket/folder`",
            received=f"`{text}`",
            remedy="Correct it; or unset it where they find the project under the path that it has here.",
        )
    return text


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


def written_bytes(amount: int) -> str:
    """Return an amount of memory as people write it: ``4 GiB``, ``512 MiB``."""
    unit, size = ("GiB", 2**30) if amount >= 2**30 else ("MiB", 2**20)
    return f"{amount / size:.3g} {unit}" if amount < 1000 * size else f"{amount / size:,.0f} {unit}"


def _memory(text: str | None) -> int | None:
    if not text:
        return None
    form = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text, flags=re.ASCII)
    unit = _UNITS.get(form[2].upper()) if form else None
    amount = int(float(form[1]) * unit) if form and unit else 0
    if amount < _LEAST_MEMORY:
        raise ConfigurationError(
            "environment variable THERAGATE_MEMORY_LIMIT",
            rule=f"it is an amount of memory, such as `4GiB`, of {written_bytes(_LEAST_MEMORY)} or more",
            received=f"`{text}`",
            remedy="Correct it, or unset it to use what the machine has.",
        )
    return amount


def _all_memory() -> int:
    """Return nearly all memory of the machine, or of the control group that this process is in."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUPS:
        with suppress(OSError, ValueError):  # another version of control groups, or `max`
            amounts.append(int(Path(path).read_text(encoding="ascii")))
    return int(min(amounts) * _OF_ALL)
