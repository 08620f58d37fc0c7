"""Where a cohort may come from: the kinds of `source` in ``params.yaml``.

Files lie below ``sources/<study>/``, which is what the stage ``ingest`` depends on: DVC sees every change of a file
there, and of none elsewhere.
"""

import codecs
import operator
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from theragate.study.spec import Sentence, Spec

__all__ = [
    "BundledSource",
    "DvcSource",
    "FileSource",
    "RepeatedRows",
    "SimulatedSource",
    "Source",
    "SqlSource",
    "TableFile",
    "UrlSource",
]


def _below(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or not path.name:
        raise ValueError("a file is named by its path below `sources/<study>/`; a link there may lead elsewhere")
    return text


def _table(text: str) -> str:
    if PurePosixPath(text).suffix not in {".csv", ".parquet"}:
        raise ValueError("a table is a `.csv` or a `.parquet` file")
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


PathBelow = Annotated[str, AfterValidator(_below)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Origin(Spec):
    citation: Sentence
    licence: Sentence


class BundledSource(_Origin):
    """A public cohort that comes with an installed library."""

    kind: Literal["bundled"]
    name: str


class RepeatedRows(Spec):
    """Which of several rows of a patient counts, in the order of the source, and why."""

    keep: Literal["first", "last"]
    reason: Sentence


class TableFile(_Origin):
    """What has to be known to read a table from a CSV or Parquet file."""

    id: str | None = Field(default=None, description="the column that names a patient; replaced by a random id")
    repeated: RepeatedRows | None = Field(
        default=None, exclude_if=operator.not_, description="which of several rows of a patient counts"
    )
    text: tuple[str, ...] = Field(default=(), description="columns to read as text, such as coded categories")
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","


class FileSource(TableFile):
    """A CSV or Parquet file below ``sources/<study>/``."""

    kind: Literal["file"]
    path: Annotated[PathBelow, AfterValidator(_table)]


class DvcSource(TableFile):
    """A CSV or Parquet file below ``sources/<study>/`` that DVC tracks: ``<path>.dvc`` lies beside it."""

    kind: Literal["dvc"]
    path: Annotated[PathBelow, AfterValidator(_table)]


class UrlSource(TableFile):
    """A CSV or Parquet file that is fetched once, and is the one that ``sha256`` names or none."""

    kind: Literal["url"]
    url: Annotated[str, AfterValidator(_address)]
    sha256: Digest
    format: Literal["csv", "parquet"]


class SqlSource(_Origin):
    """What a query reads from a database. Its URL, with user and password, stays in an environment variable."""

    kind: Literal["sql"]
    url_variable: Annotated[str, AfterValidator(_variable)]
    query: PathBelow = Field(description="a file of one SELECT, below sources/<study>/")
    parameters: dict[str, str | int | float] = Field(default={}, description="values of the query's `:names`")
    id: str = Field(description="the column that names a patient, by which the rows are sorted")
    text: tuple[str, ...] = Field(default=(), description="columns to take as text, such as coded categories")


class SimulatedSource(_Origin):
    """Patients drawn from a world whose truth is known; never a ground for a release."""

    kind: Literal["simulated"]
    world: str
    patients: Annotated[int, Field(ge=50, le=1_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]


Source = Annotated[
    BundledSource | FileSource | DvcSource | UrlSource | SqlSource | SimulatedSource, Field(discriminator="kind")
]
