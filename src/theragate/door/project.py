"""A project, opened from Python: its studies by name, and their evidence in one table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from theragate.door.study import OpenStudy
from theragate.errors import ConfigurationError, TheragateError
from theragate.reports.html import Cell, document, table
from theragate.runner.workspace import Workspace
from theragate.settings import project_root
from theragate.study import load_study, study_names

if TYPE_CHECKING:  # tables are made when somebody asks for one
    import pandas as pd

__all__ = ["Project", "open_project"]


@dataclass(frozen=True, repr=False)
class Project:
    """A folder with ``params.yaml``. What is asked of it is read from its files each time, as they are then.

    Parameters
    ----------
    root
        The project's folder.
    """

    root: Path

    @property
    def studies(self) -> tuple[str, ...]:
        """The names of the studies, in the order of ``params.yaml``."""
        return tuple(study_names(self.root / "params.yaml"))

    def study(self, name: str) -> OpenStudy:
        """Open one study.

        Raises
        ------
        ConfigurationError
            If there is no such study, or a key of it is wrong.
        """
        load_study(self.root / "params.yaml", name)
        return OpenStudy(Workspace(self.root, name))

    def evidence(self, *names: str) -> "pd.DataFrame":
        """Return the evidence of several studies in one table, to compare them.

        Parameters
        ----------
        names
            The studies; all that have evidence, if none is named.

        Returns
        -------
        The tables of `OpenStudy.evidence` below each other, with the column ``study`` before them.

        Raises
        ------
        ConfigurationError, DataError, EvidenceError
            As `study` and `OpenStudy.evidence` do; a study without evidence is passed over unless it is named.
        """
        import pandas as pd

        has_evidence = [name for name in self.studies if Workspace(self.root, name).report("evidence.json").is_file()]
        tables = {name: self.study(name).evidence() for name in names or has_evidence}
        if not tables:
            return pd.DataFrame()
        stacked = pd.concat(tables, names=["study", None]).reset_index(level="study")
        return stacked.reset_index(drop=True)

    def __repr__(self) -> str:
        lines = [f"{name}: {said}" for name, _, said in self._rows()]
        return "\n".join([f"Project {self.root.name}", *lines])

    def _repr_html_(self) -> str:
        rows = [(Cell(name, header=True), Cell(title), Cell(said)) for name, title, said in self._rows()]
        content = table("Studies", ("Study", "Title", "Verdict"), rows)
        return document(f"Project {self.root.name}", [content])

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for name in self.studies:
            try:
                study = self.study(name)
                yield name, study.title, study.standing
            except TheragateError as error:
                yield name, "", str(error)


def open_project(path: str | os.PathLike[str] = ".") -> Project:
    """Open the project of a folder, or of the nearest folder above it; see docs/notebooks.md.

    Raises
    ------
    ConfigurationError
        If there is no such folder, or no project in it or above it.
    """
    here = Path(path).expanduser().resolve()
    root = project_root(here) if here.is_dir() else None
    if root is not None:
        return Project(root)
    raise ConfigurationError(
        str(path),
        rule="it is the folder of a project, with dvc.yaml and params.yaml, or lies in one",
        received="a folder that is not" if here.is_dir() else "a file" if here.exists() else "no such folder",
        remedy="Name the folder of a project.",
    )
