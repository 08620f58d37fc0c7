"""One worker's work outside the search: one model, fitted to patients or a bootstrap sample, and its predictions."""

from dataclasses import dataclass

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Treated
from theragate.errors import DataError, EvidenceError
from theragate.learning.censoring_model import weighted_by_features
from theragate.learning.families import FitError, Params
from theragate.learning.features import Feature, as_features
from theragate.learning.patients import Source
from theragate.learning.predictor import fit_predictor
from theragate.learning.seeds import derive
from theragate.study import TaskName
from theragate.workers.site import checkpoint

__all__ = ["FitResult", "FitWork", "Work", "fit_and_predict", "fit_rows", "unfit"]

# A sample may by chance lack a class, or leave a model without a solution; so many in a row are not chance.
_SAMPLES = 5


@dataclass(frozen=True)
class Work:
    """One recipe, and the patients at ``rows`` from whom, or from some of whom, it learns."""

    position: int
    name: str
    patients: Source
    rows: NDArray[np.intp]
    task: TaskName
    family: str
    params: Params
    schema: tuple[Feature, ...]
    seed: int


@dataclass(frozen=True)
class FitWork(Work):
    """One model to fit to the patients, or to a bootstrap sample of them, and whom it then predicts."""

    predicted: NDArray[np.intp]
    resampled: bool


@dataclass(frozen=True)
class FitResult:
    """``rows`` are the patients learned from, as often as they were drawn; no prediction: there was no solution."""

    position: int
    rows: NDArray[np.intp]
    prediction: NDArray[np.float64] | None


def fit_and_predict(work: FitWork) -> FitResult:
    """Fit and predict on one thread: sums in one order give the same bits.

    A bootstrap sample is a simple one, of as many patients (or whole clusters) as there are; one that lacks a class of
    the outcome, or has no solution, is drawn again.

    Raises
    ------
    DataError
        If several bootstrap samples in a row were of no use.
    """
    with threadpoolctl.threadpool_limits(1):
        if not work.resampled:
            try:
                return FitResult(
                    work.position, work.rows, fit_rows(work, work.rows, predicted=work.predicted, seed=work.seed)
                )
            except ValueError:  # parameters that no search suggested, from a file that people can write
                return FitResult(work.position, work.rows, None)
        outcome = work.patients.read().outcome
        for number in range(_SAMPLES):
            seed = derive(work.seed, number)
            rows = _sample(work, seed)
            if all(members.any() for members in outcome.take(rows).classes.values()):
                prediction = fit_rows(work, rows, predicted=work.predicted, seed=derive(seed, "fit"))
                if prediction is not None:
                    return FitResult(work.position, rows, prediction)
    raise unfit(work, on="a bootstrap sample", tried=f"{_SAMPLES} samples")


def _sample(work: FitWork, seed: int) -> NDArray[np.intp]:
    """Draw patients, or whole clusters of them, with replacement; return their rows, ascending."""
    generator = np.random.default_rng(seed)
    clusters = work.patients.read().clusters
    if clusters is None:
        return np.sort(generator.choice(work.rows, len(work.rows)))
    names, cluster = np.unique(clusters[work.rows], return_inverse=True)
    times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
    return np.sort(np.repeat(work.rows, times[cluster]))


def unfit(work: Work, *, on: str, tried: str) -> DataError:
    """Return the error about a recipe that has no solution, whatever is drawn."""
    return DataError(
        f"{work.name}, model `{work.family}`",
        rule=f"the model has a finite, stable solution on {on} of its patients",
        received=f"none on {tried}",
        remedy="Look for features that separate the outcome perfectly or that repeat one another, and drop them.",
    )


def fit_rows(
    work: Work, rows: NDArray[np.intp], *, predicted: NDArray[np.intp], seed: int
) -> NDArray[np.float64] | None:
    """Fit the recipe to the patients at `rows` and predict those at `predicted`; None where there is no solution."""
    checkpoint()
    patients = work.patients.read()
    frame, outcome = patients.features.iloc[rows], patients.outcome.take(rows)
    if isinstance(outcome, Treated):  # no other fit looks at weights
        features, losses = as_features(frame, work.schema), derive(seed, "losses")
        # Who was drawn twice is in one fold.
        outcome = weighted_by_features(features, outcome, work.schema, seed=losses, clusters=rows)
    try:
        predictor = fit_predictor(
            frame,
            outcome,
            task=work.task,
            family=work.family,
            params=work.params,
            schema=work.schema,
            seed=seed,
        )
        return predictor.predict(patients.features.iloc[predicted])
    except (FitError, EvidenceError):  # the second: a prediction that is not finite
        return None
