"""Records in FHIR R4, and the recipe that makes a row a patient of them."""

import operator
import re
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from theragate.study.events import DAYS, EventValue
from theragate.study.origins import PathBelow, RecordsSource
from theragate.study.spec import Spec

__all__ = ["STANDARD_VIEWS", "FhirColumn", "FhirIndex", "FhirSource", "FhirValue"]

STANDARD_VIEWS = ("conditions", "deaths", "encounters", "medication_requests", "observations", "patients", "procedures")


def _view(text: str) -> str:
    if not text.endswith(".json") and text not in STANDARD_VIEWS:
        known = ", ".join(f"`{name}`" for name in STANDARD_VIEWS)
        raise ValueError(f"a view is one of {known}, or a ViewDefinition in a file `*.json`")
    return text


def _code(text: str) -> str:
    if not re.fullmatch(r"[^|\s]+\|[^|\s]+", text):
        raise ValueError("a code is written with its system, `http://loinc.org|4548-4`; `|E11*` begins with E11")
    return text


ViewName = Annotated[PathBelow, AfterValidator(_view)]
Code = Annotated[str, AfterValidator(_code)]


class FhirValue(EventValue):
    """What is taken of the rows of a view in a window, by their codes."""

    view: ViewName = Field(description="a standard view, or a ViewDefinition in a file below sources/<study>/")
    codes: tuple[Code, ...] = Field(default=(), description="the codes, each with its system; none for all rows")
    of: str = Field(default="value", description="the column of the view whose values are taken")
    inequalities: Literal["bound", "missing"] | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="what becomes of values with a comparator, such as `<5`: the bound, 5, or missing",
    )


class FhirColumn(FhirValue):
    """A column of the cohort."""

    otherwise: FhirValue | None = Field(
        default=None, exclude_if=operator.not_, description="what is taken for patients for whom this gives nothing"
    )


class FhirIndex(Spec):
    """The index date of each patient: that of the first or last row of a view, or one day for all."""

    view: ViewName | None = None
    codes: tuple[Code, ...] = Field(default=(), description="the codes, each with its system; none for all rows")
    take: Literal["first", "last"] = "first"
    day: date | None = Field(default=None, description="one day for all patients, in place of a `view`")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.view is None) == (self.day is None):
            raise ValueError("an index date is that of a `view`, or one `day` for all")
        return self


class FhirSource(RecordsSource):
    """An export of FHIR R4: a folder of NDJSON files or of Bundles, or one file of either; also packed by gzip.

    The view ``patients`` gives the patients with what is known of them at any time. All else has a date, and is taken
    from a window around the index date.
    """

    endings: ClassVar[tuple[str, ...]] = (".ndjson", ".ndjson.gz", ".json", ".json.gz")

    kind: Literal["fhir"]
    patients: ViewName = "patients"
    ages: dict[str, str] = Field(
        default={"age": "birth_date"}, description="columns of whole years at the index date, since a date of a patient"
    )
    left_out: tuple[str, ...] = Field(default=(), description="columns of the patients' view that are not taken")
    index: FhirIndex
    columns: dict[str, FhirColumn]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        twice = sorted({*self.columns} & {*self.ages})
        if twice or "patient" in (*self.columns, *self.ages):
            raise ValueError(f"`{twice[0] if twice else 'patient'}` is the name of another column")
        for name, column in self.columns.items():
            if column.otherwise and (column.take in DAYS) != (column.otherwise.take in DAYS):
                raise ValueError(f"`columns.{name}` takes something else `otherwise`: days, counts and values differ")
        return self

    @property
    def after_index(self) -> tuple[str, ...]:
        """The columns that know what happened after the index date."""
        late = {
            name: column.window.after_index or (column.otherwise is not None and column.otherwise.window.after_index)
            for name, column in self.columns.items()
        }
        return tuple(name for name, is_late in late.items() if is_late)
