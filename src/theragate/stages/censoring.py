"""Held-out patients with their hazards of being lost, and what is told of the assumption behind their weights."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.clusters import CLUSTER, read_clusters
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Outcome, Treated, censored_part, with_hazard
from theragate.cohorts.samples import sample_rows
from theragate.evidence.types import CensoringEvidence
from theragate.learning.censoring_dependence import dependence
from theragate.learning.censoring_model import as_losses, censoring_hazards, random_folds
from theragate.learning.features import Feature, as_features, read_features
from theragate.learning.follow_up import share_unobserved
from theragate.learning.seeds import derive
from theragate.study import NestedCrossValidation, Study

__all__ = ["weighted_for_losses"]

_REPEATS = 3  # of the folds, over which log hazards are averaged: more would move no weight by more than its error
_LEVEL = 0.05
_TESTED = 20_000  # patients; with more, differences that move nothing would be called significant


def weighted_for_losses(
    cohort: CohortFile,
    rows: NDArray[np.intp],
    outcome: Outcome,
    study: Study,
    *,
    folds: NDArray[np.integer],
    seed: int,
) -> tuple[Outcome, CensoringEvidence | None]:
    """Return the outcome with hazards of being lost, by models that never saw the patient; and what is told of them.

    Of more patients than ``tuning.sample`` the models are made of a random sample of so many, in folds, and foretell
    all others piece by piece.

    Parameters
    ----------
    cohort, rows, outcome
        The patients who are measured: where they are in the cohort, ascending, and what happened to them.
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
    sampled = np.arange(len(rows))
    if len(rows) > study.tuning.sample and not isinstance(outcome, Treated):
        clusters = read_clusters(cohort.frame([CLUSTER], rows), study)
        drawn = derive(seed, study.name, "losses", "sample")
        sampled = sample_rows(outcome, sampled, most=study.tuning.sample, seed=drawn, clusters=clusters)
    whole = len(sampled) == len(rows)
    frame = cohort.frame(rows=rows if whole else rows[sampled])
    schema, own = read_features(frame, study), outcome if whole else outcome.take(sampled)
    features = as_features(frame, schema)
    if not isinstance(study.validation, NestedCrossValidation):
        clusters = read_clusters(frame, study)
        folds = random_folds(own, seed=derive(seed, study.name, "losses"), clusters=clusters)
    elif not whole:
        folds = folds[:, sampled]
    hazards = censoring_hazards(features, own, schema, folds=folds[:_REPEATS])
    found = outcome
    if hazards.penalty is not None:
        hazard = hazards.own
        if not whole:
            others = np.setdiff1d(np.arange(len(rows)), sampled)
            hazard = np.empty(len(rows))
            hazard[sampled] = hazards.own
            pieces = (as_features(piece.frame, schema) for piece in cohort.pieces(_names(schema), rows[others]))
            hazard[others] = np.concatenate([hazards.foretold(piece) for piece in pieces])
        found = with_hazard(outcome, hazard)
    tested = np.arange(len(features))
    if len(tested) > _TESTED:
        tested = np.sort(np.random.default_rng(0).choice(tested, _TESTED, replace=False))
    adjusted = dependence(features.iloc[tested], own.take(tested), schema)
    return found, CensoringEvidence(
        weights="marginal" if censored.marginal else "features",
        features=len(schema),
        penalty=hazards.penalty,
        unobserved=share_unobserved(found),
        depends_on={name: p for name, p in sorted(adjusted.items(), key=lambda item: item[1]) if p < _LEVEL},
        level=_LEVEL,
    )


def _names(schema: tuple[Feature, ...]) -> list[str]:
    return [feature.name for feature in schema]
