"""Whether a study can be trained on its cohort: all that can be known before anything is fitted, in one place."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import Split, outer_splits
from theragate.learning.families import check_families, check_width
from theragate.learning.features import Feature, as_features, read_features
from theragate.learning.follow_up import check_follow_up
from theragate.learning.scenarios import check_scenarios
from theragate.study import Study

__all__ = ["Trainable", "check_trainable"]


@dataclass(frozen=True)
class Trainable:
    """The features of a study and its outer splits."""

    schema: tuple[Feature, ...]
    splits: list[Split]


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
