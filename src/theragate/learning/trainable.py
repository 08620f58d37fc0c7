"""Whether a study can be trained on its cohort: all that can be known before anything is fitted, in one place."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.cohort_frame import Cohort, each_column
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.samples import sample_rows
from theragate.cohorts.splits import Split, outer_splits, read_divided
from theragate.learning.families import check_families, check_width
from theragate.learning.features import Feature, as_features, read_features
from theragate.learning.follow_up import check_follow_up
from theragate.learning.scenarios import check_scenarios
from theragate.study import TASKS, Study

__all__ = ["LargeProblem", "Trainable", "check_numbers", "check_trainable", "is_large", "read_problem"]


@dataclass(frozen=True)
class Trainable:
    """The features of a study and its outer splits."""

    schema: tuple[Feature, ...]
    splits: list[Split]


@dataclass(frozen=True)
class LargeProblem(Trainable):
    """The same, with what stands in the file of a large cohort: outcome and clusters, (n,), of all patients."""

    outcome: Outcome
    clusters: NDArray[np.intp] | None


def read_problem(cohort: CohortFile, study: Study, *, seed: int) -> LargeProblem:
    """Read the few columns that splits depend on, and refuse what training would refuse; see `check_trainable`.

    Whether patients were followed long enough is looked up in a sample of those held out.
    """
    check_families(study)
    few, outcome, clusters = read_divided(cohort, study)
    schema = read_features(cohort.columns, study)
    check_scenarios(study, schema)
    splits = outer_splits(few, outcome, study, seed=seed)
    held_out = np.unique(np.concatenate([split.test for split in splits]))
    sample = sample_rows(outcome, held_out, most=study.tuning.sample, seed=0, clusters=clusters)
    features = as_features(cohort.frame([feature.name for feature in schema], sample), schema)
    whose = "those held out" if len(held_out) < len(cohort) else "the patients"
    check_follow_up(features, outcome.take(sample), schema, name=study.name, whose=whose)
    check_width(study, features=len(schema), patients=_fewest(splits, study.validation.inner_folds))
    return LargeProblem(schema, splits, outcome, clusters)


def check_numbers(cohort: Cohort, schema: tuple[Feature, ...]) -> None:
    """Refuse an infinite number among the features of a cohort, column by column.

    Raises
    ------
    DataError
        If a feature holds one.
    """
    types = {feature.name: feature for feature in schema if feature.type == "number"}
    for column in each_column(cohort, list(types)):
        as_features(column.to_frame(), (types[str(column.name)],))


def is_large(cohort: CohortFile, study: Study) -> bool:
    """Return whether a cohort is trained on piece by piece: effects of treatments are learned in memory."""
    return len(cohort) > study.tuning.sample and not TASKS[study.task].compares_treatments


def check_trainable(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> Trainable:
    """Refuse, within a second, what training would refuse.

    Parameters
    ----------
    cohort, outcome, study
        As for training.
    seed
        Of the splits; whether they are possible does not depend on it.

    Raises
    ------
    ConfigurationError
        If a family or a scenario does not fit the study, or no feature is left.
    DataError
        If the cohort is too small for its splits or for the number of features, a feature is unfit, or too few
        patients were followed to the horizon.
    """
    check_families(study)
    schema = read_features(cohort, study)
    check_scenarios(study, schema)
    splits = outer_splits(cohort, outcome, study, seed=seed)
    held_out = np.unique(np.concatenate([split.test for split in splits]))
    check_follow_up(
        as_features(cohort.iloc[held_out], schema),
        outcome.take(held_out),
        schema,
        name=study.name,
        whose="those held out" if len(held_out) < len(cohort) else "the patients",
    )
    check_width(study, features=len(schema), patients=_fewest(splits, study.validation.inner_folds))
    return Trainable(schema, splits)


def _fewest(splits: list[Split], inner_folds: int) -> int:
    """Return how many patients the smallest inner fold leaves to learn from."""
    fewest = min(len(split.train) for split in splits)
    return fewest - -(-fewest // inner_folds)
