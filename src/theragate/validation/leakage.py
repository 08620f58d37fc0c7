"""Leakage: features that know the outcome in a way that no new patient's record could."""

from collections.abc import Iterator

import pandas as pd

from theragate.cohorts.cohort_frame import Cohort
from theragate.cohorts.outcome_columns import outcome_of
from theragate.cohorts.outcomes import Outcome
from theragate.errors import DataError
from theragate.study import EffectOutcome, Study
from theragate.validation._feature_column import FeatureColumn, read_feature_column
from theragate.validation._joint_leaks import find_joint_leaks
from theragate.validation._leakage_signs import measured_part, signs_in, weighed
from theragate.validation._leaks_of_many import leaks_of_many
from theragate.validation.confounding import confounded
from theragate.validation.types import LeakageFinding

__all__ = ["find_leaks", "is_sampled", "leaks_of"]

UNDECLARED = 0.99  # the ceiling of a study that declares none


def find_leaks(cohort: Cohort, study: Study) -> tuple[LeakageFinding, ...]:
    """Look at every feature that a model would see, one by one, and at pairs and threes of them.

    The checks are: ``identity`` (a patient who occurs twice would be learned from and tested on), ``missingness``
    (who has a value tells the outcome), ``level`` (a category that only patients of one outcome have), ``value`` (one
    feature alone beats the study's declared ``gates.suspicious_performance.ceiling``), ``joint`` (two or three do
    together, though none alone), ``copy`` (the outcome in other words) and ``outcome_time`` (a duration that ends with
    the follow-up, or lies beyond it); where treatments are compared, also ``treatment`` (the treatment in other words);
    where a batch is declared, ``batch`` (the outcome, or the treatment, goes with it).
    Of a feature with a critical sign, the warning of ``level`` is left out, which could only say less.

    Of more patients than the study's ``tuning.sample``, a random sample is looked at (see `sampled_patients`). What a
    few rows alone may show is looked for in all of them: ``identity``, ``missingness``, ``level``; and a feature that
    few patients have, in those who have it. The order of rows and the ids make no difference, but to who is sampled.

    Returns
    -------
    At most one finding per feature and check, in the order of the columns, ``joint`` last. If the outcome cannot be
    read there is one critical finding, ``outcome``, that says so. In few patients intervals are wide and findings rare.
    """
    findings = list(_identity(cohort))
    try:
        outcome = outcome_of(cohort, study)
    except DataError as error:
        sentence = f"No leak could be looked for. Rule: {error.rule}; found: {error.received}."
        column = next((name for name in study.outcome_columns if f"`{name}`" in error.subject), study.name)
        return (*findings, LeakageFinding(check="outcome", feature=column, severity="critical", sentence=sentence))
    if study.batch is not None and study.batch.column in cohort.columns:
        findings += confounded(cohort.frame([study.batch.column])[study.batch.column], outcome)
    names, ceiling = [str(name) for name in cohort.columns if name not in study.hidden], _ceiling(study)
    if is_sampled(cohort, study):
        return (*findings, *leaks_of_many(cohort, names, outcome, ceiling=ceiling, most=study.tuning.sample))
    return (*findings, *leaks_of(cohort.frame(names), outcome, ceiling=ceiling))


def is_sampled(cohort: Cohort, study: Study) -> bool:
    """Whether the cohort has more patients than leaks are looked for among."""
    return len(cohort) > study.tuning.sample


def leaks_of(features: pd.DataFrame, outcome: Outcome, *, ceiling: float) -> tuple[LeakageFinding, ...]:
    """Look at the features of n patients, whose outcome is known."""
    findings: list[LeakageFinding] = []
    innocent: list[FeatureColumn] = []
    for name in features.columns:
        feature = read_feature_column(features[name], name)
        if feature.present.any():
            found = signs_in(feature, outcome, ceiling)
            findings += weighed(found)
            innocent += [] if found else [feature]
    return (*findings, *find_joint_leaks(innocent, measured_part(outcome), ceiling))


def _ceiling(study: Study) -> float:
    declared = study.gates.get("suspicious_performance", {}).get("ceiling")
    if isinstance(study.outcome, EffectOutcome):  # its ceiling is that of a ranking by benefit
        return UNDECLARED
    return float(declared) if isinstance(declared, int | float) else UNDECLARED


def _identity(cohort: Cohort) -> Iterator[LeakageFinding]:
    ids = cohort.frame(["patient"])["patient"]
    repeated, missing = int(ids.dropna().duplicated().sum()), int(ids.isna().sum())
    if repeated or missing:
        yield LeakageFinding(
            check="identity",
            feature="patient",
            severity="critical",
            sentence=f"Rows that repeat an earlier row's id: {repeated}; rows without an id: {missing}. A patient who "
            "occurs twice would be learned from and tested on.",
        )
