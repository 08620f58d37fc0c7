"""What a new study predicts: the task and the outcome's entry, from the columns that a person has named."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.cohorts.deidentify import identifier
from theragate.drafting.columns import require
from theragate.drafting.words import rounded
from theragate.errors import DataError
from theragate.study import MARK, TaskName

__all__ = ["DraftedOutcome", "check_nobody", "draft_outcome", "refused"]

EVENTS = ("1", "yes", "true", "y", "positive", "malignant", "dead", "died", "death", "event", "case", "relapse")
CLASSES = 10  # a number with no more distinct values than that is a code


@dataclass(frozen=True)
class DraftedOutcome:
    """The task, the entry ``outcome``, and by name what folds need some of, each of shape (n,)."""

    task: TaskName
    entry: dict[str, Any]
    classes: Mapping[str, NDArray[np.bool_]]

    @property
    def measured(self) -> dict[str, Any]:
        """The entry of what is measured of one patient."""
        inner: dict[str, Any] = self.entry.get("measured", self.entry)
        return inner

    @property
    def columns(self) -> list[str]:
        """The columns that are never features: those of what is measured, and of the treatment."""
        parts = (self.measured, self.entry.get("treatment", {}))
        return [part[key] for part in parts for key in ("column", "time", "event") if key in part]

    @property
    def smallest(self) -> tuple[str, int]:
        """The smallest class by name, and its number of patients."""
        sizes = {name: int(np.sum(members)) for name, members in self.classes.items()}
        return min(sizes.items(), key=lambda item: item[1])


def draft_outcome(frame: pd.DataFrame, outcome: str | None, time: str | None) -> DraftedOutcome:
    """Draft the outcome of a study.

    Parameters
    ----------
    frame
        The source's table.
    outcome
        The column of the outcome; with `time`, of the event (1 seen, 0 censored).
    time
        The column of the time until the event or the end of follow-up.

    Raises
    ------
    DataError
        If no column is named, one is not there, or it cannot be an outcome: it has one value, gaps, several classes,
        or looks like an identifier.
    """
    if outcome is None:
        raise refused("--outcome", "it names the column to predict", "none", _proposed(frame))
    for option, column in (("--outcome", outcome), *((("--time", time),) if time else ())):
        require(frame, column, option)
        _check(frame[column], f"{option} {column}")
    if time:
        return _survival(frame, outcome, time)
    codes = as_codes(frame[outcome])
    if codes.nunique() == 2:
        return _binary(codes, outcome)
    numeric = pd.api.types.is_numeric_dtype(frame[outcome])
    if not numeric or codes.nunique() <= CLASSES:
        raise refused(
            f"--outcome {outcome}",
            "an outcome has two values, or is a measured quantity",
            f"a column of {codes.nunique()} classes",
            "Make one column of two values of it, for the class that matters.",
        )
    description = f"{MARK}: what is measured, how and when?"
    entry = {"column": outcome, "unit": f"{MARK}: the unit", "description": description}
    return DraftedOutcome("regression", entry, {"with the quantity": np.ones(len(frame), dtype=bool)})


def check_nobody(column: pd.Series, option: str, *, what: str) -> None:
    """Refuse a column that names patients, where one is due that says `what` of them.

    Raises
    ------
    DataError
        With what the column looks like, and none of its values.
    """
    kind = identifier(column)
    if kind is None and _numbered(column):
        kind = "numbers of the patients"
    if kind is not None:
        raise refused(option, f"{what} identifies nobody", f"a column that looks like {kind}", "Name another.")


def _check(column: pd.Series, option: str) -> None:
    check_nobody(column, option, what="an outcome")
    missing = int(column.isna().sum())
    if missing:
        remedy = "Leave those patients out at the source, and say so on the card."
        raise refused(option, "it is known for every patient", f"{missing} missing values", remedy)
    if column.nunique() == 1:
        raise refused(option, "it varies", "one value for all patients", "Name another column.")


def _numbered(column: pd.Series) -> bool:
    """Whether the numbers merely count the patients."""
    if len(column) <= CLASSES or column.nunique() < len(column) or not pd.api.types.is_numeric_dtype(column):
        return False
    return bool((column == np.floor(column)).all() and column.max() - column.min() == len(column) - 1)


def _binary(codes: pd.Series, outcome: str) -> DraftedOutcome:
    counts = codes.value_counts()
    known = [value for value in counts.index if value.lower() in EVENTS]
    positive = known[0] if len(known) == 1 else str(counts.index[-1])
    description = f"{MARK}: what happened, and by when? `{positive}` was taken for the event."
    entry = {"column": outcome, "positive": positive, "description": description}
    event = (codes == positive).to_numpy(dtype=bool)
    return DraftedOutcome("binary", entry, {"with the event": event, "without the event": ~event})


def _survival(frame: pd.DataFrame, event: str, time: str) -> DraftedOutcome:
    times, events = frame[time], frame[event]
    for column, option in ((times, f"--time {time}"), (events, f"--outcome {event}")):
        if not pd.api.types.is_numeric_dtype(column):
            raise refused(option, "it holds numbers", f"{column.dtype} values", "Recode it (event: 1 seen, 0 not).")
    candidates = [rounded(float(times.quantile(share))) for share in (0.3, 0.4, 0.5, 0.6, 0.7)]
    classes = {horizon: _by(horizon, times, events) for horizon in candidates}
    sizes = {horizon: min(int(members.sum()) for members in by_class.values()) for horizon, by_class in classes.items()}
    horizon = max(sizes, key=lambda candidate: (sizes[candidate], -candidate))
    entry = {
        "time": time,
        "event": event,
        "unit": "days",
        "horizon": horizon,
        "horizon_reason": f"{MARK}: by when does the risk matter to the patient? Here events and survivors are most "
        "even. Are the times in days?",
        "description": f"{MARK}: which event, counted from which day?",
    }
    return DraftedOutcome("survival", entry, classes[horizon])


def _by(horizon: float, times: pd.Series, events: pd.Series) -> dict[str, NDArray[np.bool_]]:
    early = ((events == 1) & (times <= horizon)).to_numpy(dtype=bool)
    return {"with the event by the horizon": early, "followed beyond it": (times > horizon).to_numpy(dtype=bool)}


def _proposed(frame: pd.DataFrame) -> str:
    likely = [column for column in frame.columns if frame[column].nunique() == 2 and frame[column].notna().all()]
    words = ("outcome", "event", "status", "death", "diagnosis", "target", "y")
    first = [column for word in words for column in get_close_matches(word, frame.columns, n=1, cutoff=0.8)]
    ordered = list(dict.fromkeys([*first, *likely]))[:10]
    return f"Run the command again with --outcome; columns of two values: {', '.join(ordered) or 'none'}."


def refused(option: str, rule: str, received: str, remedy: str) -> DataError:
    """Return the error about what a person has named with an option of the command."""
    return DataError(option, rule=rule, received=received, remedy=remedy)
