"""A Dask cluster whose workers a batch queue starts, for as long as a stage works: Slurm, PBS, LSF or SGE."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.errors import ConfigurationError, StoreError, did_you_mean
from theragate.workers.alike import kernels

__all__ = ["queued_cluster"]

_QUEUES = {
    "slurm": ("SLURMCluster", "sbatch"),
    "pbs": ("PBSCluster", "qsub"),
    "lsf": ("LSFCluster", "bsub"),
    "sge": ("SGECluster", "qsub"),
}
_NEEDED = {"jobs": int, "cores": int, "memory": str}
_NO_PAGES = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")  # Dask's pages know no sign-in
_LONGEST = 2**16  # bytes of a file of settings


@contextmanager
def queued_cluster(setting: str, *, state: Path) -> Iterator[Any]:
    """Ask a queue for jobs of workers and yield the Dask cluster; its scheduler runs in this process.

    Whoever connects needs a certificate that is made for this run, and that workers find in a folder of the project.

    Parameters
    ----------
    setting
        A kind of queue and a file, such as ``slurm:cluster.yaml``. Of the file, ``jobs`` (how many), ``cores`` and
        ``memory`` (of each) are needed; anything else goes to the class of `dask_jobqueue` as it is: ``queue``,
        ``account``, ``walltime``, ``interface``, ``job_extra_directives`` …
    state
        The folder for certificates and logs, on a disk that workers have too.

    Raises
    ------
    ConfigurationError
        If the file is not what is needed, or an option is not the queue's.
    StoreError
        If there is no such queue on this machine.
    """
    import dask_jobqueue

    kind, _, name = setting.partition(":")
    options = _read(Path(name))
    jobs = options.pop("jobs")
    cluster_class, command = _QUEUES[kind]
    queue = getattr(dask_jobqueue, cluster_class)
    known = _options(queue)
    for key in options.keys() - known:
        raise ConfigurationError(
            f"{name}, key `{key}`",
            rule=f"it is `jobs`, or an option of `dask_jobqueue.{cluster_class}`",
            received="another",
            remedy=f"{did_you_mean(str(key), known)}Correct it; docs/cluster.md has an example.",
        )
    if shutil.which(command) is None:
        raise StoreError(
            f"THERAGATE_CLUSTER, queue `{kind}`",
            rule=f"its command `{command}` is on the PATH",
            received="no such command",
            remedy="Work on a machine of the cluster that may hand in jobs, or name a scheduler that runs.",
        )
    scheduler = {"dashboard": False, "dashboard_address": "127.0.0.1:0", **options.pop("scheduler_options", {})}
    state.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="cluster-", dir=state) as folder:
        own = {
            "processes": options["cores"],
            "python": sys.executable,
            "security": _certificates(Path(folder)),
            "log_directory": folder,
            "worker_extra_args": [*_NO_PAGES, *options.pop("worker_extra_args", [])],
            "scheduler_options": scheduler,
            "job_script_prologue": [f"export {name}={shlex.quote(value)}" for name, value in kernels().items()]
            + list(options.pop("job_script_prologue", [])),
        }
        cluster = queue(**{**own, **options})
        try:
            # Jobs that end, at their time limit or with their machine, are asked for again.
            cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
            yield cluster
        finally:
            cluster.close()


def _options(queue: Any) -> set[str]:
    """Return what a class of clusters, or of its jobs, can be given."""
    classes = (*queue.__mro__, *queue.job_cls.__mro__)
    return {name for each in classes if "__init__" in vars(each) for name in signature(each.__init__).parameters}


def _certificates(folder: Path) -> Any:
    """Make an authority for this run alone, and certificates in files that only their owner can read."""
    from distributed import Security

    made, files = Security.temporary(), {}
    for name in (
        "ca_file",
        *(f"{role}_{part}" for role in ("client", "scheduler", "worker") for part in ("cert", "key")),
    ):
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(getattr(made, f"tls_{name}"), encoding="ascii")
        files[f"tls_{name}"] = str(path)
    return Security(require_encryption=True, **files)


def _read(path: Path) -> dict[str, Any]:
    wrong = {"rule": "it is a YAML file with `jobs`, `cores` and `memory`", "remedy": "See docs/cluster.md."}
    try:
        content = path.read_bytes()
        found = YAML(typ="safe").load(content) if len(content) <= _LONGEST else None
    except OSError as error:
        raise ConfigurationError(str(path), received=error.strerror or type(error).__name__, **wrong) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(str(path), received="something else", **wrong) from error
    if not isinstance(found, dict):
        raise ConfigurationError(str(path), received="something else", **wrong)
    for key, kind in _NEEDED.items():
        if type(found.get(key)) is not kind or not found[key] or (kind is int and found[key] < 1):
            raise ConfigurationError(
                f"{path}, key `{key}`",
                rule="it is a whole number, 1 or above" if kind is int else "it is an amount, such as `16GB`",
                received=f"`{found[key]}`" if key in found else "no such key",
                remedy="See docs/cluster.md.",
            )
    return dict(found)
