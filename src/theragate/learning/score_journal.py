"""The scores of a search in batches, kept as they come, so that none is computed twice."""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from theragate.digests import sha256_json
from theragate.learning.search_journal import cut_off_half_lines

__all__ = ["Score", "ScoreJournal"]


class Score(NamedTuple):
    """The mean loss of one trial on one inner fold; None where there was no solution, and the reason for that."""

    loss: float | None
    reason: str


class ScoreJournal:
    """A file of scores by what they are scores of; of one written to the half, the half is dropped.

    A search asks for the same trials whenever the same scores come back, so that with them it continues where it
    stopped, in whatever order and by however many workers they were found.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Score] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        cut_off_half_lines(path)
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
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"of": key, **score._asdict()}, separators=(",", ":")) + "\n")
