"""The figures of a study, by name. They are drawn from published evidence alone, so that they may be shown."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from theragate.errors import DataError
from theragate.runner.workspace import Workspace

__all__ = ["Figure", "Figures"]

# For whoever does not see them; the numbers of each are in `OpenStudy.curves` and `OpenStudy.evidence`.
_SHOWS = {
    "auc_over_time": "how well the model tells patients apart, over time",
    "benefit_ranking": "the benefit of treatment in those whom the model ranks first",
    "calibration": "observed outcomes against predicted ones",
    "decision_curve": "the net benefit of deciding by the model, at each threshold",
    "effects": "observed effects of the treatment against predicted ones",
    "errors": "the mean error against the prediction",
    "importances": "how much worse the model is without each feature",
    "membership": "how well attacks tell the patients whom a model learned from",
    "overlap": "the chance of treatment of treated patients and of controls",
    "roc": "sensitivity against false positives",
    "stability": "how predictions differ between models that learned from other patients",
    "subgroups": "the main measures in each group of patients",
}


@dataclass(frozen=True)
class Figure:
    """A figure in a PNG file; ``description`` says in words what it shows."""

    path: Path
    description: str

    def _repr_html_(self) -> str:
        content = base64.b64encode(self.path.read_bytes()).decode()
        description = escape(self.description, quote=True)
        return f'<img alt="{description}" style="max-width: 100%" src="data:image/png;base64,{content}">'


class Figures(Mapping[str, Figure]):
    """Figures by name, in the order of their names."""

    def __init__(self, study: str, figures: Mapping[str, Figure]) -> None:
        self._study, self._figures = study, dict(figures)

    @classmethod
    def read(cls, workspace: Workspace) -> "Figures":
        """Find the figures of a study.

        Raises
        ------
        DataError
            If there are none.
        """
        paths = sorted(workspace.report("figures").glob("*.png"))
        if not paths:
            raise DataError(
                f"study `{workspace.study}`, figures",
                rule="the stage `evaluate` has drawn them",
                received="none",
                remedy=f"Run `dvc repro evaluate@{workspace.study}`.",
            )
        shows = {path.stem: _SHOWS.get(path.stem, path.stem.replace("_", " ")) for path in paths}
        return cls(
            workspace.study,
            {path.stem: Figure(path, f"{workspace.study}: {shows[path.stem]}") for path in paths},
        )

    def __getitem__(self, name: str) -> Figure:
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"Figures of {self._study}: {', '.join(self)}"

    def _repr_html_(self) -> str:
        return "\n".join(figure._repr_html_() for figure in self._figures.values())
