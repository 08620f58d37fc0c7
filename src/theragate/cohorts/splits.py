"""Who is learned from and who is predicted: the outer splits of a study, and the inner folds of tuning."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from theragate.cohorts.outcomes import Outcome
from theragate.errors import DataError
from theragate.study import Holdout, NestedCrossValidation, SiteSplit, Study, TemporalSplit

__all__ = ["Split", "development_rows", "inner_folds", "outer_splits"]


@dataclass(frozen=True)
class Split:
    """One outer split: positions of the patients to learn from and of those to predict."""

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]


def outer_splits(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> list[Split]:
    """Return the study's outer splits, stratified by the outcome; the same seed gives the same splits.

    Raises
    ------
    DataError
        If there are fewer events than folds, or a split by time or site leaves one side empty.
    """
    spec = study.validation
    if isinstance(spec, NestedCrossValidation):
        _enough(outcome, spec.folds, study.name)
        splits: list[Split] = []
        for repeat in range(spec.repeats):
            folds = inner_folds(outcome, spec.folds, seed=seed + repeat)
            splits += [Split(repeat, fold, train, test) for fold, (train, test) in enumerate(folds)]
        return splits
    if isinstance(spec, Holdout):
        _enough(outcome, 2, study.name)
        shuffle = StratifiedShuffleSplit(n_splits=1, test_size=spec.fraction, random_state=seed)
        train, test = next(iter(shuffle.split(np.zeros(len(outcome)), outcome.strata)))
        return [Split(0, 0, np.sort(train), np.sort(test))]
    return [_declared(cohort, spec, study.name)]


def development_rows(splits: list[Split], patients: int) -> NDArray[np.intp]:
    """Return the positions that the released model is fitted on: all of them under cross-validation.

    Where a part is held out once, it stays out, so that the released model can still be tested on it.
    """
    return splits[0].train if len(splits) == 1 else np.arange(patients, dtype=np.intp)


def inner_folds(outcome: Outcome, folds: int, *, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (train, test) positions of stratified folds within the patients of `outcome`."""
    _enough(outcome, folds, "inner folds")
    folder = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    return list(folder.split(np.zeros(len(outcome)), outcome.strata))


def _declared(cohort: pd.DataFrame, spec: TemporalSplit | SiteSplit, study: str) -> Split:
    if spec.column not in cohort.columns:
        raise _broken(study, f"column `{spec.column}` is in the cohort", "no such column")
    if isinstance(spec, TemporalSplit):
        held_out = (cohort[spec.column].astype(float) >= spec.since).to_numpy(dtype=bool)
    else:
        held_out = cohort[spec.column].astype(str).isin(spec.held_out).to_numpy(dtype=bool)
    if held_out.all() or not held_out.any():
        raise _broken(
            study,
            "some patients are learned from and some held out",
            f"{int(held_out.sum())} of {len(held_out)} held out",
        )
    return Split(0, 0, np.flatnonzero(~held_out), np.flatnonzero(held_out))


def _enough(outcome: Outcome, folds: int, study: str) -> None:
    _, counts = np.unique(outcome.strata, return_counts=True)
    if counts.min() < folds:
        raise _broken(study, f"every stratum of the outcome has at least {folds} patients", f"{counts.min()} in one")


def _broken(study: str, rule: str, received: str) -> DataError:
    return DataError(
        f"study `{study}`, validation", rule=rule, received=received, remedy="Correct `validation` in params.yaml."
    )
