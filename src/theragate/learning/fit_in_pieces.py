"""One worker's work on a large cohort: a model fitted to all patients of a part, and its held-out predictions."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Censored, Outcome
from theragate.errors import EvidenceError
from theragate.learning.batch_search import forget_folds
from theragate.learning.design_in_pieces import design_pieces, fit_design_in_pieces
from theragate.learning.families import FitError, Params, TrainingInPieces, family_of
from theragate.learning.families.added import of_others
from theragate.learning.features import Feature, as_features
from theragate.learning.matrix_file import write_matrix
from theragate.learning.predictor import Predictor
from theragate.learning.scenarios import CLEAN, Stress
from theragate.study import Scenario, TaskName

__all__ = ["FitInPieces", "FittedInPieces", "fit_in_pieces", "predict_in_pieces", "stress_of"]


@dataclass(frozen=True)
class FitInPieces:
    """A recipe, the patients at ``rows`` of ``cohort`` from whom it learns, and those at ``held_out``.

    ``outcome`` is that of the patients learned from. Held-out patients are predicted as they are and under
    ``scenarios``, which were drawn with ``stress_seed``. What is kept for a while goes into ``folder``.
    """

    position: int
    cohort: CohortFile
    rows: NDArray[np.intp]
    outcome: Outcome
    task: TaskName
    family: str
    params: Params
    schema: tuple[Feature, ...]
    seed: int
    folder: Path
    held_out: NDArray[np.intp]
    scenarios: Mapping[str, Scenario]
    study: str
    stress_seed: int


@dataclass(frozen=True)
class FittedInPieces:
    """The model, and by scenario the predictions of the held-out patients; or the reason why there is none."""

    position: int
    predictor: Predictor | None
    predictions: dict[str, NDArray[np.float64]]
    reason: str = ""


def fit_in_pieces(work: FitInPieces) -> FittedInPieces:
    """Fit and predict on one thread, in memory that does not grow with the patients, but for a few columns."""
    forget_folds()
    with threadpoolctl.threadpool_limits(1):
        work.folder.mkdir(parents=True, exist_ok=True)
        try:
            predictor = _fitted(work)
            predictions = {
                name: predict_in_pieces(predictor, work.cohort, work.held_out, stress=stress)
                for name, stress in (_stresses(work) if len(work.held_out) else ())
            }
        except (FitError, EvidenceError) as error:  # the second: a prediction that is not finite
            return FittedInPieces(work.position, None, {}, str(error))
        finally:
            shutil.rmtree(work.folder, ignore_errors=True)
    return FittedInPieces(work.position, predictor, predictions)


def predict_in_pieces(
    predictor: Predictor, cohort: CohortFile, rows: NDArray[np.intp], *, stress: Stress | None = None
) -> NDArray[np.float64]:
    """Return the prediction for each patient at `rows`, shape (n,), under the stress of these, if there is one.

    Raises
    ------
    EvidenceError
        If a prediction is not finite.
    """
    predictions, first = np.empty(len(rows)), 0
    for piece in cohort.pieces(predictor.features, rows):
        here = np.arange(first, first + len(piece.rows))
        first += len(here)
        frame = as_features(piece.frame, predictor.schema)
        predictions[here] = predictor.predict(frame if stress is None else stress.take(here).of(frame))
    return predictions


def stress_of(
    scenario: Scenario, name: str, cohort: CohortFile, rows: NDArray[np.intp], *, study: str, seed: int
) -> Stress:
    """Return what a scenario does to the patients at `rows`, drawn for the whole cohort at once."""
    return Stress.drawn(scenario, patients=len(cohort), study=study, name=name, seed=seed).take(rows)


def _stresses(work: FitInPieces) -> Iterator[tuple[str, Stress | None]]:
    yield CLEAN, None
    for name, scenario in work.scenarios.items():
        yield name, stress_of(scenario, name, work.cohort, work.held_out, study=work.study, seed=work.stress_seed)


def _fitted(work: FitInPieces) -> Predictor:
    family = family_of(work.task, work.family)
    design = fit_design_in_pieces(family.design, work.cohort, work.rows, work.schema)
    columns = len(design.transformer.get_feature_names_out())
    pieces = design_pieces(design, work.cohort, work.rows, work.schema)
    matrix = write_matrix(work.folder / "matrix", pieces, columns=columns)
    training = TrainingInPieces(matrix, work.outcome, design.curves, work.folder)
    model = family.fit_in_pieces(training, work.params, seed=work.seed)
    horizon = work.outcome.horizon if isinstance(work.outcome, Censored) else None
    return Predictor(work.task, work.family, work.schema, horizon, design, model, of_others(work.family, family))
