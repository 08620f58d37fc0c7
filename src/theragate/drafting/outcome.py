"""What a new study predicts: the task and the outcome's entry, from the columns that a person has named."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.cohorts.identifiers import identifier
from theragate.cohorts.table import Rows
from theragate.drafting.columns import differs, require
from theragate.drafting.words import EVENTS, NO, YES, is_one_of, rounded, words_of
from theragate.errors import DataError
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import MARK, TaskName

__all__ = ["DraftedOutcome", "check_nobody", "draft_outcome", "refused"]

UNITS = {
    "months": {"month", "months", "mo", "mos", "monate", "mois", "meses", "mesi", "maanden"},
    "years": {"year", "years", "yr", "yrs", "jahre", "ans", "annees", "anos", "anni", "jaar", "jaren"},
}
CENSORED = ("cens", "zens", "gecens")  # how names begin of columns in which 1 may mean either
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

    @property
    def rarer(self) -> float:
        """The share of the rarer of two outcomes; by arms, of the arm where it is rarest; of a quantity 0.5."""
        sizes = [int(np.sum(members)) for members in self.classes.values()]
        arms = [sizes[arm :: len(sizes) // 2] for arm in range(len(sizes) // 2)]
        return min((min(arm) / max(sum(arm), 1) for arm in arms), default=0.5)


def draft_outcome(frame: Rows, outcome: str | None, time: str | None) -> DraftedOutcome:
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
        _varies(frame[time], f"--time {time}")
        return _survival(frame, outcome, time)
    _varies(frame[outcome], f"--outcome {outcome}")
    codes = as_codes(frame[outcome])
    if codes.nunique() == 2:
        return _binary(codes, outcome)
    numeric = pd.api.types.is_numeric_dtype(frame[outcome])
    if not numeric or codes.nunique() <= CLASSES:
        raise refused(
            f"--outcome {outcome}",
            "an outcome has two values, or is a measured quantity",
            f"a column of {codes.nunique()} classes",
            "Make one column of two values of it, for the class that matters" + _classes(codes),
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


def _varies(column: pd.Series, option: str) -> None:
    if not differs(column, 1):
        raise refused(option, "it varies", "one value for all patients", "Name another column.")


def _numbered(column: pd.Series) -> bool:
    """Whether the numbers merely count the patients."""
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if len(column) <= CLASSES or not numbers:
        return False
    counted = (column == np.floor(column)).all() and column.max() - column.min() == len(column) - 1
    return bool(counted and column.is_unique)


def _classes(codes: pd.Series) -> str:
    counts = codes.value_counts()
    if len(counts) > CLASSES or counts.min() < SMALLEST_CELL:
        return "."
    return f": there are {', '.join(f'`{code}` in {count:,} patients' for code, count in counts.items())}."


def _binary(codes: pd.Series, outcome: str) -> DraftedOutcome:
    positive, why = _event(codes, outcome, timed=False)
    description = f"{MARK}: what happened, and by when? `{positive}` was taken for the event, {why}."
    entry = {"column": outcome, "positive": positive, "description": description}
    event = (codes == positive).to_numpy(dtype=bool)
    return DraftedOutcome("binary", entry, {"with the event": event, "without the event": ~event})


def _event(codes: pd.Series, name: str, *, timed: bool) -> tuple[str, str]:
    """Return the value that means the event, and by what it was guessed."""
    counts = codes.value_counts()
    values = [str(value) for value in counts.index]
    if set(values) == {"1", "2"} and (timed or words_of(name) & EVENTS):
        return "2", "as status is usually coded: 1 alive or censored, 2 dead"
    said = [value for value in values if is_one_of(value, YES)]
    denied = [value for value in values if is_one_of(value, NO)]
    if len(said) == 1:
        return said[0], "by what the values say"
    if len(denied) == 1:
        return next(value for value in values if value != denied[0]), "by what the other value says"
    return values[-1], "because fewer patients have it"


def _survival(frame: Rows, event: str, time: str) -> DraftedOutcome:
    times, codes = frame[time], as_codes(frame[event])
    if not pd.api.types.is_numeric_dtype(times):
        raise refused(f"--time {time}", "it holds numbers", f"{times.dtype} values", "Recode it, as a number of days.")
    observed, why = _observed(codes, event)
    events = (codes == observed).astype(int)
    candidates = sorted({rounded(float(times.quantile(share))) for share in (0.3, 0.4, 0.5, 0.6, 0.7)} - {0.0})
    if not candidates:
        raise refused(f"--time {time}", "most times are above 0", "times of 0 in most patients", "Name another column.")
    classes = {horizon: _by(horizon, times, events) for horizon in candidates}
    sizes = {horizon: min(int(members.sum()) for members in by_class.values()) for horizon, by_class in classes.items()}
    horizon = max(sizes, key=lambda candidate: (sizes[candidate], -candidate))
    unit = next((unit for unit, words in UNITS.items() if words_of(time) & words), "days")
    entry = {
        "time": time,
        "event": event,
        **({} if observed == "1" else {"observed": observed}),
        "unit": unit,
        "horizon": horizon,
        "horizon_reason": f"{MARK}: by when does the risk matter to the patient? Here events and survivors are most "
        f"even. Are the times in {unit}?",
        "description": f"{MARK}: which event, counted from which day?{why}",
    }
    return DraftedOutcome("survival", entry, classes[horizon])


def _observed(codes: pd.Series, event: str) -> tuple[str, str]:
    """Return the code of an event that was seen, and what a person has to confirm of that guess."""
    counts, option = codes.value_counts().sort_index(), f"--outcome {event}"
    values = [str(value) for value in counts.index]
    if len(values) > 2:
        raise refused(
            option,
            "beside a time, an event was seen or censored; competing events are not supported",
            f"a column of {len(values)} codes" if len(values) <= CLASSES else f"{len(values)} distinct values",
            "Make one column of it that is 1 for the first event of any kind, and 0 for those who had none. Events of "
            "another kind that count as censored would make every risk too high" + _classes(codes),
        )
    if len(values) == 1:
        if is_one_of(values[0], NO):
            raise refused(option, "somebody had the event", "nobody who had it", "Name another column.")
        return values[0], f" All {len(codes):,} patients had it: `{values[0]}` was taken for the event."
    observed, why = _event(codes, event, timed=True)
    if any(word.startswith(CENSORED) for word in words_of(event)) and set(values) == {"0", "1"}:
        return (
            observed,
            " `1` was taken for an event that was seen, although the column is named like censoring. Is it?",
        )
    return observed, "" if set(values) == {"0", "1"} else f" `{observed}` was taken for an event that was seen, {why}."


def _by(horizon: float, times: pd.Series, events: pd.Series) -> dict[str, NDArray[np.bool_]]:
    early = ((events == 1) & (times <= horizon)).to_numpy(dtype=bool)
    return {"with the event by the horizon": early, "followed beyond it": (times > horizon).to_numpy(dtype=bool)}


def _proposed(frame: Rows) -> str:
    likely = [name for name in frame.columns if _has_two_values(frame[name])]
    words = ("outcome", "event", "status", "death", "diagnosis", "target", "y")
    first = [column for word in words for column in get_close_matches(word, frame.columns, n=1, cutoff=0.8)]
    ordered = list(dict.fromkeys([*first, *likely]))[:10]
    return f"Run the command again with --outcome; columns of two values: {', '.join(ordered) or 'none'}."


def _has_two_values(column: pd.Series) -> bool:
    return not differs(column, 2) and differs(column, 1) and bool(column.notna().all())


def refused(option: str, rule: str, received: str, remedy: str) -> DataError:
    """Return the error about what a person has named with an option of the command."""
    return DataError(option, rule=rule, received=received, remedy=remedy)
