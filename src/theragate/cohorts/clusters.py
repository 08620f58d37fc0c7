"""Which patients belong together: the clusters of a study, by number. Their names stay at the source."""

import itertools
import secrets
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.codes import as_codes
from theragate.cohorts.random_ids import random_ids
from theragate.cohorts.table import Table
from theragate.errors import DataError, did_you_mean
from theragate.study import CLUSTER, SiteSplit, Study, TemporalSplit

__all__ = ["CLUSTER", "check_cluster_column", "number_clusters", "read_clusters", "with_clusters"]


def with_clusters(table: Table, study: Study, *, links: Path | None) -> Table:
    """Return the table with the numbers of the clusters in a column ``cluster`` and, as a rule, without their names.

    Names stay only where `batch`, `subgroups` or `validation` need them.

    Parameters
    ----------
    table
        The source's without its id column.
    study
        Without ``clusters`` the table stays as it is.
    links
        Where the names and numbers of a private source are kept, so that they are the same next time; their order is
        random, and tells nothing of the names. None for a public source, whose clusters are numbered in the order of
        their names.

    Raises
    ------
    DataError
        If the column is absent, is not what clusters are (see `check_cluster_column`), or the table has another column
        of the name ``cluster``.
    """
    if study.clusters is None:
        return table
    column = study.clusters.column
    subject = f"params.yaml, key `studies.{study.name}.clusters.column`"
    check_cluster_column(table, column, subject=subject)
    if CLUSTER in table and column != CLUSTER:
        raise DataError(
            f"study `{study.name}`, column `{CLUSTER}`",
            rule=f"`{CLUSTER}` is the name of Theragate's own column of clusters",
            received=f"another column of that name beside `{column}`",
            remedy="Rename it in the source.",
        )
    numbers = number_clusters(table[column], links=links)
    rest = table if column in _needed(study) and column != CLUSTER else table.without([column])
    return rest.having(CLUSTER, numbers)


def check_cluster_column(table: Table, column: str, *, subject: str) -> None:
    """Refuse a column that says of no patients, or of all, that they belong together.

    Raises
    ------
    DataError
        If the column is absent, is unknown for a patient, has one value for all patients or another for each.
    """
    if column not in table:
        raise DataError(
            subject,
            rule="a column that a study names is in its source, and is not the one that names the patients",
            received=f"`{column}`, which is not in it",
            remedy=f"{did_you_mean(column, table.names)}Correct the name, or remove `clusters`.",
        )
    names = table[column]
    missing, distinct = int(names.isna().sum()), names.nunique()
    rule, received, remedy = "", "", ""
    if missing:
        rule, received = "the cluster of every patient is known", f"{missing} of {len(table)} patients without one"
        remedy = "Complete the column at the source, or leave those patients out there and say so on the card."
    elif distinct < 2:
        rule, received = "patients are of two clusters or more", "one cluster with all patients"
        remedy = "Remove `clusters`, and say on the card that how the model does elsewhere is unknown."
    elif distinct == len(table):
        rule, received = "some clusters have several patients", f"{distinct} clusters of one patient each"
        remedy = "Remove `clusters`: limits that count each patient by itself are the right ones."
    if rule:
        raise DataError(f"{subject}, column `{column}`", rule=rule, received=received, remedy=remedy)


def number_clusters(column: pd.Series, *, links: Path | None) -> pd.Series:
    """Return the number of each patient's cluster, from 1, int64; see `with_clusters`."""
    codes = as_codes(column)
    names = pd.Series(sorted(codes.unique()), dtype="object")
    if links is None:
        known = dict(zip(names, range(1, len(names) + 1), strict=True))
    else:
        shuffled = names.tolist()
        secrets.SystemRandom().shuffle(shuffled)
        count = itertools.count(1)
        numbers = random_ids(pd.Series(shuffled, dtype="object"), links, draw=lambda: str(next(count)), of=CLUSTER)
        known = dict(zip(shuffled, numbers.astype("int64"), strict=True))
    return codes.map(known).astype("int64")


def read_clusters(cohort: pd.DataFrame, study: Study) -> NDArray[np.intp] | None:
    """Return the number of each patient's cluster, shape (n,), in the cohort's order; None without ``clusters``.

    Raises
    ------
    DataError
        If the cohort was made before the study declared them.
    """
    if study.clusters is None:
        return None
    if CLUSTER not in cohort.columns or cohort[CLUSTER].isna().any():
        raise DataError(
            f"study `{study.name}`, cohort.parquet",
            rule=f"it has the column `{CLUSTER}`, which numbers the clusters that the study declares",
            received="a cohort without it",
            remedy=f"Run `dvc repro ingest@{study.name}`.",
        )
    return cohort[CLUSTER].to_numpy(dtype=np.intp)


def _needed(study: Study) -> set[str]:
    """Return the columns whose values `subgroups` and `validation` name."""
    declared = study.validation
    own = {declared.column} if isinstance(declared, SiteSplit | TemporalSplit) else set()
    batch = {study.batch.column} if study.batch else set()
    return own | batch | {group.column for group in study.subgroups.values()}
