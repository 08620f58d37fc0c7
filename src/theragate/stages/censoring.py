"""Held-out patients with their hazards of being lost, and what is told of the assumption behind their weights."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.outcomes import Outcome, censored_part, with_hazard
from theragate.evidence.types import CensoringEvidence
from theragate.learning.censoring_dependence import dependence
from theragate.learning.censoring_model import as_losses, censoring_hazards, random_folds
from theragate.learning.features import as_features, read_features
from theragate.learning.follow_up import share_unobserved
from theragate.learning.seeds import derive
from theragate.study import NestedCrossValidation, Study

__all__ = ["weighted_for_losses"]

_REPEATS = 3  # of the folds, over which log hazards are averaged: more would move no weight by more than its error
_LEVEL = 0.05
_TESTED = 20_000  # patients; with more, differences that move nothing would be called significant


def weighted_for_losses(
    cohort: pd.DataFrame, outcome: Outcome, study: Study, *, folds: NDArray[np.integer], seed: int
) -> tuple[Outcome, CensoringEvidence | None]:
    """Return the outcome with hazards of being lost, by models that never saw the patient; and what is told of them.

    Parameters
    ----------
    cohort, outcome
        Of the patients who are measured.
    study
        Says whether losses depend on features.
    folds
        Shape (repeats, n): in which fold each was held out. Under cross-validation the same folds serve here; a part
        that was held out once is divided anew, since those whom the model learned from may have been followed longer.
    seed
        Of that division.
    """
    censored = censored_part(outcome)
    if censored is None or not as_losses(censored).event.any():
        return outcome, None
    schema = read_features(cohort, study)
    frame = as_features(cohort, schema)
    crossed = isinstance(study.validation, NestedCrossValidation)
    if not crossed:
        clusters = read_clusters(cohort, study)
        folds = random_folds(outcome, seed=derive(seed, study.name, "losses"), clusters=clusters)
    hazards = censoring_hazards(frame, outcome, schema, folds=folds[:_REPEATS])
    found = outcome if hazards.penalty is None else with_hazard(outcome, hazards.own)
    rows = np.arange(len(frame))
    if len(rows) > _TESTED:
        rows = np.sort(np.random.default_rng(0).choice(rows, _TESTED, replace=False))
    adjusted = dependence(frame.iloc[rows], outcome.take(rows), schema)
    return found, CensoringEvidence(
        weights="marginal" if censored.marginal else "features",
        features=len(schema),
        penalty=hazards.penalty,
        unobserved=share_unobserved(found),
        depends_on={name: p for name, p in sorted(adjusted.items(), key=lambda item: item[1]) if p < _LEVEL},
        level=_LEVEL,
    )
