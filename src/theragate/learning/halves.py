"""The recipe on random halves of its patients: what the audit asks whether it tells who was learned from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import inner_folds
from theragate.errors import DataError, EvidenceError
from theragate.learning.families import FitError, Params
from theragate.learning.features import Feature
from theragate.learning.predictor import fit_predictor
from theragate.learning.seeds import derive

__all__ = ["DIVISIONS", "Division", "DivisionWork", "fit_halves", "table_of_halves"]

DIVISIONS = 10  # two models each: twenty
_TRIES = 5


@dataclass(frozen=True)
class DivisionWork:
    """One random division of the patients at ``rows`` into halves, each of which is learned from."""

    position: int
    name: str
    frame: pd.DataFrame
    outcome: Outcome
    rows: NDArray[np.intp]
    task: str
    family: str
    params: Params
    schema: tuple[Feature, ...]
    seed: int


@dataclass(frozen=True)
class Division:
    """``member``, shape (n,), says who is in the first half; ``predictions``, shape (2, n), are by both models."""

    position: int
    member: NDArray[np.bool_]
    predictions: NDArray[np.float64]


def fit_halves(work: DivisionWork) -> Division:
    """Divide the patients, stratified by the outcome, fit to either half and predict all of ``rows``, on one thread.

    A division of which a half has no finite, stable solution is drawn again.

    Raises
    ------
    DataError
        If several divisions in a row were of no use, or there are too few patients of a class for two halves.
    """
    outcome, frame = work.outcome.take(work.rows), work.frame.iloc[work.rows]
    with threadpoolctl.threadpool_limits(1):
        for number in range(_TRIES):
            seed = derive(work.seed, number)
            halves = [half for half, _ in inner_folds(outcome, 2, seed=seed)]
            try:
                predictions = [
                    fit_predictor(
                        frame.iloc[half],
                        outcome.take(half),
                        task=work.task,
                        family=work.family,
                        params=work.params,
                        schema=work.schema,
                        seed=derive(seed, "half", side),
                    ).predict(frame)
                    for side, half in enumerate(halves)
                ]
            except (FitError, EvidenceError):  # the second: a prediction that is not finite
                continue
            member = np.zeros(len(frame), dtype=bool)
            member[halves[0]] = True
            return Division(work.position, member, np.stack(predictions))
    raise DataError(
        f"{work.name}, model `{work.family}`",
        rule="the model has a finite, stable solution on random halves of its patients",
        received=f"none on {_TRIES} divisions",
        remedy="Look for features that separate the outcome perfectly or that repeat one another, and drop them.",
    )


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
