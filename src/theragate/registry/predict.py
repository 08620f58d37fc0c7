"""The champion's answers for the patients of a file."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from theragate.cohorts.sources import (
    LaterFile,
    check_unpacked,
    later_file,
    read_later_joined,
    read_later_patients,
    read_later_records,
    year_of,
)
from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.files import whole_file
from theragate.numbers import plural
from theragate.personal.answer_table import COLUMNS, PREDICTION
from theragate.registry.loading import Champion
from theragate.registry.plain_tables import check_cells, check_lengths, header_of
from theragate.study import (
    ENDINGS,
    LAYOUT,
    Format,
    JoinedSource,
    RecordsSource,
    Study,
    TableFile,
    first_flaw,
    format_of,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DeclaredSource", "InputForm", "predict_file"]

_KINDS = (".csv", ".parquet")
_MANY = 10_000  # columns, beyond which none is looked at but those of the model
_OF_PANDAS = {
    "EmptyDataError": "an empty file",
    "EmptyFileError": "an empty file",
    "ParserError": "an open quotation mark",
}


@dataclass(frozen=True)
class InputForm:
    """How a file of patients is written, and which of its cells mean that nothing is known, where it is said by hand.

    None leaves it to the study's source, or else to what is usual.
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    missing: tuple[str, ...] | None = None


PLAIN = InputForm()


@dataclass(frozen=True)
class DeclaredSource:
    """How the study reads its own cohort: its source, the columns that become years, the folder of its files."""

    source: TableFile | RecordsSource | JoinedSource
    years: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, study: Study, root: Path, environ: Mapping[str, str]) -> "DeclaredSource | None":
        """Return what a study of the project at `root` declares; None where a database or a library is its source."""
        if not isinstance(study.source, TableFile | RecordsSource | JoinedSource):
            return None
        return cls(study.source, study.deidentification.dates, root / "sources" / study.name, environ)

    @property
    def table(self) -> TableFile | None:
        """How its table is read; None where records have yet to become one."""
        return self.source if isinstance(self.source, TableFile) else None

    def records(self, path: Path) -> RecordsSource | None:
        """Return the recipe for the records at `path`; None where they are a table."""
        return self.source if isinstance(self.source, RecordsSource) and self.source.takes(path) else None


def predict_file(
    champion: Champion,
    source: Path,
    target: Path,
    *,
    id_column: str | None,
    form: InputForm = PLAIN,
    declared: DeclaredSource | None = None,
    parts: Mapping[str, Path] | None = None,
) -> str:
    """Answer for every row of `source`, write the answers to `target` (CSV or Parquet), and return one line.

    `source` may be of any form that a study's own table may have. The result has the columns of `Champion.answer`;
    where a patient gets no number, a column says why.

    Parameters
    ----------
    id_column
        A column to copy into the result, character for character; None numbers the rows from 1.
    form
        How the file is written, where it is not as declared.
    declared
        How the study reads its own cohort; None where that is not known.
    parts
        Of a study whose source is joined: by name, the file or folder of each part that is at hand. Without any, a
        table may have all columns of the model.

    Raises
    ------
    ConfigurationError
        If `form` says what files of that kind do not have; if there are `parts`, and no joined source that has them.
    DataError
        If a file has another format, `source` cannot be read, or a required column is missing.
    StoreError
        If the result cannot be written.
    """
    _check_kind(target)
    _check_apart(source, target)
    if source.exists() and not (source.is_file() or source.is_dir()):
        raise DataError(
            f"`{source.name}`",
            rule="patients are read from a file or a folder",
            received="a pipe or a device, which may have no end",
            remedy="Write it to a file first.",
        )
    recipe = declared.records(source) if declared else None
    if parts:
        frame = written = _of_parts(champion, source, parts, form, declared)
    elif declared is not None and recipe is not None:
        _check_nothing_said(form, "records, which are read by the study's own recipe")
        frame = written = _of_records(recipe, source, declared)
        if len(frame) > 1 and id_column is None and recipe.named_in:
            raise _unnamed(source, len(frame), recipe)
    else:
        frame, written = _of_table(champion, source, form, declared, id_column)
    if frame.empty:
        raise DataError(
            f"`{source.name}`",
            rule="it has a line for each patient",
            received="none below the header",
            remedy="Give a file with patients.",
        )
    ids = None if id_column is None else _ids(source, written, id_column)
    result = champion.answer(frame)
    result.insert(0, id_column or "row", range(1, len(frame) + 1) if ids is None else ids.array)
    if target.suffix == ".csv":
        check_cells(result, target.name)
    with whole_file(target) as temporary:
        if target.suffix == ".csv":
            result.to_csv(temporary, index=False)
        else:
            result.to_parquet(temporary, index=False)
    found = result["answer"].value_counts().sort_index()
    counts = ", ".join(_counted(answer, count) for answer, count in found.items())
    return f"{champion.study} version {champion.version}: {plural(len(result), 'patient')} in {target}; {counts}"


def _of_table(
    champion: Champion, source: Path, form: InputForm, declared: DeclaredSource | None, id_column: str | None
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the patients of a file that is a table, in the model's types, and as it is written."""
    kind, table = _kind(source), declared.table if declared else None
    check_unpacked(source, subject=f"`{source.name}`")
    if kind == "csv" and table is not None and table.table_format == "redcap":
        kind = "redcap"
    if kind == "parquet":
        _check_nothing_said(form, "a Parquet file, which says it all by itself")
        with _readable(source, "utf-8"):
            frame = _parquet(source)
    elif kind == "csv" and (table is None or _is_plain(table)):
        asked = {*champion.personal.predictor.features, *([] if id_column is None else [id_column])}
        return _csv(source, champion.personal.categories, _said(table, form, kind), asked)
    else:
        frame = _as_declared(champion, source, kind, declared, form, id_column)
    return frame, frame


def _of_parts(
    champion: Champion, source: Path, parts: Mapping[str, Path], form: InputForm, declared: DeclaredSource | None
) -> "pd.DataFrame":
    """Return the patients of a file with what the parts know of them, joined as the cohort was."""
    if declared is None or not isinstance(declared.source, JoinedSource):
        raise ConfigurationError(
            "--part",
            rule="it names a part of a study whose source is of the kind `joined`, in the project of the study",
            received="another source" if declared else "a study without such a source here",
            remedy="Give one table with all columns of the model, or go to the project.",
        )
    _check_nothing_said(form, "a base with parts, which are read as the study declares")
    if not source.exists():
        raise DataError(f"`{source.name}`", rule="the base exists", received="nothing", remedy="Correct the path.")
    frame, _ = read_later_joined(
        declared.source,
        source,
        parts,
        declared.folder,
        features=champion.personal.predictor.features,
        texts=tuple(champion.personal.categories),
        environ=declared.environ,
    )
    return _in_years(frame, declared, source)


def _in_years(frame: "pd.DataFrame", declared: DeclaredSource, source: Path) -> "pd.DataFrame":
    """Reduce dates to years where the study does."""
    there = [name for name in declared.years if name in frame]
    return frame.assign(**{name: year_of(frame[name], name, f"`{source.name}`") for name in there})


def _of_records(recipe: RecordsSource, source: Path, declared: DeclaredSource) -> "pd.DataFrame":
    """Return the patients of records, made as the cohort was."""
    if not source.exists():
        raise DataError(f"`{source.name}`", rule="the records exist", received="nothing", remedy="Correct the path.")
    frame = read_later_records(recipe, source, declared.folder, environ=declared.environ).frame
    return _in_years(frame, declared, source)


def _unnamed(source: Path, patients: int, recipe: RecordsSource) -> ConfigurationError:
    return ConfigurationError(
        f"`{source.name}`",
        rule="answers to several samples are told apart by their names, not by their order in the file",
        received=f"{patients:,} samples, and no `--id`",
        remedy=f"Give a file of one sample, or `--id {recipe.named_in}`.",
    )


def _counted(answer: object, count: int) -> str:
    return plural(count, PREDICTION) if answer == PREDICTION else f"{count:,} {answer}"


def _ids(source: Path, written: "pd.DataFrame", column: str) -> "pd.Series":
    _check_id(source, column, list(map(str, written.columns)))
    return written[column]


def _is_plain(source: TableFile) -> bool:
    """Whether a later CSV file of a study may be one with a header and nothing besides, whose cells say all."""
    laid_out = ("header", "footer", "row_names", "units", "thousands")
    usual = all(getattr(source, key) == TableFile.model_fields[key].default for key in laid_out)
    return usual and not source.columns and source.decimal != "either"


def _check_nothing_said(form: InputForm, what: str) -> None:
    """Refuse options about what says itself how it is read."""
    for key, value in vars(form).items():
        if value is not None:
            raise ConfigurationError(
                f"`--{key}`",
                rule="it is said of files that may differ in it",
                received=what,
                remedy="Omit it.",
            )


def _said(table: TableFile | None, form: InputForm, kind: Format) -> LaterFile:
    """Return how a file is read: as the study declares, but for what is said by hand."""
    said = {key: value for key, value in vars(form).items() if value is not None}
    for key in said:
        if kind not in LAYOUT.get(key, (kind,)):
            raise ConfigurationError(
                f"`--{key}`",
                rule=f"it is said of files that may differ in it ({', '.join(LAYOUT[key])})",
                received=f"a file of the kind {kind}",
                remedy="Omit it.",
            )
    try:
        return later_file(table, kind, **said)
    except ValidationError as error:
        flaw = first_flaw(error)
        raise ConfigurationError(
            f"`--{flaw.key}`", rule=flaw.rule, received=flaw.received, remedy="Correct it, or omit it."
        ) from error


def _as_declared(
    champion: Champion,
    source: Path,
    kind: Format,
    declared: DeclaredSource | None,
    form: InputForm,
    id_column: str | None,
) -> "pd.DataFrame":
    """Return the model's columns by the readers that read the study's own table, and the id as text."""
    folder = declared.folder if declared else source.parent
    if not source.is_file():
        raise DataError(f"`{source.name}`", rule="the file exists", received="no such file", remedy="Correct the path.")
    return read_later_patients(
        source,
        _said(declared.table if declared else None, form, kind),
        features=champion.personal.predictor.features,
        texts=tuple(champion.personal.categories),
        years=declared.years if declared else (),
        id_column=id_column,
        companions=lambda name: folder / name,
    )


@contextmanager
def _readable(path: Path, encoding: str) -> Iterator[None]:
    """Word what a library says of a file that is no table."""
    remedy = "Give a CSV file with a header, or a Parquet file."
    try:
        yield
    except UnicodeDecodeError:
        received, remedy = f"bytes that are no text in {encoding}", "Give its --encoding, such as cp1252."
    except LookupError:
        received, remedy = f"the encoding `{encoding}`", "Give --encoding as Python knows it, such as cp1252."
    except (OSError, ValueError) as error:
        # By their names: pandas takes a second to import, and has done so where they are raised.
        received = (
            _OF_PANDAS.get(type(error).__name__)
            or getattr(error, "strerror", None)
            or f"a file that is not one ({type(error).__name__})"
        )
    else:
        return
    raise DataError(
        f"`{path.name}`", rule="the file can be read as a table", received=received, remedy=remedy
    ) from None  # the cause may quote a line of the file


def _csv(
    path: Path, categories: Mapping[str, Sequence[str]], form: LaterFile, asked: Collection[str]
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the columns that are asked for in the model's types, and as they are written, character for character."""
    with _readable(path, form.encoding):
        return _cells(path, categories, form, asked)


def _cells(
    path: Path, categories: Mapping[str, Sequence[str]], form: LaterFile, asked: Collection[str]
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    import pandas as pd

    # pandas would rename a column that is named twice; whoever reads the columns has to see it.
    names = header_of(path, form)
    _check_separator(path, names)
    if len(names) <= _MANY and not {*asked} <= {*names}:
        asked = names  # so that a message can tell which of them may be meant
    places = [place for place, name in enumerate(names) if name in asked] or [0]
    header = [names[place] for place in places]

    def read(**options: Any) -> pd.DataFrame:
        table = pd.read_csv(path, encoding=form.encoding, sep=form.separator, usecols=places, **options)
        return pd.DataFrame(table)

    check_lengths(path, form)  # pandas would take the first cells of longer lines for names of rows
    written = read(dtype="str", keep_default_na=False)
    # In one piece: in several, a column's type might depend on where a piece ends.
    types = dict.fromkeys(categories, "str")
    frame = read(dtype=types, low_memory=False, decimal=form.decimal, na_values=[*form.missing])
    for name in frame.columns:
        if name in categories:  # a category that is called `NA` is none that is missing
            known = [code for code in categories[name] if code not in form.missing]
            frame[name] = frame[name].where(~written[name].isin(known), written[name])
        elif form.decimal != "." and pd.api.types.is_string_dtype(frame[name]):  # some cell is no number
            # A point among decimal commas may group thousands: such a cell is no number, and not a smaller one.
            plain = frame[name].str.replace(".", " ", regex=False)
            frame[name] = plain.str.replace(form.decimal, ".", regex=False)
    return frame.set_axis(header, axis=1), written.set_axis(header, axis=1)


def _check_separator(path: Path, header: list[str]) -> None:
    mark = next((mark for mark in (";", "\t", "|", ",") if len(header) == 1 and mark in header[0]), None)
    if mark is not None:
        name = {"\t": "tab"}.get(mark, mark)
        raise DataError(
            f"`{path.name}`",
            rule="its header has several names",
            received=f"one, with `{name}` in it",
            remedy=f"Give `--separator '{name}'`.",
        )


def _parquet(path: Path) -> "pd.DataFrame":
    """Return the columns as they are stored; an index that had a name is a column like any other."""
    import pandas as pd
    import pyarrow.parquet as pq

    # Whole numbers beside missing ones stay whole numbers: as floats, long ids would become others.
    table: pd.DataFrame = pq.ParquetFile(path).read().to_pandas(ignore_metadata=True, integer_object_nulls=True)
    return pd.DataFrame(table[[column for column in table.columns if not column.startswith("__index_level_")]])


def _check_id(path: Path, column: str, columns: list[str]) -> None:
    if columns.count(column) != 1:
        near = "" if column in columns else did_you_mean(column, columns)
        raise DataError(
            f"`{path.name}`",
            rule="the column of `--id` is one of its columns, once",
            received=f"{columns.count(column) or 'no'} columns `{column}`",
            remedy=f"{near}Correct `--id`, or omit it to number the rows.",
        )
    if column in COLUMNS:
        raise DataError(
            f"`{path.name}`",
            rule="the column of `--id` has another name than those of an answer",
            received=f"`{column}`",
            remedy="Rename the column, or omit `--id` to number the rows.",
        )


def _kind(path: Path) -> Format:
    kind = format_of(path.name)
    if kind is None:
        raise DataError(
            f"`{path.name}`",
            rule=f"the name of a table's file ends in {', '.join(ENDINGS)}, or is that of a packed text (.csv.gz)",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
    return kind


def _check_apart(source: Path, target: Path) -> None:
    if source.exists() and target.exists() and source.samefile(target):
        raise DataError(
            f"`--output {target.name}`",
            rule="answers are written to another file than that of the patients, which they would replace",
            received="the same file",
            remedy="Name another one.",
        )


def _check_kind(path: Path) -> None:
    if path.suffix not in _KINDS:
        raise DataError(
            f"`{path.name}`",
            rule=f"the name of a table's file ends in {' or '.join(_KINDS)}",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
