"""The work of one worker outside the search: one model, fitted to patients or to a bootstrap sample, and predicting."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome
from theragate.errors import DataError, EvidenceError
from theragate.learning.families import FitError, Params
from theragate.learning.features import Feature
from theragate.learning.predictor import fit_predictor
from theragate.learning.seeds import derive

__all__ = ["FitResult", "FitWork", "fit_and_predict"]

# A sample may lack a class, or leave a model without a solution, by chance alone; so many in a row are no chance.
_SAMPLES = 5


@dataclass(frozen=True)
class FitWork:
    """One model to fit to the patients at ``rows``, or to a bootstrap sample of them, and whom it then predicts."""

    position: int
    name: str
    frame: pd.DataFrame
    outcome: Outcome
    rows: NDArray[np.intp]
    predicted: NDArray[np.intp]
    resampled: bool
    task: str
    family: str
    params: Params
    schema: tuple[Feature, ...]
    seed: int


@dataclass(frozen=True)
class FitResult:
    """``rows`` are the patients learned from, as often as they were drawn; no prediction: there was no solution."""

    position: int
    rows: NDArray[np.intp]
    prediction: NDArray[np.float64] | None


def fit_and_predict(work: FitWork) -> FitResult:
    """Fit and predict on one thread: sums in one order give the same bits.

    A bootstrap sample is a simple one, of as many patients as there are; one that lacks a class of the outcome, or has
    no solution, is drawn again.

    Raises
    ------
    DataError
        If several bootstrap samples in a row were of no use.
    """
    with threadpoolctl.threadpool_limits(1):
        if not work.resampled:
            try:
                return FitResult(work.position, work.rows, _prediction(work, work.rows, seed=work.seed))
            except ValueError:  # parameters that no search suggested, from a file that people can write
                return FitResult(work.position, work.rows, None)
        for number in range(_SAMPLES):
            seed = derive(work.seed, number)
            rows = np.sort(np.random.default_rng(seed).choice(work.rows, len(work.rows)))
            if all(members.any() for members in work.outcome.take(rows).classes.values()):
                prediction = _prediction(work, rows, seed=derive(seed, "fit"))
                if prediction is not None:
                    return FitResult(work.position, rows, prediction)
    raise DataError(
        f"{work.name}, model `{work.family}`",
        rule="the model has a finite, stable solution on a bootstrap sample of its patients",
        received=f"none on {_SAMPLES} samples",
        remedy="Look for features that separate the outcome perfectly or that repeat one another, and drop them.",
    )


def _prediction(work: FitWork, rows: NDArray[np.intp], *, seed: int) -> NDArray[np.float64] | None:
    try:
        predictor = fit_predictor(
            work.frame.iloc[rows],
            work.outcome.take(rows),
            task=work.task,
            family=work.family,
            params=work.params,
            schema=work.schema,
            seed=seed,
        )
        return predictor.predict(work.frame.iloc[work.predicted])
    except (FitError, EvidenceError):  # the second: a prediction that is not finite
        return None
