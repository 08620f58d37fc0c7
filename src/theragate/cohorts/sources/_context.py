"""What a source may use: the files of its study, a folder for downloads, the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SourceContext"]


@dataclass(frozen=True)
class SourceContext:
    """What one study's source may use.

    ``folder`` is ``sources/<study>/``; ``downloads`` keeps what was fetched, by digest; ``environ`` may hold passwords
    and is never shown.
    """

    folder: Path
    downloads: Path
    environ: Mapping[str, str] = field(repr=False)

    def named(self, path: str) -> str:
        """Return how a message names a file of the study: ``sources/<study>/<path>``."""
        return f"sources/{self.folder.name}/{path}"

    def companion(self, name: str) -> Path:
        """Return where a file lies that belongs to the table: a dictionary, a catalogue."""
        return self.folder / name
