"""The scores of a search, kept as they come, so that none is computed twice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from theragate.digests import sha256_json
from theragate.errors import StoreError
from theragate.workers.site import append

__all__ = ["Score", "ScoreJournal"]


class Score(NamedTuple):
    """The mean loss of one trial on one inner fold; None where there was no solution, and the reason for that."""

    loss: float | None
    reason: str


class ScoreJournal:
    """A file of scores by what they are scores of; of one written to the half, the half is dropped.

    A search asks for the same trials whenever the same scores come back, so that with them it continues where it
    stopped, in whatever order and by however many workers they were found. A journal goes with its work to a worker,
    whose scores come back into the file.

    Raises
    ------
    StoreError
        If the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Score] = {}
        with _told_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_off_half_lines(path)
            if path.exists():
                for line in path.read_text(encoding="utf-8").splitlines():
                    with suppress(KeyError, TypeError):
                        entry = json.loads(line)
                        self._known[entry["of"]] = Score(entry["loss"], entry["reason"])

    @staticmethod
    def key(*of: object) -> str:
        """Return the name of a score from what it is a score of."""
        return sha256_json(list(of))

    def get(self, key: str) -> Score | None:
        """Return a score that is known."""
        return self._known.get(key)

    def add(self, key: str, score: Score) -> None:
        """Keep a score."""
        self._known[key] = score
        with _told_of(self._path):
            append(self._path, json.dumps({"of": key, **score._asdict()}, separators=(",", ":")) + "\n")


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            str(path),
            rule="the journal of a search can be written",
            received=error.strerror or type(error).__name__,
            remedy="Free space or correct the folder's permissions, then run the same command again.",
        ) from error


def _cut_off_half_lines(path: Path) -> None:
    """Keep the longest run of whole lines from the start."""
    if not path.exists():
        return
    whole = 0
    with path.open("rb") as stream:
        for line in stream:
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or not isinstance(entry, dict):
                break
            whole += len(line)
    with path.open("r+b") as stream:
        stream.truncate(whole)
