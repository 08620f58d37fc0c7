"""Who belongs to which subgroup. A patient whose group is unknown belongs to the group ``Missing``."""

from itertools import pairwise

import numpy as np
import pandas as pd

from theragate.errors import DataError
from theragate.study import BandedGroups, GroupSpec, Study

__all__ = ["MISSING", "read_groups"]

MISSING = "Missing"


def read_groups(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Label every patient in every attribute that the study declares.

    Returns
    -------
    DataFrame of str, one row per patient in the cohort's order, one column per key of ``subgroups``; unknown is
    ``Missing``, never absent.

    Raises
    ------
    DataError
        If a column is absent, or holds a value that has no label (a group may not vanish).
    """
    labels = {name: _labels(cohort, name, spec, study.name) for name, spec in study.subgroups.items()}
    return pd.DataFrame(labels, index=cohort.index, dtype=str)


def _labels(cohort: pd.DataFrame, name: str, spec: GroupSpec, study: str) -> pd.Series:
    if spec.column not in cohort.columns:
        raise _broken(study, name, f"column `{spec.column}` is in the cohort", "no such column")
    column = cohort[spec.column]
    if isinstance(spec, BandedGroups):
        if not pd.api.types.is_numeric_dtype(column):
            raise _broken(study, name, f"column `{spec.column}` holds numbers", f"{column.dtype} values")
        edges = [-np.inf, *spec.bands, np.inf]
        texts = [f"{bound:g}" for bound in spec.bands]
        names = [f"≤{texts[0]}", *(f"{a}–{b}" for a, b in pairwise(texts)), f">{texts[-1]}"]
        banded = pd.cut(column.astype(float), bins=edges, labels=names)
        return banded.astype(object).where(column.notna(), MISSING).astype(str)
    values = column.astype(str)
    known = values.isin(spec.labels) | column.isna()
    if not known.all():
        raise _broken(
            study,
            name,
            f"every value of column `{spec.column}` has a label",
            f"{values[~known].nunique()} values without one, in {int((~known).sum())} patients",
        )
    return values.map(spec.labels).where(column.notna(), MISSING).astype(str)


def _broken(study: str, name: str, rule: str, received: str) -> DataError:
    return DataError(
        f"study `{study}`, subgroups `{name}`",
        rule=rule,
        received=received,
        remedy="Correct `subgroups` in params.yaml.",
    )
