"""What one stage has written, read back by another: of this version's form, and of the same study."""

from pathlib import Path
from typing import Protocol, TypeVar

from theragate.errors import EvidenceError, TheragateError
from theragate.runner.workspace import Workspace
from theragate.study import read_spec

__all__ = ["read_output"]


class OfStudy(Protocol):
    """Content that names its study."""

    @property
    def study(self) -> str:
        """The study's name."""


T = TypeVar("T", bound=OfStudy)


def read_output(
    kind: type[T],
    path: Path,
    workspace: Workspace,
    *,
    stage: str,
    error: type[TheragateError] = EvidenceError,
    private: bool = False,
) -> T:
    """Read a JSON file of a study into the type it was written by.

    Parameters
    ----------
    stage
        The stage that writes the file, for the remedy.
    error
        What is raised when the file is of another form or study.
    private
        Whether its values may be a patient's; see `read_spec`.

    Raises
    ------
    DataError
        If the file is missing, unreadable or not JSON.
    TheragateError
        Of the type `error`, if a key is missing, unknown or wrong, or the file is of another study.
    """
    subject = f"study `{workspace.study}`, {path.name}"
    again = f"Run `dvc repro -f {stage}@{workspace.study}`."
    content = read_spec(
        kind,
        path,
        subject=subject,
        remedy=f"Run `dvc repro {stage}@{workspace.study}`.",
        outdated=again,
        error=error,
        private=private,
    )
    if content.study != workspace.study:
        rule = "the file is of this study"
        raise error(subject, rule=rule, received=f"a file of `{content.study}`", remedy=again)
    return content
