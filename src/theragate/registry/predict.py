"""The champion's answers for the patients of a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from theragate.errors import DataError, did_you_mean
from theragate.files import whole_file
from theragate.gates.words import plural
from theragate.personal.answer_table import COLUMNS
from theragate.registry.loading import Champion

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict_file"]

_KINDS = (".csv", ".parquet")


def predict_file(champion: Champion, source: Path, target: Path, *, id_column: str | None) -> str:
    """Answer for every row of `source` (CSV or Parquet), write the answers to `target`, and return one line.

    The result has the columns of `Champion.answer`; where a patient gets no number, a column says why.

    Parameters
    ----------
    id_column
        A column to copy into the result, character for character; None numbers the rows from 1.

    Raises
    ------
    DataError
        If a file has another format, `source` cannot be read, or a required column is missing.
    StoreError
        If the result cannot be written.
    """
    _check_kind(source)
    _check_kind(target)
    frame, ids = _read(source, id_column=id_column, categories=champion.personal.categories)
    result = champion.answer(frame)
    result.insert(0, id_column or "row", range(1, len(frame) + 1) if ids is None else ids.array)
    with whole_file(target) as temporary:
        if target.suffix == ".csv":
            result.to_csv(temporary, index=False)
        else:
            result.to_parquet(temporary, index=False)
    counts = ", ".join(f"{count:,} {answer}" for answer, count in result["answer"].value_counts().sort_index().items())
    return f"{champion.study} version {champion.version}: {plural(len(result), 'patient')} in {target}; {counts}"


def _read(
    path: Path, *, id_column: str | None, categories: Mapping[str, Sequence[str]]
) -> "tuple[pd.DataFrame, pd.Series | None]":
    """Return the table with categories as text, and the column of ids as it is written."""
    try:
        frame, written = _csv(path, categories) if path.suffix == ".csv" else (_parquet(path),) * 2
    except (OSError, ValueError) as error:
        raise DataError(
            f"`{path.name}`",
            rule="the file can be read as a table",
            received=(error.strerror if isinstance(error, OSError) else None)
            or f"a file that is not one ({type(error).__name__})",
            remedy="Give a CSV file with a header, or a Parquet file.",
        ) from None  # the cause may quote a line of the file
    if id_column is None:
        return frame, None
    _check_id(path, id_column, list(map(str, frame.columns)))
    return frame, written[id_column]


def _csv(path: Path, categories: Mapping[str, Sequence[str]]) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the table in the model's types, and as it is written, character for character."""
    import pandas as pd

    written = pd.read_csv(path, dtype="str", keep_default_na=False)
    # In one piece: in several, a column's type might depend on where a piece ends.
    frame = pd.read_csv(path, dtype=dict.fromkeys(categories, "str"), low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("a line is longer than the header")  # pandas would shift every column by one
    for name, known in categories.items():
        if name in frame:  # a category that is called `NA` is none that is missing
            frame[name] = frame[name].where(~written[name].isin(known), written[name])
    # pandas would rename a column that is named twice; whoever reads the columns has to see it.
    header = pd.read_csv(path, dtype="str", header=None, nrows=1, keep_default_na=False).iloc[0].tolist()
    return frame.set_axis(header, axis=1), written.set_axis(header, axis=1)


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


def _check_kind(path: Path) -> None:
    if path.suffix not in _KINDS:
        raise DataError(
            f"`{path.name}`",
            rule=f"the name of a table's file ends in {' or '.join(_KINDS)}",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
