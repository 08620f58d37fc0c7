"""The recipe on random halves of its patients, for the audit of whether predictions reveal who was learned from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.splits import inner_folds
from theragate.learning.refit_work import Work, fit_rows, unfit
from theragate.learning.seeds import derive

__all__ = ["DIVISIONS", "Division", "DivisionWork", "fit_halves", "table_of_halves"]

DIVISIONS = 10  # two models each: twenty
_TRIES = 5


class DivisionWork(Work):
    """One random division of the patients into halves, each of which is learned from."""


@dataclass(frozen=True)
class Division:
    """``member``, shape (n,), says who is in the first half; ``predictions``, shape (2, n), are by both models."""

    position: int
    member: NDArray[np.bool_]
    predictions: NDArray[np.float64]


def fit_halves(work: DivisionWork) -> Division:
    """Divide the patients, stratified by the outcome, fit to either half and predict all of ``rows``, on one thread.

    A division with a half that has no finite, stable solution is drawn again.

    Raises
    ------
    DataError
        If several divisions in a row have no solution, or there are too few patients of a class for two halves.
    """
    outcome = work.patients.read().outcome.take(work.rows)
    with threadpoolctl.threadpool_limits(1):
        for number in range(_TRIES):
            seed = derive(work.seed, number)
            halves = [half for half, _ in inner_folds(outcome, 2, seed=seed)]
            predictions = _fitted(work, halves, seed=seed)
            if predictions is not None:
                member = np.zeros(len(work.rows), dtype=bool)
                member[halves[0]] = True
                return Division(work.position, member, predictions)
    raise unfit(work, on="random halves", tried=f"{_TRIES} divisions")


def _fitted(work: DivisionWork, halves: list[NDArray[np.intp]], *, seed: int) -> NDArray[np.float64] | None:
    """Return the predictions of a model of each half; None as soon as one has no solution."""
    predictions = []
    for side, half in enumerate(halves):
        prediction = fit_rows(work, work.rows[half], predicted=work.rows, seed=derive(seed, "half", side))
        if prediction is None:
            return None
        predictions.append(prediction)
    return np.stack(predictions)


def table_of_halves(patients: pd.Series, divisions: list[Division]) -> pd.DataFrame:
    """Return one row per model and patient, sorted by both.

    Parameters
    ----------
    patients
        The ids of those who were divided, in their order.
    divisions
        The results, in theirs.

    Returns
    -------
    Columns ``half`` (int16; 0 and 1 are the models of the first division), ``patient``, ``member`` (bool) and
    ``prediction``.
    """
    order = patients.reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    members = [side[order] for division in divisions for side in (division.member, ~division.member)]
    predicted = [prediction[order] for division in divisions for prediction in division.predictions]
    return pd.DataFrame(
        {
            "half": np.repeat(np.arange(len(members), dtype=np.int16), len(patients)),
            "patient": patients.iloc[np.tile(order, len(members))].to_numpy(),
            "member": np.concatenate(members),
            "prediction": np.concatenate(predicted),
        }
    ).astype({"patient": patients.dtype})
