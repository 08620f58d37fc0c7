"""The rows of views, gathered per value that a recipe asks for, and what was left out of them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from theragate.cohorts.events import Events, Moment, moment_of
from theragate.cohorts.fhir.views import Row, View
from theragate.cohorts.units import Conversion, conversion
from theragate.study import FhirValue
from theragate.study.events import DAYS, TEXTS

__all__ = ["Collected", "Patients", "Wanted"]


class Patients:
    """Numbers for patients by their ids, in the order in which they are met."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, key: str) -> int:
        """Return the number of a patient."""
        return self.numbers.setdefault(key, len(self.numbers))


class Wanted:
    """Which codes are asked for: whole ones with their system, and beginnings of such."""

    def __init__(self, codes: Sequence[str]) -> None:
        self.all = not codes
        self.met: set[str] = set()
        self._whole = {tuple(code.split("|", 1)): code for code in codes if not code.endswith("*")}
        self._begins = [(*code[:-1].split("|", 1), code) for code in codes if code.endswith("*")]

    def takes(self, system: Any, code: Any) -> bool:
        """Return whether a code is asked for."""
        if self.all:
            return True
        asked = self._whole.get((system, code))
        if asked is None and self._begins and isinstance(code, str):
            asked = next((one for of, begin, one in self._begins if of == system and code.startswith(begin)), None)
        if asked is None:
            return False
        self.met.add(asked)
        return True


@dataclass
class Collected:
    """The events of one value of a recipe.

    ``texts`` are the words for which the values of events are numbers; None where values are numbers themselves.
    """

    name: str
    spec: FhirValue
    view: View
    events: Events = field(default_factory=Events)
    texts: dict[str, int] | None = None
    rows: int = 0  # with a code that is asked for
    undated: int = 0
    compared: int = 0
    numbers: int = 0
    converted: Counter[str] = field(default_factory=Counter)  # by the unit that was received
    unfit: Counter[str] = field(default_factory=Counter)
    others: int = 0  # values that are neither numbers nor texts
    wanted: Wanted = field(init=False)
    _at: dict[str, int | None] = field(init=False)
    _conversions: dict[str, Conversion | None] = field(default_factory=dict)
    _moments: dict[str, Moment | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [column.name for column in self.view.columns]
        self.wanted = Wanted(self.spec.codes)
        asked = ("patient", "time", "system", "code", "unit", "comparator", self.spec.of)
        self._at = {name: names.index(name) if name in names else None for name in asked}

    def add(self, rows: Sequence[Row], patients: Patients) -> None:
        """Take the rows of one resource; what two of its codes say alike counts once."""
        taken: set[tuple[Any, ...]] = set()
        system, code, value, unit = (self._at[name] for name in ("system", "code", self.spec.of, "unit"))
        for row in rows:
            if code is not None and not self.wanted.takes(row[system] if system is not None else None, row[code]):
                continue
            if len(rows) > 1:
                said = (row[self._at["time"] or 0], *(row[at] for at in (value, unit) if at is not None))
                if said in taken:
                    continue
                taken.add(said)
            self.rows += 1
            patient = row[self._at["patient"] or 0]
            if patient is not None:
                self._take(row, patients.number(patient))

    def _take(self, row: Row, patient: int) -> None:
        time = row[self._at["time"] or 0]
        moment = moment_of(time) if isinstance(time, str) else None
        if moment is None:
            self.undated += 1
            return
        self.events.add(patient, moment, self._value(row))

    def _value(self, row: Row) -> float:
        at = self._at[self.spec.of]
        value = row[at] if at is not None else None
        if value is None or self.spec.take in DAYS:
            return math.nan
        if isinstance(value, str) and self.spec.take in TEXTS:
            self.texts = {} if self.texts is None else self.texts
            return float(self.texts.setdefault(value, len(self.texts)))
        if not isinstance(value, int | float):
            self.others += 1
            return math.nan
        self.numbers += 1
        return self._number(row, float(value))

    def _number(self, row: Row, value: float) -> float:
        comparator, unit = self._at["comparator"], self._at["unit"]
        if comparator is not None and row[comparator] is not None:
            self.compared += 1
            if self.spec.inequalities != "bound":
                return math.nan
        said = row[unit] if unit is not None else None
        return self._converted(value, said if isinstance(said, str) else "") if unit is not None else value

    def _converted(self, value: float, unit: str) -> float:
        wanted = self.spec.unit
        if unit == (wanted or ""):
            return value
        if unit not in self._conversions:
            declared = self.spec.other_units.get(unit)
            found = Conversion(declared) if declared is not None else None
            self._conversions[unit] = found or (conversion(unit, wanted) if wanted and unit else None)
        convert = self._conversions[unit]
        if convert is None:
            self.unfit[unit] += 1
            return math.nan
        self.converted[unit] += 1
        return convert(value)
