"""How often held-out data have been looked at: one line per look, in a file that git tracks.

Lines hold digests and no times, so that seeing or judging the same thing again, here or in another clone, is not a new
look and changes no byte. A stage that makes held-out numbers visible counts them before it is done.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from filelock import FileLock
from pydantic import model_serializer, model_validator

from theragate.digests import canonical_json
from theragate.errors import DataError
from theragate.files import read_bytes, write_text
from theragate.settings import Settings
from theragate.study import Spec

__all__ = ["Look", "count_look", "count_seen", "counted", "ledger", "parse_looks", "read_looks", "record"]


class Look(Spec):
    """One look at held-out data: at which data, at which predictions, and what was decided about them.

    What was seen and not judged yet has no policy, no decision and no verdict.
    """

    cohort_sha256: str
    predictions_sha256: str
    policy_sha256: str = ""
    decision: str = ""
    verdict_sha256: str = ""

    @model_validator(mode="after")
    def _judged_or_not(self) -> Self:
        judged = (self.policy_sha256, self.decision, self.verdict_sha256)
        if any(judged) and not all(judged):
            raise ValueError("policy, decision and verdict stand together or not at all")
        return self

    @model_serializer
    def _without_absent(self) -> dict[str, str]:
        return {name: value for name, value in self if value}

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies a line: data, predictions and policy."""
        return (self.cohort_sha256, self.predictions_sha256, self.policy_sha256)


def counted(looks: Iterable[Look], cohort_sha256: str) -> list[Look]:
    """Return the looks at a cohort's held-out data, in their order; a changed cohort starts again with none.

    Each pair of predictions and policy is a look. Predictions that were seen and never judged are one; where they were
    judged later, the first judgement is no further look and takes the place of the first sight. So the number of looks
    does not depend on the order of the lines, which a merge may change.
    """
    found: list[Look] = []
    for look in looks:
        if look.cohort_sha256 != cohort_sha256:
            continue
        same = [at for at, other in enumerate(found) if other.predictions_sha256 == look.predictions_sha256]
        if same and not look.policy_sha256:
            continue
        if same and not found[same[0]].policy_sha256:
            found[same[0]] = look
        elif look.key not in {other.key for other in found}:
            found.append(look)
    return found


def record(path: Path, look: Look, *, lock: Path, known: Sequence[Look] = ()) -> int:
    """Record a look, unless it is recorded already.

    Parameters
    ----------
    path
        The study's ledger, created where there is none. It is written to a temporary file and renamed, so that a killed
        process leaves no partial line. A partial last line from elsewhere is repaired.
    lock
        A lock file shared by all processes, so that none loses another's line.
    known
        Looks that are known from elsewhere, such as git's history: lines that the file has lost are put back.

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
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        before = read_looks(path)
        looks = _each_once([*before, *known])
        numbered = counted([*looks, look], look.cohort_sha256)
        if look not in looks and look in numbered:
            looks.append(look)
        if looks != before:
            write_text(path, "".join(_line(other) for other in looks))
    keys = [other.key if look.policy_sha256 else other.key[:2] for other in numbered]
    return keys.index(look.key if look.policy_sha256 else look.key[:2]) + 1


def read_looks(path: Path) -> list[Look]:
    """Return the lines of a ledger, each once, in the order of the file; none where there is no file.

    A truncated last line is ignored. Lines duplicated by a merge of two git branches count once.

    Raises
    ------
    DataError
        If the file cannot be read, or another line is not a look.
    """
    try:
        text = read_bytes(path).decode("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, "a file that cannot be read") from error
    lines = text.splitlines()
    looks: list[Look] = []
    for number, line in enumerate(lines, start=1):
        look = _look_in(line)
        if look is None:
            if number == len(lines) and not text.endswith("\n"):
                break
            raise _damaged(path, f"text that is not a look in line {number}")
        looks.append(look)
    return _each_once(looks)


def parse_looks(lines: Iterable[str]) -> list[Look]:
    """Return the looks among `lines`, each once; what is none is left out."""
    return _each_once(look for look in map(_look_in, lines) if look is not None)


def _look_in(line: str) -> Look | None:
    try:
        return Look.model_validate(json.loads(line), strict=True)
    except (ValueError, RecursionError):
        return None


def _each_once(looks: Iterable[Look]) -> list[Look]:
    found: dict[tuple[str, str, str], Look] = {}
    for look in looks:
        found.setdefault(look.key, look)
    return list(found.values())


def _line(look: Look) -> str:
    return canonical_json(look.model_dump()).decode() + "\n"


def _damaged(path: Path, received: str) -> DataError:
    return DataError(
        f"{path.parent.name}/{path.name}",
        rule="each line is one look at the held-out data, as the stages write it",
        received=received,
        remedy="Restore the file from git; after a merge, keep the lines of both sides.",
    )


def ledger(settings: Settings, study: str) -> Path:
    """Return the ledger of looks of a study: the project's own, even from an experiment's folder."""
    return settings.home / "looks" / f"{study}.jsonl"


def count_look(settings: Settings, study: str, look: Look, *, known: Sequence[Look] = ()) -> int:
    """Record a look in a study's ledger, once; return its number among those at these held-out data.

    Raises
    ------
    DataError
        If the ledger is damaged.
    StoreError
        If the file cannot be written.
    """
    return record(ledger(settings, study), look, lock=settings.state / f"looks-{study}.lock", known=known)


def count_seen(settings: Settings, study: str, *, cohort_sha256: str, predictions_sha256: str) -> None:
    """Record that held-out predictions may be seen from now on; see `count_look`."""
    look = Look(cohort_sha256=cohort_sha256, predictions_sha256=predictions_sha256)
    if look.key[:2] not in {other.key[:2] for other in read_looks(ledger(settings, study))}:
        count_look(settings, study, look)
