"""Whether patients were followed long enough to be weighted for those who were not."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from theragate.cohorts.outcomes import Outcome, Treated, censored_part, with_hazard
from theragate.errors import DataError
from theragate.evidence.metrics.censoring import LEAST_OBSERVED, survival_patients
from theragate.learning.censoring_dependence import dependence
from theragate.learning.censoring_model import censoring_hazards, random_folds
from theragate.learning.features import Feature

__all__ = ["ShortFollowUp", "check_follow_up", "share_unobserved", "short_follow_up"]

_MOST = 0.05  # of the patients, whose chance of being followed may be below that by which anybody is weighted
_ENOUGH = 20_000  # patients who are looked at: more would say the same


def share_unobserved(outcome: Outcome) -> float:
    """Return the share of patients whose chance of being followed to the horizon is below `LEAST_OBSERVED`.

    Parameters
    ----------
    outcome
        With hazards of being lost, or without them: then all have the same chance (in an arm, where there are two).
    """
    censored = censored_part(outcome)
    if censored is None:
        return 0.0
    arms = outcome.treated if isinstance(outcome, Treated) else np.zeros(len(outcome), dtype=np.bool_)
    below = [
        survival_patients(
            censored.time,
            censored.event,
            horizon=censored.horizon,
            rows=np.flatnonzero(arms == arm),
            hazard=censored.hazard,
        ).followed
        < LEAST_OBSERVED
        for arm in np.unique(arms)
    ]
    return float(np.concatenate(below).mean())


class ShortFollowUp(NamedTuple):
    """The share of patients who are hardly ever followed to the horizon, and by which feature losses differ most."""

    share: float
    feature: str


def short_follow_up(frame: pd.DataFrame, outcome: Outcome, schema: tuple[Feature, ...]) -> ShortFollowUp | None:
    """Return how far the follow-up is too short for weights; None where it is long enough, or nobody can be lost.

    Parameters
    ----------
    frame, outcome, schema
        The patients, as `as_features` gives them, and what happened to them.
    """
    if len(frame) > _ENOUGH:
        rows = np.sort(np.random.default_rng(0).choice(len(frame), _ENOUGH, replace=False))
        frame, outcome = frame.iloc[rows], outcome.take(rows)
    hazards = censoring_hazards(frame, outcome, schema, folds=random_folds(outcome, seed=0))
    unobserved = share_unobserved(with_hazard(outcome, hazards.own))
    if unobserved <= _MOST:
        return None
    return ShortFollowUp(unobserved, _foremost(frame, outcome, schema) if hazards.penalty is not None else "")


def check_follow_up(
    frame: pd.DataFrame, outcome: Outcome, schema: tuple[Feature, ...], *, name: str, whose: str
) -> None:
    """Refuse patients of whom too few were followed to the horizon to stand for those who were not.

    Parameters
    ----------
    frame, outcome, schema
        The patients, as `as_features` gives them, and what happened to them.
    name, whose
        How a message calls the study and these patients.

    Raises
    ------
    DataError
        If more than 5% of them have a chance below 5% of being followed to the horizon.
    """
    censored = censored_part(outcome)
    if censored is None:
        return
    short = short_follow_up(frame, outcome, schema)
    if short is None:
        return
    raise DataError(
        f"study `{name}`, follow-up to the horizon of {censored.horizon:g}",
        rule=f"{1 - _MOST:.0%} or more of {whose} have a chance of at least {LEAST_OBSERVED:.0%} to be followed so far",
        received=f"{1 - short.share:.0%}" + (f" (losses differ most by `{short.feature}`)" if short.feature else ""),
        remedy="Choose an earlier horizon; or, where a feature only says when a patient entered, drop it or declare "
        "`censoring: marginal` with its reason.",
    )


def _foremost(frame: pd.DataFrame, outcome: Outcome, schema: tuple[Feature, ...]) -> str:
    found = dependence(frame, outcome, schema)
    return min(found, key=lambda feature: (found[feature], feature))
