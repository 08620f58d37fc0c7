"""The results of refits as tables, sorted so that the order is always the same."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.splits import Split
from theragate.learning.refit_work import FitResult

__all__ = ["table_of_champion", "table_of_refits"]


def table_of_refits(patients: pd.Series, results: list[FitResult], *, first: int = 0) -> pd.DataFrame:
    """Return one row per model and patient: how often the model learned from the patient, and its prediction.

    Models are numbered from `first`.
    """
    n = len(patients)
    order = patients.reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    drawn = [np.bincount(result.rows, minlength=n)[order] for result in results]
    predicted = [result.prediction[order] for result in results if result.prediction is not None]
    return pd.DataFrame(
        {
            "refit": np.repeat(np.arange(first, first + len(results), dtype=np.int16), n),
            "patient": patients.iloc[np.tile(order, len(results))].to_numpy(),
            "drawn": np.concatenate(drawn).astype(np.int16),
            "prediction": np.concatenate(predicted),
        }
    ).astype({"patient": patients.dtype})


def table_of_champion(
    patients: pd.Series, splits: list[Split], predictions: Sequence[NDArray[np.float64] | None]
) -> pd.DataFrame:
    """Return one row per held-out patient and repeat: the prediction by the champion's recipe."""
    parts = [
        pd.DataFrame(
            {
                "repeat": split.repeat,
                "fold": split.fold,
                "patient": patients.iloc[split.test].array,
                "prediction": prediction,
            }
        )
        for split, prediction in zip(splits, predictions, strict=True)
    ]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=["repeat", "fold", "patient", "prediction"])
    types = {"repeat": np.int16, "fold": np.int16, "patient": patients.dtype, "prediction": np.float64}
    return table.astype(types).sort_values(["repeat", "patient"], kind="stable", ignore_index=True)
