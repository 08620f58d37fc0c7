"""Sources that git ignores, brought into a copy of the project that git made: there they are not, and stages need them.

DVC runs queued experiments in such a copy, below ``.dvc/tmp``, and an evaluator in a clone. Links leave the rows where
they are, and what a stage depends on is the same file with the same digest, so that nothing is made again for nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from theragate.errors import StoreError

__all__ = ["bring_sources", "link_sources"]


def bring_sources(root: Path, environ: Mapping[str, str]) -> None:
    """Link the sources into the temporary folder of an experiment; do nothing elsewhere.

    Parameters
    ----------
    root
        The folder in which the stages run.
    environ
        The environment variables: for an experiment, DVC's ``DVC_ROOT`` is the project that it was queued in.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    home = environ.get("DVC_ROOT")
    if home and Path(home).resolve() != root.resolve():
        link_sources(Path(home).resolve(), root)


def link_sources(home: Path, copy: Path) -> None:
    """Link what lies in ``sources/<study>/`` of `home` into the studies' folders of `copy` that lack it.

    What the copy has stays as it is, and what DVC tracks is left to DVC, which knows the version of each commit.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    for entry in sorted((home / "sources").glob("*/*")):
        link = copy / "sources" / entry.parent.name / entry.name
        if not link.parent.is_dir() or link.exists() or entry.with_name(f"{entry.name}.dvc").exists():
            continue
        try:
            link.unlink(missing_ok=True)  # a link to what is no longer there
            if entry.is_dir():  # DVC follows links to files, and none to folders
                link.mkdir()
            for one in sorted(entry.iterdir()) if entry.is_dir() else [entry]:
                (link / one.name if entry.is_dir() else link).symlink_to(one)
        except OSError as error:
            raise StoreError(
                f"sources/{entry.parent.name}",
                rule="a source can be linked into a copy of the project",
                received=error.strerror or "an error of the disk",
                remedy="Free space or correct the folder's permissions, then run the same command again.",
            ) from error
