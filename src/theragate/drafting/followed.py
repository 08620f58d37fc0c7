"""Drafts whose patients were followed long enough, whatever tells how long somebody could be followed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from theragate.cohorts.cohort_frame import Cohort
from theragate.cohorts.outcome_columns import outcome_of
from theragate.cohorts.outcomes import censored_part
from theragate.cohorts.samples import sample_rows
from theragate.drafting.columns import Columns
from theragate.learning.features import as_features, read_features
from theragate.learning.follow_up import short_follow_up
from theragate.study import MARK, Study

__all__ = ["followed"]

_MOST = 3  # features that are left out before losses are taken to be the same for all


def followed(
    entry: dict[str, Any],
    cohort: Cohort,
    *,
    columns: Columns,
    read: Callable[[dict[str, Any]], Study],
    draft: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return the entry without the features that say who could be followed, as the time of entry does.

    Weights that follow such a feature stand for patients whom nobody can have seen. If some are still followed too
    seldom without them, weights are drafted to follow no feature. Both are for a person to confirm.

    Parameters
    ----------
    columns
        Of the draft; what is left out is added with its reason.
    read, draft
        Make a study of an entry, and the entry anew.
    """
    for left in range(_MOST, -1, -1):
        study = read(entry)
        schema = read_features(cohort.columns, study)
        outcome = outcome_of(cohort, study)
        if censored_part(outcome) is None:
            return entry
        # Of many patients a sample is looked at, as `train` does.
        rows = sample_rows(outcome, np.arange(len(cohort), dtype=np.intp), most=study.tuning.sample, seed=0)
        features = as_features(cohort.frame([feature.name for feature in schema], rows), schema)
        short = short_follow_up(features, outcome.take(rows), schema)
        if short is None:
            return entry
        if not left or not short.feature or len(schema) < 2:
            break
        columns.dropped[short.feature] = (
            f"{MARK}: how long somebody could be followed differs most by it, as by a time of entry; of a new patient "
            "it tells nothing"
        )
        entry = draft()
    timed = entry["outcome"].get("measured", entry["outcome"])
    timed["censoring"] = "marginal"
    timed["censoring_reason"] = (
        f"{MARK}: by its features some patients could hardly be followed to the horizon; are losses the same for all?"
    )
    return entry
