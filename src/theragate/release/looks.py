"""How often held-out data have been used for a decision: one line per look, in a file that git tracks.

Lines hold digests and no times, so that judging the same thing again, here or in another clone, is not a new look and
changes no byte.
"""

import json
from pathlib import Path

from filelock import FileLock

from theragate.digests import canonical_json, sha256_json
from theragate.errors import DataError
from theragate.files import write_text
from theragate.gates.types import Verdict
from theragate.settings import Settings
from theragate.study import Spec

__all__ = ["Look", "count", "count_look", "ledger", "read_looks", "record"]


class Look(Spec):
    """One decision based on held-out data: which data, about which predictions, under which policy."""

    cohort_sha256: str
    predictions_sha256: str
    policy_sha256: str
    decision: str
    verdict_sha256: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies a look: the same data, predictions and policy are the same look."""
        return (self.cohort_sha256, self.predictions_sha256, self.policy_sha256)


def record(path: Path, verdict: Verdict, *, lock: Path) -> int:
    """Record the look that `verdict` represents, unless it is recorded already.

    Parameters
    ----------
    path
        The study's ledger, created where there is none. It is written to a temporary file and renamed, so that a killed
        process leaves no partial line. A partial last line from elsewhere is repaired.
    lock
        A lock file shared by all processes, so that none loses another's line.

    Returns
    -------
    The number of this look at these held-out data, counted from 1 in the order of the file.

    Raises
    ------
    DataError
        If a line of the ledger was not written by this function.
    StoreError
        If the file cannot be written.
    """
    look = Look(
        cohort_sha256=verdict.cohort_sha256,
        predictions_sha256=verdict.predictions_sha256,
        policy_sha256=verdict.policy_sha256,
        decision=verdict.decision,
        verdict_sha256=sha256_json(verdict.model_dump(mode="json")),
    )
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        looks = read_looks(path)
        if look.key not in {other.key for other in looks}:
            looks.append(look)
            write_text(path, "".join(_line(other) for other in looks))
    keys = [other.key for other in looks if other.cohort_sha256 == look.cohort_sha256]
    return keys.index(look.key) + 1


def count(path: Path, cohort_sha256: str) -> int:
    """Return the number of looks at a cohort's held-out data; a changed cohort starts again at 0.

    Raises
    ------
    DataError
        If a line of the ledger was not written by `record`.
    """
    return sum(look.cohort_sha256 == cohort_sha256 for look in read_looks(path))


def read_looks(path: Path) -> list[Look]:
    """Return the looks of a ledger, each once, in the order of the file; none where there is no file.

    A truncated last line is ignored. Lines duplicated by a merge of two git branches count once.

    Raises
    ------
    DataError
        If the file cannot be read, or another line is not a look.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, "a file that cannot be read") from error
    lines = text.splitlines()
    looks: dict[tuple[str, str, str], Look] = {}
    for number, line in enumerate(lines, start=1):
        try:
            look = Look.model_validate(json.loads(line), strict=True)
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not text.endswith("\n"):
                break
            raise _damaged(path, f"text that is not a look in line {number}") from error
        looks.setdefault(look.key, look)
    return list(looks.values())


def _line(look: Look) -> str:
    return canonical_json(look.model_dump()).decode() + "\n"


def _damaged(path: Path, received: str) -> DataError:
    return DataError(
        f"{path.parent.name}/{path.name}",
        rule="each line is one look at the held-out data, as the stage `gate` writes it",
        received=received,
        remedy="Restore the file from git; after a merge, keep the lines of both sides.",
    )


def ledger(settings: Settings, study: str) -> Path:
    """Return the ledger of looks of a study: the project's own, even from an experiment's folder."""
    return settings.home / "looks" / f"{study}.jsonl"


def count_look(settings: Settings, verdict: Verdict) -> int:
    """Record the look that a verdict represents, once; return its number among those at these held-out data.

    Raises
    ------
    DataError
        If the ledger is damaged.
    StoreError
        If the file cannot be written.
    """
    return record(ledger(settings, verdict.study), verdict, lock=settings.state / f"looks-{verdict.study}.lock")
