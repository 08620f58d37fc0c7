"""Clones of this repository whose only study is the small one; its pipeline is run once and copied."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import support
from filelock import FileLock
from support import ROOT, STUDY, Project


def run(folder: Path, *command: str, code: int = 0, **more: str) -> str:
    """Run a command as `support.run` does, by one job: a second costs a small study more than it saves."""
    return support.run(folder, *command, code=code, **{"THERAGATE_JOBS": "1"} | more)


def clone_of_the_repository(target: Path) -> None:
    """Copy what git tracks or would track into a new repository with one commit, and the bytecode beside it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    for compiled in [*ROOT.glob("src/**/*.pyc"), *ROOT.glob("pipelines/**/*.pyc")]:  # ignored by git, seconds to make
        copied = target / compiled.relative_to(ROOT)
        if copied.parents[1].is_dir():
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(compiled, copied)
    run(target, "git", "init", "-q", "-b", "main")
    run(target, "git", "add", "-A")
    run(target, "git", "commit", "-qm", "A clone")


def small_clone(folder: Path) -> None:
    """Make `folder` a clone whose only study is the small one, of which nothing was made yet."""
    clone_of_the_repository(folder)
    run(folder, "git", "rm", "-rq", "--ignore-unmatch", "dvc.lock", "reports")
    project = Project(folder)
    run(folder, "git", "add", "-f", str(project.table))  # drawn, not anybody's: a second clone has it from git
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "The small study")


@pytest.fixture(scope="session")
def judged_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clone in which `dvc repro` has run every stage but `register`: nothing in it names its own folder.

    The first worker that asks makes it, by two jobs as on most machines; all others wait for it, and copy it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "judged", shared / "judged.done"
    with FileLock(shared / "judged.lock"):
        if not done.exists():
            folder.mkdir()
            small_clone(folder)
            run(folder, "dvc", "repro", f"gate@{STUDY}", THERAGATE_JOBS="2")
            run(folder, "git", "add", "-A")
            run(folder, "git", "commit", "-qm", "Its results")
            done.touch()
    return folder


@pytest.fixture(scope="session")
def pipeline_clone(judged_clone: Path) -> Callable[[Path], Path]:
    """Return a function that makes a folder a small clone whose pipeline has run, `register` in that folder."""

    def make(folder: Path) -> Path:
        shutil.copytree(judged_clone, folder, dirs_exist_ok=True, symlinks=True)
        run(folder, "dvc", "repro")
        run(folder, "git", "add", "-A")
        run(folder, "git", "commit", "-qm", "Its registration")
        return folder

    return make
