"""Everything again from the commit alone: in a fresh clone, by the pipeline, compared with what is committed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from theragate.errors import EvidenceError, TheragateError
from theragate.project.ignored_sources import link_sources
from theragate.settings import Settings, read_settings

__all__ = ["recomputed"]

# What a stage has no business with: the code of a commit runs below the hand that signs.
_SECRETS = {"THERAGATE_EVALUATOR_KEY", "THERAGATE_LEDGER_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"}
# Nor do others decide what comes out: what is signed was made on the machine that signs.
_OTHER_MACHINES = {"THERAGATE_CLUSTER", "THERAGATE_SHARED"}
_SHOWN = 5


@contextmanager
def recomputed(
    root: Path, study: str, *, commit: str, private: Path, environ: Mapping[str, str], check: Callable[[Path], None]
) -> Iterator[tuple[Path, Settings]]:
    """Yield a clone of `commit` in which the study was made again to the same verdict and bytes, and its settings.

    Nothing of this machine's results is used: the clone has no cache, and every stage runs. Only the tables of random
    ids are copied into it, because without them nobody could draw the same ids; keys stay where they are. Sources that
    git ignores are linked: ``dvc.lock`` names their digests, and the clone of another table would not make it again.
    No worker of a cluster takes part, whose results would be believed unseen.

    Parameters
    ----------
    root
        The project, whose HEAD is `commit`.
    private
        The folder with the tables of random ids, if the project has one.
    environ
        The environment variables, of which the pipeline gets no secret and no cluster.
    check
        Called with the project in the clone before anything of it runs; raises to refuse it.

    Raises
    ------
    EvidenceError
        If the pipeline fails there, or makes other results than those committed.
    """
    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        kept = _on_this_machine(environ)
        around, below = (
            _run(["git", "rev-parse", asked], root, study=study, environ=kept).removesuffix("\n")
            for asked in ("--show-toplevel", "--show-prefix")
        )
        whole = Path(folder, "project")
        clone = whole / below  # a project may lie in a folder of its repository
        _run(
            ["git", "clone", "--quiet", "--no-hardlinks", around, str(whole)],
            Path(folder),
            study=study,
            environ=kept,
        )
        _run(["git", "checkout", "--quiet", "--detach", commit], whole, study=study, environ=kept)
        check(clone)
        link_sources(root, clone)
        if private.is_dir():
            shutil.copytree(private, clone / "private", ignore=shutil.ignore_patterns("keys"))
        isolated = _without_the_folder(kept, clone)
        _run([sys.executable, "-m", "dvc", "repro", "--force", f"gate@{study}"], clone, study=study, environ=isolated)
        differing = _run(["git", "status", "--porcelain"], clone, study=study, environ=kept).splitlines()
        if differing:
            names = ", ".join(f"`{line[3:]}`" for line in differing[:_SHOWN])
            raise _not_reproduced(study, f"other results: {names} would change")
        yield clone, read_settings(kept | {"DVC_ROOT": str(clone)}, clone)


def _run(command: list[str], folder: Path, *, study: str, environ: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - our own words, the path of the project and a commit
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "no output")
        raise _not_reproduced(study, f"a failure of `{' '.join(command[-3:])[:80]}` ({reason[:300]})")
    return done.stdout


def _on_this_machine(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without secrets and clusters, with which `python` is the one that runs here."""
    withheld = _SECRETS | _OTHER_MACHINES
    kept = {name: value for name, value in environ.items() if name not in withheld and not name.startswith("DVC_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}


def _without_the_folder(environ: Mapping[str, str], clone: Path) -> dict[str, str]:
    """Return variables with which no Python, nor a worker that it starts, imports a module from the project's folder.

    Python looks there first when it runs a module or a worker, so that a `dvc.py` of the commit would run as DVC. Only
    the stages' own folder stays, whose files are known.
    """
    others = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if Path(path).is_absolute()]
    paths = os.pathsep.join([str(clone / "pipelines"), *others])
    return {**environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": paths}


def _not_reproduced(study: str, received: str) -> TheragateError:
    return EvidenceError(
        f"study `{study}`",
        rule="a fresh clone of the commit makes the very results that are committed",
        received=received,
        remedy="Run `dvc repro` on a clean work tree, commit what changes, and push it.",
    )
