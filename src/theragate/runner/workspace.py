"""Which file of a study lies where."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Workspace"]


@dataclass(frozen=True)
class Workspace:
    """The files of one study below the folder in which DVC runs the stages."""

    root: Path
    study: str

    @property
    def params(self) -> Path:
        """``params.yaml``."""
        return self.root / "params.yaml"

    @property
    def suite(self) -> Path:
        """The study's expectation suite."""
        return self.root / "expectations" / f"{self.study}.json"

    def decided(self, name: str) -> Path:
        """Return what people decided about the study: ``champion.json``, ``waivers.json``."""
        return self.root / "release" / self.study / name

    def data(self, name: str) -> Path:
        """Return a file of the cohort: ``cohort.parquet``, ``provenance.json``, ``validated.json``."""
        return self.root / "data" / self.study / name

    def model(self, name: str) -> Path:
        """Return a file of training: ``estimator``, ``predictions.parquet``, ``record.json``, ``refits.parquet``."""
        return self.root / "models" / self.study / name

    def report(self, name: str) -> Path:
        """Return a file that people read: evidence, figures, plots, verdict, card."""
        return self.root / "reports" / self.study / name
