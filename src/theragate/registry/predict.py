"""The champion's answers for the patients of a file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theragate.errors import DataError, did_you_mean
from theragate.files import whole_file
from theragate.gates.words import plural
from theragate.personal.answer_table import COLUMNS
from theragate.registry.loading import Champion
from theragate.study import format_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["InputForm", "predict_file"]

_KINDS = (".csv", ".parquet")


@dataclass(frozen=True)
class InputForm:
    """How a text file of patients is written, and which of its cells mean that nothing is known."""

    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    missing: tuple[str, ...] = ()


PLAIN = InputForm()


def predict_file(
    champion: Champion, source: Path, target: Path, *, id_column: str | None, form: InputForm = PLAIN
) -> str:
    """Answer for every row of `source` (CSV or Parquet), write the answers to `target`, and return one line.

    The result has the columns of `Champion.answer`; where a patient gets no number, a column says why.

    Parameters
    ----------
    id_column
        A column to copy into the result, character for character; None numbers the rows from 1.
    form
        How a CSV file is written.

    Raises
    ------
    DataError
        If a file has another format, `source` cannot be read, or a required column is missing.
    StoreError
        If the result cannot be written.
    """
    kind = _kind(source)
    _check_kind(target)
    with _readable(source, form):
        categories = champion.personal.categories
        frame, written = _csv(source, categories, form) if kind == "csv" else (_parquet(source),) * 2
    ids = None if id_column is None else _ids(source, written, id_column)
    result = champion.answer(frame)
    result.insert(0, id_column or "row", range(1, len(frame) + 1) if ids is None else ids.array)
    with whole_file(target) as temporary:
        if target.suffix == ".csv":
            result.to_csv(temporary, index=False)
        else:
            result.to_parquet(temporary, index=False)
    counts = ", ".join(f"{count:,} {answer}" for answer, count in result["answer"].value_counts().sort_index().items())
    return f"{champion.study} version {champion.version}: {plural(len(result), 'patient')} in {target}; {counts}"


def _ids(source: Path, written: "pd.DataFrame", column: str) -> "pd.Series":
    _check_id(source, column, list(map(str, written.columns)))
    return written[column]


@contextmanager
def _readable(path: Path, form: InputForm) -> Iterator[None]:
    """Word what a library says of a file that is no table."""
    remedy = "Give a CSV file with a header, or a Parquet file."
    try:
        yield
    except UnicodeDecodeError:
        received, remedy = f"bytes that are no text in {form.encoding}", "Give its --encoding, such as cp1252."
    except LookupError:
        received, remedy = f"the encoding `{form.encoding}`", "Give --encoding as Python knows it, such as cp1252."
    except (OSError, ValueError) as error:
        received = getattr(error, "strerror", None) or f"a file that is not one ({type(error).__name__})"
    else:
        return
    raise DataError(
        f"`{path.name}`", rule="the file can be read as a table", received=received, remedy=remedy
    ) from None  # the cause may quote a line of the file


def _csv(path: Path, categories: Mapping[str, Sequence[str]], form: InputForm) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the table in the model's types, and as it is written, character for character."""
    import pandas as pd

    def read(**options: Any) -> pd.DataFrame:
        return pd.DataFrame(pd.read_csv(path, encoding=form.encoding, sep=form.separator, **options))

    # pandas would rename a column that is named twice; whoever reads the columns has to see it.
    header = read(dtype="str", header=None, nrows=1, keep_default_na=False).iloc[0].tolist()
    _check_separator(path, header)
    written = read(dtype="str", keep_default_na=False)
    # In one piece: in several, a column's type might depend on where a piece ends.
    types = dict.fromkeys(categories, "str")
    frame = read(dtype=types, low_memory=False, decimal=form.decimal, na_values=[*form.missing])
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("a line is longer than the header")  # pandas would shift every column by one
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


def _kind(path: Path) -> str:
    kind = format_of(path.name)
    if kind not in ("csv", "parquet"):
        raise DataError(
            f"`{path.name}`",
            rule="the name of a table's file ends in .csv, .tsv, .txt (also packed, such as .csv.gz) or .parquet",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
    return kind


def _check_kind(path: Path) -> None:
    if path.suffix not in _KINDS:
        raise DataError(
            f"`{path.name}`",
            rule=f"the name of a table's file ends in {' or '.join(_KINDS)}",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
