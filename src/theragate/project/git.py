"""What git and DVC say about the work tree: facts for the record, never conditions of a stage."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CodeState", "commits_of", "file_at", "lines_added", "read_code_state"]


@dataclass(frozen=True)
class CodeState:
    """The commit of HEAD (None outside git), whether files differ from it or are not in it, and DVC's experiment.

    ``author`` is who made the commit, as ``Name <address>``.
    """

    commit: str | None
    dirty: bool
    experiment: str | None
    baseline: str | None
    author: str | None = None


def read_code_state(root: Path, environ: Mapping[str, str]) -> CodeState:
    """Ask git for the commit and for changed files, and the environment for DVC's experiment."""
    return CodeState(
        commit=_git(root, "rev-parse", "HEAD") or None,
        dirty=bool(_git(root, "status", "--porcelain")),
        experiment=environ.get("DVC_EXP_NAME") or None,
        baseline=environ.get("DVC_EXP_BASELINE_REV") or None,
        author=_git(root, "log", "-1", "--format=%an <%ae>") or None,
    )


def commits_of(root: Path, path: str, *, most: int) -> list[tuple[str, str]]:
    """Return the commits that changed a file below `root`, the newest first, each with its day; none outside git."""
    lines = _git(root, "log", f"-{most}", "--format=%H %cs", "--", path).splitlines()
    return [(commit, day) for commit, _, day in (line.partition(" ") for line in lines)]


def file_at(root: Path, commit: str, path: str) -> str:
    """Return the text of a file below `root` as a commit has it; empty where it has none."""
    return _git(root, "show", f"{commit}:./{path}")


def lines_added(root: Path, path: str) -> list[str]:
    """Return the lines that commits up to HEAD have added to a file below `root`, oldest first; none outside git."""
    words = ("log", "--reverse", "--format=", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv")
    changes = _git(root, *words, "--", path).splitlines()
    return [line[1:] for line in changes if line.startswith("+") and not line.startswith("+++ ")]


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
