"""The held-out predictions of a large cohort: the table of a small one, written and read piece by piece."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from theragate.files import whole_file

__all__ = ["predictions_of", "write_predictions"]

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
