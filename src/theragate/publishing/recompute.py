"""Everything again from the commit alone: in a fresh clone, by the pipeline, compared with what is committed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from theragate.errors import EvidenceError, TheragateError
from theragate.settings import Settings, read_settings

__all__ = ["recomputed"]

# What a stage has no business with: the code of a commit runs below the hand that signs.
_WITHHELD = ("THERAGATE_EVALUATOR_KEY", "THERAGATE_LEDGER_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SHOWN = 5


@contextmanager
def recomputed(root: Path, study: str, settings: Settings, *, commit: str) -> Iterator[tuple[Path, Settings]]:
    """Yield a clone of `commit` in which the study was made again to the same verdict and bytes, and its settings.

    Nothing of this machine's results is used: the clone has no cache, and every stage runs. Only the tables of random
    ids are copied into it, because without them nobody could draw the same ids; keys stay where they are.

    Parameters
    ----------
    root
        The project, whose HEAD is `commit`.

    Raises
    ------
    EvidenceError
        If the pipeline fails there, or makes other results than those committed.
    """
    with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
        clone = Path(folder, "project")
        _run(["git", "clone", "--quiet", "--no-hardlinks", str(root), str(clone)], Path(folder), study)
        _run(["git", "checkout", "--quiet", "--detach", commit], clone, study)
        if settings.private.is_dir():
            shutil.copytree(settings.private, clone / "private", ignore=shutil.ignore_patterns("keys"))
        _run([sys.executable, "-m", "dvc", "repro", "--force", f"gate@{study}"], clone, study)
        differing = _run(["git", "status", "--porcelain"], clone, study).splitlines()
        if differing:
            names = ", ".join(f"`{line[3:]}`" for line in differing[:_SHOWN])
            raise _other(study, f"other results: {names} would change")
        yield clone, read_settings(_environment() | {"DVC_ROOT": str(clone)}, clone)


def _run(command: list[str], folder: Path, study: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words, the path of the project and a commit
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        told = next((line for line in said if line.startswith("error:")), said[-1] if said else "no word")
        raise _other(study, f"a failure of `{' '.join(command[-3:])[:80]}` ({told[:300]})")
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment without secrets, in which `python` is the one that runs here."""
    kept = {name: value for name, value in os.environ.items() if name not in _WITHHELD and not name.startswith("DVC_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}


def _other(study: str, received: str) -> TheragateError:
    return EvidenceError(
        f"study `{study}`",
        rule="a fresh clone of the commit makes the very results that are committed",
        received=received,
        remedy="Run `dvc repro` on a clean work tree, commit what changes, and push it.",
    )
