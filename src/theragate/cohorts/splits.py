"""Who is learned from and who is predicted: the outer splits of a study, and the inner folds of tuning.

Where a study declares clusters, no split divides one.
"""

import operator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from theragate.cohorts.cluster_splits import cluster_parts
from theragate.cohorts.clusters import CLUSTER, read_clusters
from theragate.cohorts.codes import as_codes
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.errors import DataError, did_you_mean
from theragate.study import Holdout, NestedCrossValidation, SiteSplit, Study, TemporalSplit

__all__ = ["Read", "Split", "development_rows", "inner_folds", "outer_splits", "read_divided"]

FEWEST = 2  # patients of a class who are held out: a single one does not show how much is chance


Clusters: TypeAlias = NDArray[np.intp]
Folds: TypeAlias = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Split:
    """One outer split: positions of the patients to learn from and of those to predict."""

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def label(self) -> str:
        """How files and seeds call it."""
        return f"r{self.repeat}-f{self.fold}"

    @property
    def name(self) -> str:
        """How people call it."""
        return f"repeat {self.repeat + 1}, fold {self.fold + 1}"


class Read(NamedTuple):
    """What a cohort is divided by: the ``columns`` for that, the outcome, and the clusters, (n,), of all patients."""

    columns: pd.DataFrame
    outcome: Outcome
    clusters: NDArray[np.intp] | None


def read_divided(cohort: CohortFile, study: Study) -> Read:
    """Read from its file the few columns that splits depend on.

    Raises
    ------
    DataError
        If the file is missing or unreadable, or the outcome or the clusters are unfit.
    """
    declared = study.validation
    by = [declared.column] if isinstance(declared, SiteSplit | TemporalSplit) else []
    few = cohort.frame(list(dict.fromkeys([*study.outcome_columns, CLUSTER, *by])))
    return Read(few, read_outcome(few, study), read_clusters(few, study))


def outer_splits(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> list[Split]:
    """Return the study's outer splits, stratified by the outcome; the same seed gives the same splits.

    Raises
    ------
    DataError
        If a part would lack what it needs (see `_enough`), the column of a split by time or site is unfit, or there
        are too few clusters for a split that divides none.
    """
    spec, subject = study.validation, f"study `{study.name}`, validation"
    clusters = read_clusters(cohort, study)
    if isinstance(spec, NestedCrossValidation):
        splits = _repeated(outcome, spec, subject, clusters=clusters, seed=seed)
    elif isinstance(spec, Holdout):
        splits = [_random(outcome, spec, subject, clusters=clusters, seed=seed)]
    else:
        splits = [_declared(cohort, outcome, spec, subject)]
    for split in splits:
        _enough(outcome.take(split.train), spec.inner_folds, subject, whose="those learned from, one per inner fold")
        if clusters is not None:
            _whole(clusters, split, subject)
            _enough_clusters(clusters[split.train], spec.inner_folds, subject, whose="those learned from")
    return splits


def development_rows(splits: list[Split], patients: int) -> NDArray[np.intp]:
    """Return the positions that the released model is fitted on: all of them under cross-validation.

    Where a part is held out once, it stays out, so that the released model can still be tested on it.
    """
    return splits[0].train if len(splits) == 1 else np.arange(patients, dtype=np.intp)


def inner_folds(outcome: Outcome, folds: int, *, seed: int, clusters: Clusters | None = None) -> Folds:
    """Return (train, test) positions of stratified folds within the patients of `outcome`.

    Parameters
    ----------
    outcome
        Of n patients.
    folds
        How many.
    seed
        The same seed gives the same folds.
    clusters
        Shape (n,): the patients' clusters, none of which is split; None where each patient stands alone.

    Raises
    ------
    DataError
        If there are fewer clusters, or patients of a class, than folds.
    """
    return _folds(outcome, folds, "the inner folds", clusters=clusters, seed=seed)


def _folds(outcome: Outcome, folds: int, subject: str, *, clusters: Clusters | None, seed: int) -> Folds:
    _enough(outcome, folds, subject, whose="all patients")
    if clusters is not None:
        _enough_clusters(clusters, folds, subject, whose="all patients")
        part = cluster_parts(clusters, _strata(outcome, folds), [1 / folds] * folds, seed=seed)
        parts = [(np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(folds)]
        for _, test in parts:
            _enough(outcome.take(test), 1, subject, whose="the patients of a fold that divides no cluster")
        return parts
    folder = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    return list(folder.split(np.zeros(len(outcome)), _strata(outcome, folds)))


def _repeated(
    outcome: Outcome, spec: NestedCrossValidation, subject: str, *, clusters: Clusters | None, seed: int
) -> list[Split]:
    return [
        Split(repeat, fold, train, test)
        for repeat in range(spec.repeats)
        for fold, (train, test) in enumerate(
            _folds(outcome, spec.folds, subject, clusters=clusters, seed=seed + repeat)
        )
    ]


def _random(outcome: Outcome, spec: Holdout, subject: str, *, clusters: Clusters | None, seed: int) -> Split:
    _enough(outcome, FEWEST, subject, whose="all patients")
    if clusters is not None:
        strata, shares = _strata(outcome, FEWEST), [1 - spec.fraction, spec.fraction]
        held_out = cluster_parts(clusters, strata, shares, seed=seed).astype(bool)
        split = Split(0, 0, np.flatnonzero(~held_out), np.flatnonzero(held_out))
        _enough(outcome.take(split.test), FEWEST, subject, whose="the patients of the clusters held out")
        return split
    shuffle = StratifiedShuffleSplit(n_splits=1, test_size=spec.fraction, random_state=seed)
    try:
        train, test = next(iter(shuffle.split(np.zeros(len(outcome)), _strata(outcome, FEWEST))))
    except ValueError as error:
        raise _unfit_validation(
            subject,
            rule="some patients of every stratum are learned from and some held out",
            received=f"a `fraction` of {spec.fraction:g} of {len(outcome)} patients",
        ) from error
    _enough(outcome.take(test), FEWEST, subject, whose="those held out")
    return Split(0, 0, np.sort(train), np.sort(test))


def _declared(cohort: pd.DataFrame, outcome: Outcome, spec: TemporalSplit | SiteSplit, subject: str) -> Split:
    if spec.column not in cohort.columns:
        near = did_you_mean(spec.column, cohort.columns)
        rule = f"column `{spec.column}` is in the cohort"
        raise _unfit_validation(subject, rule=rule, received="no such column", near=near)
    column = cohort[spec.column]
    missing = int(column.isna().sum())
    if missing:
        # They could belong to either side, and either choice might be wrong.
        raise _unfit_validation(
            subject, rule=f"column `{spec.column}` is known for every patient", received=f"{missing} missing values"
        )
    held_out = _since(column, spec, subject) if isinstance(spec, TemporalSplit) else _at(column, spec, subject)
    if held_out.all() or not held_out.any():
        raise _unfit_validation(
            subject,
            rule="some patients are learned from and some held out",
            received=f"{int(held_out.sum())} of {len(held_out)} held out",
        )
    split = Split(0, 0, np.flatnonzero(~held_out), np.flatnonzero(held_out))
    _enough(outcome.take(split.test), FEWEST, subject, whose="those held out")
    return split


def _since(column: pd.Series, spec: TemporalSplit, subject: str) -> NDArray[np.bool_]:
    if not pd.api.types.is_numeric_dtype(column):
        raise _unfit_validation(
            subject, rule=f"column `{spec.column}` holds numbers, such as years", received=f"{column.dtype} values"
        )
    return column.to_numpy(dtype=np.float64) >= spec.since


def _at(column: pd.Series, spec: SiteSplit, subject: str) -> NDArray[np.bool_]:
    sites = as_codes(column)
    absent = [site for site in spec.held_out if site not in set(sites)]
    if absent:
        raise _unfit_validation(
            subject,
            rule=f"a site held out occurs in column `{spec.column}`",
            received=f"`{absent[0]}`, which does not occur",
        )
    return sites.isin(spec.held_out).to_numpy(dtype=bool)


def _enough(outcome: Outcome, fewest: int, subject: str, *, whose: str) -> None:
    """Refuse patients among whom a class, such as those with the event, is too small."""
    name, count = min(
        ((name, int(members.sum())) for name, members in outcome.classes.items()), key=operator.itemgetter(1)
    )
    if count < fewest:
        raise DataError(
            subject,
            rule=f"of {whose}, each class of the outcome has at least {fewest} patients",
            received=f"{count} {name}",
            remedy="Declare fewer folds or another split under `validation` in params.yaml, or add patients.",
        )


def _whole(clusters: Clusters, split: Split, subject: str) -> None:
    """Refuse a split that has patients of one cluster on both sides."""
    both, everywhere = np.intersect1d(clusters[split.train], clusters[split.test]), np.unique(clusters)
    if len(both):
        raise DataError(
            subject,
            rule="no cluster has patients who are learned from and patients who are held out",
            received=f"{len(both)} of {len(everywhere)} clusters with both",
            remedy="Hold out whole clusters: declare `nested_cross_validation`, `holdout` or a split by `site` under "
            "`validation` in params.yaml.",
        )


def _enough_clusters(clusters: Clusters, fewest: int, subject: str, *, whose: str) -> None:
    """Refuse patients of fewer clusters than folds."""
    count = len(np.unique(clusters))
    if count < fewest:
        raise DataError(
            subject,
            rule=f"{whose} are of at least {fewest} clusters, one per fold, since no fold divides a cluster",
            received=f"{count} clusters",
            remedy="Declare fewer folds under `validation` in params.yaml; or remove `clusters`, and say on the card "
            "that how the model does elsewhere is unknown.",
        )


def _strata(outcome: Outcome, smallest: int) -> NDArray[np.intp]:
    """Return the strata, shape (n,); each one smaller than `smallest` has joined its neighbour.

    Patients with the event, by the horizon where there is one, never join those without it.
    """
    strata = outcome.strata
    event = next(iter(outcome.classes.values()))
    for part in (event, ~event):
        strata[part] = _joined(strata[part], smallest)
    return strata


def _joined(strata: NDArray[np.intp], smallest: int) -> NDArray[np.intp]:
    """Let a stratum that is too small join the next one; what is left of the last joins the one before."""
    labels, position, counts = np.unique(strata, return_inverse=True, return_counts=True)
    joined, first, size = labels.copy(), 0, 0
    for index, count in enumerate(counts):
        joined[index] = labels[first]
        size += count
        if size >= smallest:
            first, size = index + 1, 0
    if first:
        joined[first:] = joined[first - 1]
    return joined[position]


def _unfit_validation(subject: str, *, rule: str, received: str, near: str = "") -> DataError:
    return DataError(subject, rule=rule, received=received, remedy=f"{near}Correct `validation` in params.yaml.")
