"""One worker's work on a large cohort: a model fitted to all patients of a part, and its held-out predictions."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Censored
from theragate.cohorts.splits import read_divided
from theragate.errors import EvidenceError
from theragate.learning.design_in_pieces import design_pieces, fit_design_in_pieces
from theragate.learning.families import FitError, Params, TrainingInPieces, families_of, family_of
from theragate.learning.families.added import of_others
from theragate.learning.features import Feature, as_features
from theragate.learning.matrix_file import write_matrix
from theragate.learning.predictor import Predictor
from theragate.learning.scenarios import CLEAN, Stress, stress_of
from theragate.study import Scenario, Study
from theragate.workers.kept import forget_everything
from theragate.workers.site import SharedFile, checkpoint, room_for

__all__ = ["FitInPieces", "FittedInPieces", "fit_in_pieces", "predict_in_pieces"]


@dataclass(frozen=True)
class FitInPieces:
    """A recipe, the patients at ``rows`` of a study's ``cohort`` from whom it learns, and those at ``held_out``.

    Held-out patients are predicted as they are and under ``scenarios``, which were drawn with ``stress_seed``. What is
    kept for a while goes into ``folder``.
    """

    position: int
    cohort: SharedFile
    study: Study
    rows: NDArray[np.intp]
    family: str
    params: Params
    schema: tuple[Feature, ...]
    seed: int
    folder: Path
    held_out: NDArray[np.intp]
    scenarios: Mapping[str, Scenario]
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
    forget_everything()  # of the search
    families_of(work.study.task, work.study.installed)  # from here on this process may fit them
    cohort, folder = CohortFile(work.cohort.here(), "Run the same command again."), room_for(work.folder)
    with threadpoolctl.threadpool_limits(1):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            predictor = _fitted(work, cohort, folder)
            predictions = {
                name: predict_in_pieces(predictor, cohort, work.held_out, stress=stress)
                for name, stress in (_stresses(work, cohort) if len(work.held_out) else ())
            }
        except (FitError, EvidenceError) as error:  # the second: a prediction that is not finite
            return FittedInPieces(work.position, None, {}, str(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
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
        checkpoint()
        here = np.arange(first, first + len(piece.rows))
        first += len(here)
        frame = as_features(piece.frame, predictor.schema)
        predictions[here] = predictor.predict(frame if stress is None else stress.take(here).of(frame))
    return predictions


def _stresses(work: FitInPieces, cohort: CohortFile) -> Iterator[tuple[str, Stress | None]]:
    yield CLEAN, None
    for name, scenario in work.scenarios.items():
        yield (
            name,
            stress_of(
                scenario, name, work.held_out, patients=len(cohort), study=work.study.name, seed=work.stress_seed
            ),
        )


def _fitted(work: FitInPieces, cohort: CohortFile, folder: Path) -> Predictor:
    task = work.study.task
    family, outcome = family_of(task, work.family), read_divided(cohort, work.study).outcome.take(work.rows)
    design = fit_design_in_pieces(family.design, cohort, work.rows, work.schema)
    columns = len(design.transformer.get_feature_names_out())
    pieces = design_pieces(design, cohort, work.rows, work.schema)
    matrix = write_matrix(folder / "matrix", pieces, columns=columns)
    training = TrainingInPieces(matrix, outcome, design.curves, folder)
    checkpoint()
    model = family.fit_in_pieces(training, work.params, seed=work.seed)
    horizon = outcome.horizon if isinstance(outcome, Censored) else None
    return Predictor(task, work.family, work.schema, horizon, design, model, of_others(work.family, family))
