"""Where looks at held-out data are counted: in the project's own folder, also for an experiment in another one."""

from pathlib import Path

from theragate.gates.types import Verdict
from theragate.release.looks import record
from theragate.settings import Settings

__all__ = ["count_look", "ledger"]


def ledger(settings: Settings, study: str) -> Path:
    """Return the file in which the looks of a study are counted."""
    return settings.home / "looks" / f"{study}.jsonl"


def count_look(settings: Settings, verdict: Verdict) -> int:
    """Count the look that a verdict is, once; return which look at these held-out data it is.

    Raises
    ------
    DataError
        If the ledger is damaged.
    StoreError
        If the disk does not take it.
    """
    return record(ledger(settings, verdict.study), verdict, lock=settings.state / f"looks-{verdict.study}.lock")
