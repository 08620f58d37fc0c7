"""The champion's recipe in the challenger's folds, fitted piece by piece to all who are learned from there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.splits import Split
from theragate.learning.families import family_of
from theragate.learning.features import read_features
from theragate.learning.fit_in_pieces import FitInPieces, FittedInPieces, fit_in_pieces
from theragate.learning.refit_tables import table_of_champion
from theragate.learning.refits import Recipe, obstacle
from theragate.learning.scenarios import CLEAN
from theragate.learning.seeds import derive
from theragate.study import Study
from theragate.workers.backend import Backend, run_in_workers
from theragate.workers.site import SharedFile

__all__ = ["ChampionAgain", "champion_in_pieces"]


@dataclass(frozen=True)
class ChampionAgain:
    """Its held-out predictions, as `theragate.learning.refits.Refitted` has them; none where ``why`` says why."""

    predictions: pd.DataFrame
    why: str


def champion_in_pieces(
    cohort: CohortFile,
    study: Study,
    recipe: Recipe,
    *,
    sha256: str,
    patients: pd.Series,
    splits: list[Split],
    seed: int,
    backend: Backend,
    folder: Path,
    progress: Callable[[int, int, str], None],
) -> ChampionAgain:
    """Fit the recipe to the outer splits of a large cohort, with the seeds of training, and predict who is held out.

    Parameters
    ----------
    cohort, study
        As for training.
    recipe
        Of the model in use.
    sha256
        Of the cohort's file.
    patients
        The ids of all patients.
    splits
        Those of training.
    seed, backend, progress
        As for `theragate.learning.refits.refit`.
    folder
        For what is kept while a model is fitted; it is removed.

    Raises
    ------
    StoreError
        If a worker died.
    """
    schema = read_features(cohort.columns, study)
    nothing = table_of_champion(patients, [], [])
    why = obstacle(recipe, study, schema)
    if not why and not family_of(study.task, recipe.family).in_pieces:
        most = study.tuning.sample
        why = f"its family, `{recipe.family}`, is not fitted piece by piece, as more than {most:,} patients ask for"
    if why:
        return ChampionAgain(nothing, why)
    kept = tuple(feature for name in recipe.features for feature in schema if feature.name == name)
    works = [
        FitInPieces(
            position=number,
            cohort=SharedFile(cohort.path, sha256),
            study=study,
            rows=split.train,
            family=recipe.family,
            params=recipe.params,
            schema=kept,
            # Training's own: the same recipe makes the same model.
            seed=derive(derive(seed, study.name, split.label), "final fit"),
            folder=folder / split.label,
            held_out=split.test,
            scenarios={},
            stress_seed=seed,
        )
        for number, split in enumerate(splits)
    ]
    results: dict[int, FittedInPieces] = {}
    progress(0, len(works), "the champion's recipe")
    for result in run_in_workers(_fitted, works, backend=backend, of="the refits"):
        results[result.position] = result
        progress(len(results), len(works), splits[result.position].name)
    shutil.rmtree(folder, ignore_errors=True)
    failed = [split for number, split in enumerate(splits) if results[number].predictor is None]
    if failed:
        return ChampionAgain(nothing, f"its recipe has no stable solution in {failed[0].name}")
    predictions = [results[number].predictions[CLEAN] for number in range(len(splits))]
    return ChampionAgain(table_of_champion(patients, splits, predictions), "")


def _fitted(work: FitInPieces) -> FittedInPieces:
    try:
        return fit_in_pieces(work)
    except ValueError as error:  # parameters that no search suggested, from a file that people can write
        return FittedInPieces(work.position, None, {}, str(error))
