"""What is taken of a patient's events in a window around an index date, for all patients at once."""

from array import array
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from theragate.study import EventValue, Take

__all__ = ["NO_DAY", "Events", "Moment", "first_or_last_days", "moment_of", "taken"]

NO_DAY = -(2**31)  # where there is no index date


@dataclass(frozen=True)
class Moment:
    """A day, as a proleptic Gregorian ordinal, and seconds by which what happened is put in order."""

    day: int
    order: float


def moment_of(text: str) -> Moment | None:
    """Return the moment of an ISO 8601 date or time; None where it names no day.

    The day is that which is written, wherever in the world that was; the order is that of UTC, which a time without its
    offset is taken for.
    """
    try:
        day = date.fromisoformat(text[:10])
        if len(text) == 10:
            return Moment(day.toordinal(), day.toordinal() * 86_400.0)
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return Moment(day.toordinal(), time.timestamp() + _EPOCH)


_EPOCH = date(1970, 1, 1).toordinal() * 86_400.0


@dataclass
class Events:
    """Events of one kind, as they come: each has a patient's number, a moment, and may have a value."""

    patients: "array[int]" = field(default_factory=lambda: array("i"))
    days: "array[int]" = field(default_factory=lambda: array("i"))
    orders: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, patient: int, moment: Moment, value: float) -> None:
        """Take one more; a value that is not known, or is none, is NaN."""
        self.patients.append(patient)
        self.days.append(moment.day)
        self.orders.append(moment.order)
        self.values.append(value)

    def with_values(self, values: NDArray[np.float64]) -> "Events":
        """Return the same events with other values."""
        return Events(self.patients, self.days, self.orders, array("d", values))

    def __len__(self) -> int:
        return len(self.patients)


def first_or_last_days(events: Events, patients: int, take: str) -> NDArray[np.int32]:
    """Return the first or last day of each patient's events, (patients,); `NO_DAY` where there is none."""
    of, days = np.asarray(events.patients, dtype=np.intp), np.asarray(events.days, dtype=np.int32)
    if take == "first":
        found = np.full(patients, np.iinfo(np.int32).max, dtype=np.int32)
        np.minimum.at(found, of, days)
        found[found == np.iinfo(np.int32).max] = NO_DAY
    else:
        found = np.full(patients, NO_DAY, dtype=np.int32)
        np.maximum.at(found, of, days)
    return found


def taken(events: Events, spec: EventValue, index: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return what is taken of each patient's events, (patients,).

    Events at the same moment are in the order of their values, so that nothing depends on the order of an export.

    Parameters
    ----------
    events
        Those that may count.
    spec
        The window and what is taken.
    index
        The day of each patient's index date, (patients,); `NO_DAY` where there is none.

    Returns
    -------
    NaN where there is nothing to take; without an event ``count`` and ``exists`` are 0, and NaN without an index date.
    """
    of = np.asarray(events.patients, dtype=np.intp)
    since = np.asarray(events.days, dtype=np.int64) - index[of]
    inside = index[of] != NO_DAY
    if spec.window.first_day is not None:
        inside &= since >= spec.window.first_day
    if spec.window.last_day is not None:
        inside &= since <= spec.window.last_day
    values = np.asarray(events.values, dtype=np.float64)
    if spec.take in {"days_to_first", "days_to_last"}:
        values = since.astype(np.float64)
    elif spec.take not in {"count", "exists"}:
        inside &= ~np.isnan(values)
    of, values, orders = of[inside], values[inside], np.asarray(events.orders, dtype=np.float64)[inside]
    found = _reduced(spec.take, of, values, orders, len(index))
    if spec.take in {"count", "exists"}:
        found[index == NO_DAY] = np.nan
    return found


def _reduced(
    take: Take, of: NDArray[np.intp], values: NDArray[np.float64], orders: NDArray[np.float64], patients: int
) -> NDArray[np.float64]:
    counts = np.bincount(of, minlength=patients).astype(np.float64)
    if take == "count":
        return counts
    if take == "exists":
        return (counts > 0).astype(np.float64)
    order = np.lexsort((values, orders, of))
    of, values = of[order], values[order]
    found = np.full(patients, np.nan)
    first = np.flatnonzero(np.r_[True, of[1:] != of[:-1]]) if len(of) else np.array([], dtype=np.intp)
    last = np.r_[first[1:], len(of)] - 1 if len(of) else first
    match take:
        case "first" | "days_to_first":
            found[of[first]] = values[first]
        case "last" | "days_to_last":
            found[of[first]] = values[last]
        case "mean" if len(of):
            found[of[first]] = np.add.reduceat(values, first) / (last - first + 1)
        case "min" if len(of):
            found[of[first]] = np.minimum.reduceat(values, first)
        case "max" if len(of):
            found[of[first]] = np.maximum.reduceat(values, first)
    return found
