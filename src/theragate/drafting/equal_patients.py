"""Patients who seem to occur twice in a new table: a few are declared for a person to look at, many stop the study."""

from typing import Any

from theragate.study import MARK
from theragate.validation.duplicates import described
from theragate.validation.types import Duplicates

__all__ = ["draft_equal_patients", "told_of"]

MOST_ROWS = 20  # all of which the page of the validation names
MOST_SHARE = 0.01
REASON = f"{MARK}: are these different patients? reports/{{study}}/validation.html names them. If not, leave them out."


def draft_equal_patients(study: str, found: Duplicates | None) -> dict[str, Any]:
    """Return the entry ``equal_patients`` under its name, where the rows are so few that they change no measure."""
    if found is None or not _few(found):
        return {}
    return {"equal_patients": {"at_most": found.rows, "reason": REASON.format(study=study)}}


def told_of(found: Duplicates, patients: int) -> str:
    """Say that patients seem to occur twice, and what comes of it."""
    what = "params.yaml declares them, for a person to confirm." if _few(found) else "`validate` will stop there."
    return f"patients twice: {described(found, patients)}. {what}"


def _few(found: Duplicates) -> bool:
    return found.rows <= MOST_ROWS and found.share <= MOST_SHARE
