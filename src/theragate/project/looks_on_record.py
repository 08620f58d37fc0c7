"""The looks at held-out data that are on record: those in the ledger, and those that git has seen in it.

A line that was committed once counts for ever: a ledger that was deleted, reverted or cut short is counted in full, and
made whole again from git's history by the next verdict.
"""

from theragate.digests import sha256_json
from theragate.gates.types import Verdict
from theragate.project.git import lines_added
from theragate.release.looks import Look, counted, ledger, parse_looks, read_looks
from theragate.settings import Settings

__all__ = ["committed_looks", "look_of", "looks_of", "number_of_looks"]


def look_of(verdict: Verdict) -> Look:
    """Return the look that a verdict represents."""
    return Look(
        cohort_sha256=verdict.cohort_sha256,
        predictions_sha256=verdict.predictions_sha256,
        policy_sha256=verdict.policy_sha256,
        decision=verdict.decision,
        verdict_sha256=sha256_json(verdict.model_dump(mode="json")),
    )


def committed_looks(settings: Settings, study: str) -> list[Look]:
    """Return the looks of a study that any commit before HEAD, or HEAD, has in its ledger; none outside git."""
    path = ledger(settings, study)
    return parse_looks(lines_added(settings.home, path.relative_to(settings.home).as_posix()))


def looks_of(settings: Settings, verdict: Verdict) -> list[Look]:
    """Return the looks at the held-out data of `verdict`, in the order of the ledger.

    Raises
    ------
    DataError
        If the ledger is damaged.
    """
    study = verdict.study
    return counted([*read_looks(ledger(settings, study)), *committed_looks(settings, study)], verdict.cohort_sha256)


def number_of_looks(settings: Settings, verdict: Verdict) -> int:
    """Return how many looks at its held-out data are on record; 0 where that of `verdict` itself is not.

    Raises
    ------
    DataError
        If the ledger is damaged.
    """
    looks = looks_of(settings, verdict)
    return len(looks) if look_of(verdict).key in {look.key for look in looks} else 0
