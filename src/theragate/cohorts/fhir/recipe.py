"""From the resources of an export to a row a patient."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.events import NO_DAY, first_or_last_days, taken
from theragate.cohorts.fhir.collected import Collected, Patients
from theragate.cohorts.fhir.exports import Export, Resource
from theragate.cohorts.fhir.notes import notes_of
from theragate.cohorts.fhir.views import Row, View, ViewError
from theragate.cohorts.units import is_unit
from theragate.errors import DataError
from theragate.study import FhirSource, FhirValue, Window
from theragate.study.events import DAYS

__all__ = ["Gathered", "gather", "make_rows", "views_of"]

_EVER = Window(first_day=None, last_day=None)
_SUBJECTS = ("subject", "patient")  # the elements that name a resource's patient
_INDEX = "the index date"


@dataclass
class ViewRows:
    """What one view gave: of how many resources, with how many rows, and whom they are about."""

    name: str
    view: View
    collected: list[Collected] = field(default_factory=list)
    resources: int = 0
    rows: int = 0
    nobody: int = 0  # resources that name no patient
    patients: Counter[int] = field(default_factory=Counter)


@dataclass
class Gathered:
    """All that was read of an export, before any window is looked at."""

    spec: FhirSource
    subject: str
    views: dict[str, ViewRows]
    values: dict[str, Collected]
    otherwise: dict[str, Collected]
    index: Collected | None
    patients: Patients = field(default_factory=Patients)
    rows: list[Row] = field(default_factory=list)  # of the patients' view
    in_error: Counter[str] = field(default_factory=Counter)
    versions: int = 0  # references to a version of a patient
    identities: "array[int]" = field(default_factory=lambda: array("q"))

    @property
    def all(self) -> Iterator[Collected]:
        """Every value that is gathered."""
        yield from (*self.values.values(), *self.otherwise.values(), *([self.index] if self.index else []))

    def refuse(self, what: str, rule: str, received: str, remedy: str) -> NoReturn:
        """Raise an error about the records."""
        raise DataError(f"{self.subject}, {what}", rule=rule, received=received, remedy=remedy)


def views_of(spec: FhirSource) -> tuple[str, ...]:
    """Return the names of all views that a recipe runs, each once, the patients' first."""
    named = [spec.patients, *([spec.index.view] if spec.index.view else [])]
    for column in spec.columns.values():
        named += [column.view, *([column.otherwise.view] if column.otherwise else [])]
    return tuple(dict.fromkeys(named))


def gather(spec: FhirSource, export: Export, views: Mapping[str, View], *, subject: str) -> Gathered:
    """Read an export once, and keep what the recipe asks for.

    Parameters
    ----------
    spec
        The recipe.
    export
        The records.
    views
        The views of `views_of`.
    subject
        How messages name the records.

    Raises
    ------
    DataError
        As `Export.resources`; or if a view lacks a column that it is asked for, or a resource does not fit a view.
    """
    index = spec.index.view
    value = FhirValue(view=index, codes=spec.index.codes, take="exists", window=_EVER) if index else None
    gathered = Gathered(
        spec=spec,
        subject=subject,
        views={name: ViewRows(name, view) for name, view in views.items()},
        values={name: Collected(name, each, views[each.view]) for name, each in spec.columns.items()},
        otherwise={
            name: Collected(f"{name}, otherwise", each.otherwise, views[each.otherwise.view])
            for name, each in spec.columns.items()
            if each.otherwise
        },
        index=Collected(_INDEX, value, views[value.view]) if value else None,
    )
    _check_views(gathered)
    for collected in gathered.all:
        gathered.views[collected.spec.view].collected.append(collected)
    by_type: dict[str, list[ViewRows]] = {}
    for each in gathered.views.values():
        by_type.setdefault(each.view.resource, []).append(each)
    for resource in export.resources():
        asked = by_type.get(resource["resourceType"])
        if asked is not None:
            _take(gathered, resource, asked)
    return gathered


def _take(gathered: Gathered, resource: Resource, asked: Iterable[ViewRows]) -> None:
    kind = resource["resourceType"]
    if _entered_in_error(resource):
        gathered.in_error[kind] += 1
        return
    if resource.get("id") is not None:
        gathered.identities.append(hash((kind, resource["id"])))
    gathered.versions += any(
        "/_history/" in str(resource[name].get("reference"))
        for name in _SUBJECTS
        if isinstance(resource.get(name), dict)
    )
    for each in asked:
        each.resources += 1
        try:
            rows = each.view.rows(resource)
        except ViewError as error:
            raise DataError(
                f"{gathered.subject}, view `{each.name}`",
                rule=f"every resource `{kind}` fits the view",
                received=f"one with {error}",
                remedy="Correct the view.",
            ) from None
        if rows:
            _keep(gathered, each, rows)


def _keep(gathered: Gathered, each: ViewRows, rows: list[Row]) -> None:
    each.rows += len(rows)
    if each.name == gathered.spec.patients:
        gathered.rows += rows
    if each.collected:
        key = rows[0][_place(each.view, "patient")]
        if key is None:
            each.nobody += 1
        else:
            each.patients[gathered.patients.number(key)] += 1
    for collected in each.collected:
        collected.add(rows, gathered.patients)


def _place(view: View, name: str) -> int:
    return next(at for at, column in enumerate(view.columns) if column.name == name)


def _entered_in_error(resource: Resource) -> bool:
    if resource.get("status") == "entered-in-error":
        return True
    verified = resource.get("verificationStatus")
    codings = verified.get("coding") if isinstance(verified, dict) else None
    return any(isinstance(each, dict) and each.get("code") == "entered-in-error" for each in codings or ())


def _check_views(gathered: Gathered) -> None:
    """Refuse a view without a column that is asked for."""
    spec = gathered.spec
    asked: list[tuple[str, str, str]] = [(spec.patients, "patient", "the patients")]
    asked += [(spec.patients, name, f"`ages.{age}`") for age, name in spec.ages.items()]
    asked += [(spec.patients, name, "`left_out`") for name in spec.left_out]
    for collected in gathered.all:
        named = ["patient", "time", *(["code"] if collected.spec.codes else [])]
        named += [collected.spec.of] if collected.spec.take not in DAYS else []
        asked += [(collected.spec.view, name, f"`{collected.name}`") for name in named]
    for view, name, what in asked:
        if name not in [column.name for column in gathered.views[view].view.columns]:
            gathered.refuse(
                f"view `{view}`",
                f"it has a column `{name}`, which {what} asks for",
                f"none among {', '.join(f'`{column.name}`' for column in gathered.views[view].view.columns)}",
                "Add the column to the view, or use another view.",
            )


def make_rows(gathered: Gathered, export: Export, *, later: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the row of each patient, sorted by id in the column ``patient``, and what is to be told of it.

    Parameters
    ----------
    gathered
        What was read.
    export
        The records, which were read.
    later
        Whether these are later patients, of whom what was not sent is missing; of a cohort it would be a mistake.

    Raises
    ------
    DataError
        If a view or a code gives nothing in a whole cohort; a unit cannot be converted or a comparator is not declared;
        a resource or a patient is there twice.
    """
    _check_once(gathered)
    if not later:
        _check_found(gathered)
    _check_values(gathered)
    patients = _patients(gathered)
    index = _index_days(gathered)
    numbers = np.array([gathered.patients.numbers[key] for key in patients.index], dtype=np.intp)
    kept = index[numbers] != NO_DAY
    if not kept.all() and later:
        gathered.refuse(
            _INDEX,
            "every later patient has one",
            f"patients without ({int((~kept).sum()):,} of {len(kept):,})",
            "Send the records that it follows from.",
        )
    notes = notes_of(gathered, cohort=set(numbers.tolist()), undated=int((~kept).sum()), errors=export.errors)
    patients, numbers = patients[kept], numbers[kept]
    columns: dict[str, Any] = {"patient": patients.index.to_numpy()}
    for name, born in gathered.spec.ages.items():
        columns[name] = _years(patients[born], index[numbers])
    hidden = {*gathered.spec.ages.values(), *gathered.spec.left_out}
    columns |= {name: patients[name].to_numpy() for name in patients.columns if name not in hidden}
    for name, collected in gathered.values.items():
        columns[name] = _column(gathered, collected, gathered.otherwise.get(name), index, export)[numbers]
    frame = pd.DataFrame({name: _plain(values) for name, values in columns.items()})
    return frame, notes


def _column(
    gathered: Gathered,
    collected: Collected,
    otherwise: Collected | None,
    index: NDArray[np.int32],
    export: Export,
) -> NDArray[Any]:
    found = _values(collected, index, export)
    if otherwise is not None:
        other = _values(otherwise, index, export)
        if (found.dtype == object) != (other.dtype == object) and len(collected.events) and len(otherwise.events):
            gathered.refuse(
                f"`{collected.name}`", "all its values are numbers, or texts", "both", "Correct `otherwise`."
            )
        found = np.where(pd.isna(found), other, found)
    return found


def _values(collected: Collected, index: NDArray[np.int32], export: Export) -> NDArray[Any]:
    if collected.view.resource not in export.types:  # nobody asked for them, so that nothing is known
        return np.full(len(index), np.nan)
    if collected.texts is None or collected.spec.take in DAYS:
        return taken(collected.events, collected.spec, index)
    words = sorted(collected.texts)
    ranks = np.empty(len(words))
    ranks[[collected.texts[word] for word in words]] = np.arange(len(words))
    values = np.asarray(collected.events.values)
    known = ~np.isnan(values)
    values = values.copy()
    values[known] = ranks[values[known].astype(np.intp)]
    events = collected.events.with_values(values)
    found = taken(events, collected.spec, index)
    return np.array([None if np.isnan(value) else words[int(value)] for value in found], dtype=object)


def _plain(values: NDArray[Any]) -> pd.Series:
    """Return a column of numbers or of texts."""
    if values.dtype != object:
        return pd.Series(values)
    if any(isinstance(value, str) for value in values):
        return pd.Series(values, dtype="str")
    return pd.Series(np.array([np.nan if value is None else float(value) for value in values]))


def _patients(gathered: Gathered) -> pd.DataFrame:
    """Return the rows of the patients' view by their ids, sorted."""
    name = gathered.spec.patients
    view = gathered.views[name].view
    names = [column.name for column in view.columns]
    at, what = names.index("patient"), f"view `{name}`"
    ids = [row[at] for row in gathered.rows]
    if not ids:
        gathered.refuse(
            what,
            "it gives a row for each patient",
            f"none of {gathered.views[name].resources:,} resources `{view.resource}`",
            "Export the patients too, or correct the view.",
        )
    if any(not isinstance(key, str) or not key for key in ids):
        gathered.refuse(what, "every patient has an id", "one without", "Export the patients with their ids.")
    if len({*ids}) < len(ids):
        rule = "it gives one row for each patient"
        gathered.refuse(what, rule, f"{len(ids):,} rows of {len({*ids}):,}", "Correct the view.")
    for place, column in enumerate(view.columns):
        values = [row[place] for row in gathered.rows if row[place] is not None]
        kinds = {str if isinstance(value, str) else float for value in values}
        if any(not isinstance(value, str | int | float) for value in values) or len(kinds) > 1:
            rule = f"its column `{column.name}` holds texts, numbers or truth values"
            gathered.refuse(what, rule, "others, or several of these", "Correct the view.")
    frame = pd.DataFrame(gathered.rows, columns=names, dtype=object).set_index("patient").sort_index()
    for key in frame.index:
        gathered.patients.number(key)
    return frame


def _index_days(gathered: Gathered) -> NDArray[np.int32]:
    count, spec = len(gathered.patients.numbers), gathered.spec.index
    if spec.day is not None:
        return np.full(count, spec.day.toordinal(), dtype=np.int32)
    events = gathered.index.events if gathered.index else None
    return first_or_last_days(events, count, spec.take) if events is not None else np.full(count, NO_DAY, np.int32)


def _years(born: pd.Series, index: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return whole years from dates, of which months and days may be unknown, to index dates."""
    return np.array([_age(text, int(day)) for text, day in zip(born, index, strict=True)])


def _age(text: Any, day: int) -> float:
    at = date.fromordinal(day)
    parts = text.split("T")[0].split("-") if isinstance(text, str) else []
    if not parts or not all(part.isdigit() for part in parts):
        return np.nan
    born = tuple(int(part) for part in parts)
    now = (at.year, at.month, at.day)[: len(born)]
    years = at.year - born[0] - (now[1:] < born[1:])
    return float(years) if years >= 0 else np.nan


def _check_once(gathered: Gathered) -> None:
    identities = np.asarray(gathered.identities)
    again = len(identities) - len(np.unique(identities))
    if again:
        gathered.refuse(
            "its resources",
            "each is there once, by its type and id",
            f"{again:,} more than once",
            "Export them in one go, without their history.",
        )


def _check_found(gathered: Gathered) -> None:
    """Refuse a cohort of which a view, or the codes of a value, give nothing."""
    for name, each in gathered.views.items():
        if not each.rows:
            gathered.refuse(
                f"view `{name}`",
                "it gives rows",
                f"none of {each.resources:,} resources `{each.view.resource}`",
                "Export these resources too, or correct the view.",
            )
    for collected in gathered.all:
        if not collected.rows:
            gathered.refuse(
                f"`{collected.name}`",
                f"a row of the view `{collected.spec.view}` has one of its codes",
                f"none of {gathered.views[collected.spec.view].rows:,} rows",
                "Correct the codes and their systems.",
            )


def _check_values(gathered: Gathered) -> None:
    """Refuse values that nobody has said how to take."""
    for collected in gathered.all:
        what = f"`{collected.name}`"
        if collected.unfit:
            units = _shown_units(collected.unfit)
            wanted = f"in `{collected.spec.unit}`" if collected.spec.unit else "without a unit"
            gathered.refuse(
                what,
                f"its values are {wanted}, or in a unit that is converted to it",
                f"values {units}",
                "Declare its `unit`, and under `other_units` by how much others are multiplied.",
            )
        if collected.compared and collected.spec.inequalities is None:
            gathered.refuse(
                what,
                "its values are numbers",
                "some with a comparator, such as `<5`",
                "Say `inequalities: bound` or `missing`.",
            )
        if collected.others or (collected.texts is not None and collected.numbers):
            rule = "its values are numbers, or all are texts"
            gathered.refuse(what, rule, "others", "Take another column of the view by `of`, or correct the view.")


def _shown_units(unfit: Counter[str]) -> str:
    known = sorted(unit for unit in unfit if unit and is_unit(unit))
    named = [f"in `{unit}`" for unit in known[:3]]
    named += ["without a unit"] if "" in unfit else []
    named += ["in what is no unit of UCUM"] if any(unit and not is_unit(unit) for unit in unfit) else []
    return ", ".join(named)
