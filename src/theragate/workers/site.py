"""What a work finds where it is done: files that it names instead of carrying them, and room for what it keeps.

On the machine that asked for the work, and in its processes, files are where they are said to be. On a cluster,
`theragate.workers.on_worker` says otherwise for as long as a work runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["SharedFile", "Site", "append", "checkpoint", "files_of", "room_for", "working_at"]


class Site(Protocol):
    """A place where works are done."""

    def find(self, file: "SharedFile") -> Path:
        """Return where the file is."""
        ...

    def room_for(self, folder: Path) -> Path:
        """Return where to keep what belongs into a folder of the machine that asked for the work."""
        ...

    def append(self, path: Path, line: str) -> None:
        """Add a line, with its end, to a file of the machine that asked for the work."""
        ...

    def checkpoint(self) -> None:
        """Raise an error if nobody waits for the work any more."""
        ...


@dataclass(frozen=True)
class SharedFile:
    """A file by its place on the machine that asks for the work, and by its digest."""

    path: Path
    sha256: str

    def here(self) -> Path:
        """Return where it is for this process.

        Raises
        ------
        DataError
            If it cannot be read here, or is not the file of that digest.
        """
        return _SITES[-1].find(self)


def files_of(work: object) -> Iterator[SharedFile]:
    """Yield the files that a work names in the fields of its dataclasses."""
    if isinstance(work, SharedFile):
        yield work
    elif is_dataclass(work):
        for field in fields(work):
            yield from files_of(getattr(work, field.name))


class _AsItIs:
    """The machine that asks."""

    def find(self, file: SharedFile) -> Path:
        return file.path

    def room_for(self, folder: Path) -> Path:
        return folder

    def append(self, path: Path, line: str) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line)

    def checkpoint(self) -> None:
        """Whoever asked is alive, or has ended its processes."""


_SITES: list[Site] = [_AsItIs()]


@contextmanager
def working_at(site: Site) -> Iterator[None]:
    """Do what is in the block at a site; a process does one work at a time."""
    _SITES.append(site)
    try:
        yield
    finally:
        _SITES.pop()


def room_for(folder: Path) -> Path:
    """Return where this process keeps what belongs into `folder` of the machine that asked for the work."""
    return _SITES[-1].room_for(folder)


def append(path: Path, line: str) -> None:
    """Add a line, with its end, to a file of the machine that asked for the work.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    _SITES[-1].append(path, line)


def checkpoint() -> None:
    """Let go of a work that nobody waits for any more; called between fits."""
    _SITES[-1].checkpoint()
