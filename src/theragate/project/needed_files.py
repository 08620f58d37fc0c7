"""What a study needs before its first run. Light, because every run of the pipeline asks."""

from pathlib import Path

__all__ = ["missing_files"]

_NEEDED = ("expectations/{}.json", "release/{}", "sources/{}")


def missing_files(root: Path, study: str) -> list[str]:
    """Return the paths, below `root`, of what a declared study needs and does not have."""
    return [path for path in (needed.format(study) for needed in _NEEDED) if not (root / path).exists()]
