"""The champion's answers for the patients of a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from theragate.errors import DataError
from theragate.files import whole_file
from theragate.gates.words import plural
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
        A column to copy into the result; None numbers the rows from 1.

    Raises
    ------
    DataError
        If a file has another format, `source` cannot be read, or a required column is missing.
    StoreError
        If the result cannot be written.
    """
    _check_kind(target)
    frame = _read(source)
    if id_column is not None and id_column not in frame.columns:
        raise DataError(
            f"`{source.name}`",
            rule="the column of `--id` is one of its columns",
            received=f"no column `{id_column}`",
            remedy="Correct `--id`, or omit it to number the rows.",
        )
    result = champion.answer(frame)
    ids = range(1, len(frame) + 1) if id_column is None else frame[id_column].to_numpy()
    result.insert(0, id_column or "row", ids)
    with whole_file(target) as temporary:
        if target.suffix == ".csv":
            result.to_csv(temporary, index=False)
        else:
            result.to_parquet(temporary, index=False)
    counts = ", ".join(f"{count:,} {answer}" for answer, count in result["answer"].value_counts().sort_index().items())
    return f"{champion.study} version {champion.version}: {plural(len(result), 'patient')} in {target}; {counts}"


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    _check_kind(path)
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"`{path.name}`",
            rule="the file can be read as a table",
            received=(error.strerror if isinstance(error, OSError) else None)
            or f"a file that is not one ({type(error).__name__})",
            remedy="Give a CSV file with a header, or a Parquet file.",
        ) from error


def _check_kind(path: Path) -> None:
    if path.suffix not in _KINDS:
        raise DataError(
            f"`{path.name}`",
            rule=f"the name of a table's file ends in {' or '.join(_KINDS)}",
            received=f"`{path.suffix}`" if path.suffix else "no suffix",
            remedy="Rename it, or save it in one of these formats.",
        )
