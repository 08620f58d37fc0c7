"""Where a cohort may come from: the kinds of `source` in ``params.yaml``.

Files lie below ``sources/<study>/``, which is what the stage ``ingest`` depends on: DVC sees every change of a file
there, and of none elsewhere.
"""

import codecs
import operator
import re
from abc import abstractmethod
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from theragate.study.expression_source import ExpressionSource
from theragate.study.fhir_source import FhirSource
from theragate.study.images_source import ImagesSource
from theragate.study.origins import Digest, Origin, PathBelow
from theragate.study.spec import Sentence, Spec
from theragate.study.vcf_source import VcfSource

__all__ = [
    "ENDINGS",
    "LAYOUT",
    "BundledSource",
    "ColumnForm",
    "DvcSource",
    "FileSource",
    "Format",
    "RepeatedRows",
    "SimulatedSource",
    "Single",
    "SingleSource",
    "SqlSource",
    "TableFile",
    "UrlSource",
    "format_of",
]

Format = Literal["csv", "excel", "parquet", "redcap", "sas", "spss", "stata"]

# How the name of a file ends, in small letters, and what the file is.
ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".sav": "spss",
    ".zsav": "spss",
    ".por": "spss",
    ".dta": "stata",
    ".sas7bdat": "sas",
    ".xpt": "sas",
}
COMPRESSED = (".gz", ".bz2", ".xz", ".zip")

# The keys that say how one kind of file is laid out, and the formats that they belong to.
LAYOUT: dict[str, tuple[Format, ...]] = {
    "encoding": ("csv", "redcap", "sas", "spss"),
    "separator": ("csv", "redcap"),
    "header": ("csv", "excel"),
    "footer": ("csv", "excel"),
    "row_names": ("csv", "excel"),
    "units": ("csv", "excel"),
    "decimal": ("csv", "excel"),
    "thousands": ("csv", "excel"),
    "sheet": ("excel",),
    "catalogue": ("sas",),
    "dictionary": ("redcap",),
}


def format_of(name: str) -> Format | None:
    """Return what a name is of, by how it ends (``.CSV``, ``.csv.gz``, ``.zip``, ``parts/``); None for no table."""
    if name.endswith("/"):
        return "parquet"  # a folder of such files
    path = PurePosixPath(name.lower())
    if path.suffix in COMPRESSED:  # `export.zip` says no more than that; what it holds is seen when it is unpacked
        inner = path.with_suffix("").suffix
        return "csv" if inner != ".tar" and ENDINGS.get(inner, "csv") == "csv" else None
    return ENDINGS.get(path.suffix)


def _table(text: str) -> str:
    if format_of(text) is None:
        plain, packed = (", ".join(f"`{ending}`" for ending in endings) for endings in (ENDINGS, COMPRESSED))
        raise ValueError(
            f"a table is one of {plain}, or text packed as {packed}; a folder of Parquet files is named with a slash "
            "at its end, `parts/`"
        )
    return text


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
    except LookupError:
        raise ValueError("an encoding is one that Python knows, such as `utf-8` or `cp1252`") from None
    return text


# The two below say nothing of what they received: it may hold a password that was put into the wrong place.
def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", text):
        raise ValueError("a database is given by the NAME of the environment variable that holds its URL")
    return text


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        well = parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isascii() and text.isprintable()
    except ValueError:
        well = False
    if not well or " " in text or "@" in parts.netloc:
        raise ValueError("an address begins with `https://` or `http://` and holds neither user nor password")
    return text


class BundledSource(Origin):
    """A public cohort that comes with an installed library."""

    kind: Literal["bundled"]
    name: str


Decimal = Literal[".", ",", "either"]
Thousands = Literal[".", ",", " ", "'"]


class RepeatedRows(Spec):
    """Which of several rows of a patient counts, in the order of the source, and why."""

    keep: Literal["first", "last"]
    reason: Sentence


class ColumnForm(Spec):
    """How the cells of one column are read, where it is otherwise than in the rest of the file."""

    date: str | None = Field(default=None, description="how a date is written, such as `%d.%m.%Y`; or `ISO8601`")
    missing: tuple[str, ...] = Field(default=(), description="cells which mean that nothing is known, in this column")
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    inequalities: Literal["bound", "missing"] | None = Field(
        default=None, description="what becomes of cells such as `>200`: the bound, 200, or missing"
    )
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = Field(
        default=None, exclude_if=operator.not_, description="what may follow the numbers, such as `kg` or `%`"
    )
    note: Sentence | None = Field(default=None, description="why it is read so")


class TableFile(Origin):
    """What has to be known to read a table from a file, so that nothing is guessed.

    A column of a text file or a sheet holds numbers unless it is named under ``text`` or has a ``date``. Other files
    say themselves what their columns hold; there, ``text`` takes coded numbers as categories, by their labels.
    """

    id: str | None = Field(default=None, description="the column that names a patient; replaced by a random id")
    repeated: RepeatedRows | None = Field(
        default=None, exclude_if=operator.not_, description="which of several rows of a patient counts"
    )
    text: tuple[str, ...] = Field(default=(), description="columns to read as text, such as coded categories")
    left_out: tuple[str, ...] = Field(default=(), description="columns that are not read")
    missing: tuple[str, ...] = Field(
        default=(), description="cells which mean that nothing is known, besides empty ones"
    )
    columns: dict[str, ColumnForm] = Field(default={}, description="how single columns are read otherwise")
    note: Sentence | None = Field(default=None, description="what was decided about the file as a whole, and why")
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Decimal = "."
    thousands: Thousands | None = None
    header: Annotated[int, Field(ge=1)] = Field(default=1, description="the line of the columns' names, from 1")
    footer: Annotated[int, Field(ge=0)] = Field(default=0, description="lines at the end that are no patient's")
    row_names: bool = Field(default=False, description="whether the first column has no name; it is left out then")
    units: bool = Field(default=False, description="whether the line below the names holds units; it is left out then")
    sheet: str | None = Field(default=None, description="of a workbook; may be omitted if there is one")
    catalogue: PathBelow | None = Field(default=None, description="the `.sas7bcat` file with the labels of codes")
    dictionary: PathBelow | None = Field(default=None, description="REDCap's data dictionary, a CSV file")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        kind = self.table_format
        for key, formats in LAYOUT.items():
            if getattr(self, key) != type(self).model_fields[key].default and kind not in formats:
                raise ValueError(f"`{key}` belongs to files of other formats ({', '.join(formats)}), not to {kind}")
        twice = sorted({*self.left_out} & {*self.text, *self.columns, *([self.id] if self.id else [])})
        if twice:
            raise ValueError(f"`{twice[0]}` is under `left_out`, so that nothing else is said of how it is read")
        for column, form in self.columns.items():
            if column in self.text and any((form.date, form.decimal, form.thousands, form.inequalities)):
                raise ValueError(f"`{column}` is under `text`, so that it holds neither numbers nor dates")
        return self

    @property
    @abstractmethod
    def table_format(self) -> Format:
        """What the file is."""


class _LocalFile(TableFile):
    path: Annotated[PathBelow, AfterValidator(_table)]

    @property
    def table_format(self) -> Format:
        """What the file is, by the end of its name; a CSV file with a dictionary is an export from REDCap."""
        kind = format_of(self.path) or "csv"
        return "redcap" if kind == "csv" and self.dictionary else kind


class FileSource(_LocalFile):
    """A table below ``sources/<study>/``."""

    kind: Literal["file"]


class DvcSource(_LocalFile):
    """A table below ``sources/<study>/`` that DVC tracks: ``<path>.dvc`` lies beside it."""

    kind: Literal["dvc"]


class UrlSource(TableFile):
    """A table that is fetched once, and is the one that ``sha256`` names or none."""

    kind: Literal["url"]
    url: Annotated[str, AfterValidator(_address)]
    sha256: Digest
    format: Literal["csv", "excel", "parquet", "sas", "spss", "stata"]

    @property
    def table_format(self) -> Format:
        """What the file is."""
        return "redcap" if self.format == "csv" and self.dictionary else self.format


class SqlSource(Origin):
    """What a query reads from a database. Its URL, with user and password, stays in an environment variable."""

    kind: Literal["sql"]
    url_variable: Annotated[str, AfterValidator(_variable)]
    query: PathBelow = Field(description="a file of one SELECT, below sources/<study>/")
    parameters: dict[str, str | int | float] = Field(default={}, description="values of the query's `:names`")
    id: str = Field(description="the column that names a patient, by which the rows are sorted")
    repeated: RepeatedRows | None = Field(
        default=None, exclude_if=operator.not_, description="which of several rows of a patient counts"
    )
    text: tuple[str, ...] = Field(default=(), description="columns to take as text, such as coded categories")


class SimulatedSource(Origin):
    """Patients drawn from a world whose truth is known; never a ground for a release."""

    kind: Literal["simulated"]
    world: str
    patients: Annotated[int, Field(ge=50, le=1_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]


Single: TypeAlias = (
    BundledSource
    | FileSource
    | DvcSource
    | UrlSource
    | SqlSource
    | SimulatedSource
    | VcfSource
    | ImagesSource
    | FhirSource
    | ExpressionSource
)
SingleSource = Annotated[Single, Field(discriminator="kind")]
