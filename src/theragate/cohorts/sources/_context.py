"""What a source may use: the files of its study, a folder for downloads, the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from theragate.workers.backend import Backend

__all__ = ["SourceContext"]


@dataclass(frozen=True)
class SourceContext:
    """What one study's source may use.

    ``folder`` is ``sources/<study>/``; ``downloads`` keeps what was fetched, by digest; ``environ`` may hold passwords
    and is never shown. ``elsewhere`` is the folder of the records of later patients; None for those of the cohort.
    ``backend`` does work that can be shared out; None leaves it to this process.
    """

    folder: Path
    downloads: Path
    environ: Mapping[str, str] = field(repr=False)
    elsewhere: Path | None = None
    backend: Backend | None = None

    def records(self, path: str) -> Path:
        """Return where records lie, by the source's ``path``."""
        return (self.elsewhere or self.folder) / path

    def named(self, path: str) -> str:
        """Return how a message names records: ``sources/<study>/<path>``; those of later patients, by name alone."""
        return path if self.elsewhere else f"sources/{self.folder.name}/{path}"

    def companion(self, name: str) -> Path:
        """Return where a file lies that belongs to the table: a dictionary, a catalogue."""
        return self.folder / name
