"""Who belongs to which subgroup. A patient whose group is unknown belongs to the group ``Missing``."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from theragate.cohorts.codes import as_codes
from theragate.errors import DataError, did_you_mean
from theragate.study import MISSING, BandedGroups, GroupSpec, LabelledGroups, Study

__all__ = ["MISSING", "label_groups", "read_groups"]


def read_groups(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Label every patient in every attribute that the study declares.

    Returns
    -------
    DataFrame of str, one row per patient in the cohort's order, one column per key of ``subgroups``; unknown is
    ``Missing``, never absent.

    Raises
    ------
    DataError
        If a column is absent, or holds a value that has no label (a group may not vanish) where there is no group of
        `others`.
    """
    return label_groups(cohort, study.subgroups, study=study.name)


def label_groups(frame: pd.DataFrame, subgroups: Mapping[str, GroupSpec], *, study: str) -> pd.DataFrame:
    """Label every row of `frame` in each of the attributes `subgroups`, as `read_groups` does."""
    labels = {name: _labels(frame, name, spec, study) for name, spec in subgroups.items()}
    return pd.DataFrame(labels, index=frame.index, dtype=str)


def _labels(cohort: pd.DataFrame, name: str, spec: GroupSpec, study: str) -> pd.Series:
    if spec.column not in cohort.columns:
        raise _unfit_groups(
            study,
            name,
            rule=f"column `{spec.column}` is in the cohort",
            received="no such column",
            near=did_you_mean(spec.column, cohort.columns),
        )
    column = cohort[spec.column]
    return _banded(column, name, spec, study) if isinstance(spec, BandedGroups) else _named(column, name, spec, study)


def _banded(column: pd.Series, name: str, spec: BandedGroups, study: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column):
        raise _unfit_groups(
            study, name, rule=f"column `{spec.column}` holds numbers", received=f"{column.dtype} values"
        )
    # A bound belongs to the group below it.
    band = np.searchsorted(spec.bands, column.to_numpy(dtype=np.float64, na_value=np.nan), side="left")
    unknown = column.isna().to_numpy()
    # NaN sorts above every bound; it is overwritten here.
    return pd.Series(np.where(unknown, MISSING, np.array(spec.names)[band]), index=column.index, dtype=str)


def _named(column: pd.Series, name: str, spec: LabelledGroups, study: str) -> pd.Series:
    codes = as_codes(column)
    unlabelled = codes[codes.notna() & ~codes.isin(spec.labels)]
    if len(unlabelled) and spec.others is None:
        raise _unfit_groups(
            study,
            name,
            rule=f"every value of column `{spec.column}` has a label",
            received=f"{unlabelled.nunique()} values without one, in {len(unlabelled)} patients",
        )
    labelled = codes.map(spec.labels)
    if spec.others is not None:
        labelled = labelled.mask(labelled.isna() & codes.notna(), spec.others)
    return labelled.fillna(MISSING).astype(str)


def _unfit_groups(study: str, name: str, *, rule: str, received: str, near: str = "") -> DataError:
    return DataError(
        f"study `{study}`, subgroups `{name}`",
        rule=rule,
        received=received,
        remedy=f"{near}Correct `subgroups` in params.yaml.",
    )
