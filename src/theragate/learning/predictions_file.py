"""The held-out predictions of a large cohort: the table of a small one, written and read piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Censored, Outcome
from theragate.cohorts.parquet import GROUP
from theragate.cohorts.splits import Split
from theragate.errors import DataError
from theragate.files import whole_file

__all__ = ["PredictionFile", "predictions_of", "write_predictions"]

_KEYS = ["model", "scenario"]
_PIECE = 2**18  # rows in memory at once, where a column is looked through

Predictions = Sequence[Mapping[tuple[str, str], NDArray[np.float64]]]
"""For each split, by model and scenario, the predictions of those held out, in the cohort's order."""


@dataclass(frozen=True)
class _Repeat:
    """Who is held out in one repeat: the splits, all rows of them, the fold of each, and the order of the patients."""

    number: int
    splits: list[int]
    rows: NDArray[np.intp]
    folds: NDArray[np.int16]
    order: NDArray[np.intp]


def write_predictions(
    path: Path, cohort: CohortFile, outcome: Outcome, *, splits: Sequence[Split], predictions: Predictions
) -> int:
    """Write the table that `predictions_table` would make, and return its number of rows.

    Parameters
    ----------
    path
        Of the table.
    cohort, outcome
        The file, and the outcome of all patients.
    splits, predictions
        The outer splits, and for each what was predicted.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    patients = pa.array(cohort.frame(["patient"])["patient"])
    horizon = outcome.horizon if isinstance(outcome, Censored) else np.nan
    schema, written = _schema(cohort), 0
    repeats = [_repeat(number, splits, patients) for number in range(splits[-1].repeat + 1)]
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for model, scenario in sorted(predictions[0]):
            for repeat in repeats:
                values = np.concatenate([predictions[split][model, scenario] for split in repeat.splits])
                for first in range(0, len(repeat.order), GROUP):
                    here = repeat.order[first : first + GROUP]
                    same = pa.array(np.zeros(len(here), dtype=np.int8))
                    columns = {
                        "patient": patients.take(pa.array(repeat.rows[here])),
                        "repeat": np.full(len(here), repeat.number, dtype=np.int16),
                        "fold": repeat.folds[here],
                        "model": pa.array([model]).take(same),
                        "scenario": pa.array([scenario]).take(same),
                        "horizon": np.full(len(here), horizon, dtype=np.float64),
                        "prediction": values[here],
                    }
                    writer.write_table(pa.table(columns).cast(schema))
                    written += len(here)
    return written


def _schema(cohort: CohortFile) -> pa.Schema:
    form = pd.DataFrame({"patient": cohort.columns["patient"]}).assign(
        repeat=np.int16(0), fold=np.int16(0), model="", scenario="", horizon=np.nan, prediction=np.nan
    )
    texts = {"model": "str", "scenario": "str"}
    return pa.Schema.from_pandas(form.astype({"repeat": "int16", "fold": "int16", **texts}), preserve_index=False)


def _repeat(number: int, splits: Sequence[Split], patients: pa.Array) -> _Repeat:
    own = [position for position, split in enumerate(splits) if split.repeat == number]
    rows = np.concatenate([splits[position].test for position in own])
    folds = np.concatenate([np.full(len(splits[each].test), splits[each].fold, dtype=np.int16) for each in own])
    order = pc.sort_indices(patients.take(pa.array(rows))).to_numpy()
    return _Repeat(number, own, rows, folds, order)


def predictions_of(
    rows: NDArray[np.intp], frame: pd.DataFrame, *, splits: Sequence[Split], predictions: Predictions
) -> pd.DataFrame:
    """Return the selected model's predictions of some patients, with the columns that the table has for people's use.

    Parameters
    ----------
    rows
        Their positions in the cohort, ascending, shape (n,).
    frame
        Their rows of the cohort, n of them.
    splits, predictions
        As for `write_predictions`.
    """

    def parts() -> Iterator[pd.DataFrame]:
        for split, predicted in zip(splits, predictions, strict=True):
            inside = np.isin(split.test, rows, assume_unique=True)
            patients = frame["patient"].to_numpy()[np.searchsorted(rows, split.test[inside])]
            for (model, scenario), values in predicted.items():
                if model == "selected":
                    yield pd.DataFrame(
                        {
                            "patient": patients,
                            "repeat": np.int16(split.repeat),
                            "fold": np.int16(split.fold),
                            "model": model,
                            "scenario": scenario,
                            "prediction": values[inside],
                        }
                    )

    table = pd.concat(parts(), ignore_index=True)
    return table.sort_values(["scenario", "repeat", "patient"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class PredictionFile:
    """The table of held-out predictions at ``path``; ``remedy`` tells the user what restores it.

    Every method raises `DataError` if the file is missing, cut short or not Parquet.
    """

    path: Path
    remedy: str

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._file.metadata.num_rows)

    @cached_property
    def columns(self) -> pd.DataFrame:
        """The columns without rows, with the types that the whole table has; of a dictionary those of its words."""
        empty = pd.DataFrame(self._schema.empty_table().to_pandas())
        for name in self._schema.names:
            if isinstance(empty[name].dtype, pd.CategoricalDtype):
                empty[name] = pd.Series(empty[name].cat.categories, dtype=empty[name].cat.categories.dtype)[:0]
            elif pa.types.is_integer(self._schema.field(name).type) and any(
                part.null_count for part in self.each(name)
            ):
                empty[name] = empty[name].astype(np.float64)
        return empty

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Every pair of model and scenario that occurs, in the order of the file."""
        return [*self._rows]

    def rows(self, kind: tuple[str, str], columns: Sequence[str]) -> pd.DataFrame:
        """Return some columns of the predictions of one model in one scenario, in the order of the file."""
        where = self._rows[kind]
        if not len(where):
            return self.columns[[*columns]]
        first, last = int(where[0]), int(where[-1])
        try:
            group = np.searchsorted(self._ends, [first, last], side="right")
            table = self._file.read_row_groups([*range(group[0], group[1] + 1)], columns=[*columns], use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        start = first - (int(self._ends[group[0] - 1]) if group[0] else 0)
        table = table.slice(start, last - first + 1)
        if len(table) > len(where):
            table = table.take(pa.array(where - first))
        return pd.DataFrame(table.select([*columns]).to_pandas())

    def each(self, column: str) -> Iterator[pa.Array]:
        """Yield a column piece by piece."""
        try:
            for batch in self._file.iter_batches(_PIECE, columns=[column], use_threads=False):
                yield batch.column(0)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    @cached_property
    def _rows(self) -> dict[tuple[str, str], NDArray[np.intp]]:
        """Return which rows are of each model and scenario."""
        names = [self._words(name) for name in _KEYS]
        (models, model), (scenarios, scenario) = names
        code = model * len(scenarios) + scenario
        known, first, counts = np.unique(code, return_index=True, return_counts=True)
        found: dict[tuple[str, str], NDArray[np.intp]] = {}
        for place in np.argsort(first):
            kind = (models[known[place] // len(scenarios)], scenarios[known[place] % len(scenarios)])
            here = code[first[place] : first[place] + counts[place]]
            together = len(here) == counts[place] and bool((here == known[place]).all())
            found[kind] = (
                np.arange(first[place], first[place] + counts[place])
                if together
                else np.flatnonzero(code == known[place])
            )
        return found

    def _words(self, column: str) -> tuple[list[str], NDArray[np.int16]]:
        """Return the words of a column, and each row's number among them."""
        words: dict[str, int] = {}
        codes = []
        for part in self.each(column):
            own = part if pa.types.is_dictionary(part.type) else pc.dictionary_encode(part)
            known = [str(word) for word in own.dictionary.to_pylist()]
            unknown = [""] if own.null_count else []
            numbers = np.array([words.setdefault(word, len(words)) for word in [*known, *unknown]])
            places = own.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
            codes.append(numbers.astype(np.int16)[places])
        return [*words] or [""], np.concatenate([np.zeros(0, dtype=np.int16), *codes])

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """The number of the row after each row group."""
        metadata = self._file.metadata
        return np.cumsum([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)])

    @cached_property
    def _schema(self) -> pa.Schema:
        return self._file.schema_arrow

    @cached_property
    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError:
        received = "no such file" if not self.path.exists() else f"a file that is not ({type(error).__name__})"
        return DataError(str(self.path), rule="the file is readable Parquet", received=received, remedy=self.remedy)
