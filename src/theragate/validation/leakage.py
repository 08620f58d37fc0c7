"""Leakage: features that know the outcome in a way that no new patient's record could."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import MeasuredOutcome, Treated
from theragate.errors import DataError
from theragate.study import EffectOutcome, Study
from theragate.validation._feature_column import FeatureColumn, read_feature_column
from theragate.validation._joint_leaks import find_joint_leaks
from theragate.validation._leakage_signs import SIGNS, tells_treatment
from theragate.validation.types import LeakageFinding

__all__ = ["find_leaks", "leaks_of"]

UNDECLARED = 0.99  # the ceiling of a study that declares none


def find_leaks(cohort: pd.DataFrame, study: Study) -> tuple[LeakageFinding, ...]:
    """Look at every feature that a model would see, one by one, and at pairs and threes of them.

    The checks are: ``identity`` (a patient who occurs twice would be learned from and tested on), ``missingness``
    (who has a value tells the outcome), ``level`` (a category that only patients of one outcome have), ``value`` (one
    feature alone beats the study's declared ``gates.suspicious_performance.ceiling``), ``joint`` (two or three do
    together, though none alone), ``copy`` (the outcome in other words) and ``outcome_time`` (a duration that ends with
    the follow-up, or lies beyond it); where treatments are compared, also ``treatment`` (the treatment in other words).
    Of a feature with a critical sign, the warning of ``level`` is left out, which could only say less. The order of
    rows and the patients' ids make no difference.

    Returns
    -------
    At most one finding per feature and check, in the order of the columns, ``joint`` last. If the outcome cannot be
    read there is one critical finding, ``outcome``, that says so. In few patients intervals are wide and findings rare.
    """
    findings = list(_identity(cohort))
    try:
        outcome = read_outcome(cohort, study)
    except DataError as error:
        sentence = f"No leak could be looked for. Rule: {error.rule}; found: {error.received}."
        column = next((name for name in study.outcome_columns if f"`{name}`" in error.subject), study.name)
        return (*findings, LeakageFinding(check="outcome", feature=column, severity="critical", sentence=sentence))
    measured = outcome.measured if isinstance(outcome, Treated) else outcome
    features = cohort[[name for name in cohort.columns if name not in study.hidden]]
    treated = outcome.treated if isinstance(outcome, Treated) else None
    return (*findings, *leaks_of(features, measured, ceiling=_ceiling(study), treated=treated))


def leaks_of(
    features: pd.DataFrame, outcome: MeasuredOutcome, *, ceiling: float, treated: NDArray[np.bool_] | None = None
) -> tuple[LeakageFinding, ...]:
    """Look at the features of n patients, whose outcome is known; ``treated`` is of shape (n,) where there are arms."""
    findings: list[LeakageFinding] = []
    innocent: list[FeatureColumn] = []
    for name in features.columns:
        feature = read_feature_column(features[name], name)
        if feature.present.any():
            found = [*filter(None, (sign(feature, outcome, ceiling) for sign in SIGNS))]
            certain = any(finding.severity == "critical" for finding in found)
            findings += [finding for finding in found if finding.check != "level" or not certain]
            told = tells_treatment(feature, treated) if treated is not None else None
            findings += filter(None, [told])
            if not found and told is None:
                innocent.append(feature)
    return (*findings, *find_joint_leaks(innocent, outcome, ceiling))


def _ceiling(study: Study) -> float:
    declared = study.gates.get("suspicious_performance", {}).get("ceiling")
    if isinstance(study.outcome, EffectOutcome):  # its ceiling is that of a ranking by benefit
        return UNDECLARED
    return float(declared) if isinstance(declared, int | float) else UNDECLARED


def _identity(cohort: pd.DataFrame) -> Iterator[LeakageFinding]:
    ids = cohort["patient"]
    repeated, missing = int(ids.dropna().duplicated().sum()), int(ids.isna().sum())
    if repeated or missing:
        yield LeakageFinding(
            check="identity",
            feature="patient",
            severity="critical",
            sentence=f"Rows that repeat an earlier row's id: {repeated}; rows without an id: {missing}. A patient who "
            "occurs twice would be learned from and tested on.",
        )
