"""Where a source finds what it needs: files of its study, room for downloads, the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """The surroundings of one study's source.

    ``folder`` is ``sources/<study>/``; ``downloads`` keeps what was fetched, by digest; ``environ`` may hold passwords
    and is never shown.
    """

    folder: Path
    downloads: Path
    environ: Mapping[str, str] = field(repr=False)

    def named(self, path: str) -> str:
        """Return how a message names a file of the study: ``sources/<study>/<path>``."""
        return f"sources/{self.folder.name}/{path}"
