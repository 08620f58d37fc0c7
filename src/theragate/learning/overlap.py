"""Whether the arms overlap, or the features tell treated patients from controls."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from theragate.cohorts.outcomes import Binary, Treated
from theragate.errors import DataError
from theragate.learning.design_matrix import fit_design
from theragate.learning.families.logistic import Logistic, SplineLogistic
from theragate.learning.family import Training
from theragate.learning.features import Feature, as_features
from theragate.learning.models import Model
from theragate.learning.wide import is_wide, narrowed

__all__ = ["check_overlap", "check_random_assignment"]

# In each arm, the share of patients whose arm the features may tell; above it nothing can be compared.
_SEPARABLE = 0.95
_FOLDS = 3


def check_random_assignment(frame: pd.DataFrame, outcome: Treated, schema: tuple[Feature, ...]) -> None:
    """Refuse an assignment that is declared to be random although the features predict it.

    Raises
    ------
    DataError
        If the features tell how nearly all patients of both arms were treated.
    """
    features = as_features(frame, schema)
    design = fit_design("splines", features, schema)
    training = Training(design.matrix(features), Binary(outcome.treated), design.curves)
    rule = "where treatment is assigned at random, no features tell who was treated"
    _refuse(_held_out(training, outcome.treated), outcome.name, rule)


def check_overlap(training: Training, outcome: Treated, propensity: Model) -> None:
    """Refuse arms that do not overlap.

    With few patients and many features, a model that has seen the patients can tell any two arms apart by chance. What
    decides is therefore how well a model tells the arms of patients from whom it did not learn.

    Parameters
    ----------
    training
        The splines of the features, and who was treated.
    outcome
        The same patients, with the treatment's name.
    propensity
        A `SplineLogistic` that has learned from them.

    Raises
    ------
    DataError
        If the features tell how nearly all patients of both arms were treated.
    """
    if _separable_share(propensity.response.of(propensity.score(training.matrix)), outcome.treated) > _SEPARABLE:
        rule = "treated patients and controls overlap: either was possible for patients of both kinds"
        _refuse(_held_out(training, outcome.treated), outcome.name, rule)


def _refuse(share: float, subject: str, rule: str) -> None:
    if share > _SEPARABLE:
        raise DataError(
            subject,
            rule=rule,
            received=f"features that tell how at least {share:.0%} of the patients of each arm were treated",
            remedy="Look for a feature that follows from the treatment, and drop it; or compare other patients.",
        )


def _separable_share(chance: NDArray[np.float64], treated: NDArray[np.bool_]) -> float:
    """Return the share of patients whose likelier arm is their own, in the arm where it is smaller."""
    return min(float(np.mean((chance >= 0.5)[arm] == treated[arm])) for arm in (treated, ~treated))


def _held_out(training: Training, treated: NDArray[np.bool_]) -> float:
    """Return `_separable_share` by models like `SplineLogistic` that have learned from other patients."""
    matrix, chance = training.bent(SplineLogistic.fixed["curvature"]), np.full(len(treated), 0.5)
    if is_wide(matrix):
        matrix, _ = narrowed(matrix)
    folds = min(_FOLDS, int(treated.sum()), int((~treated).sum()))
    if folds < 2:
        return 0.0  # a single patient shows nothing
    params = {"penalty": SplineLogistic.fixed["penalty"]}
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(matrix, treated):
        model = Logistic().fit(Training(matrix[train], Binary(treated[train]), slice(0, 0)), params, seed=0)
        chance[test] = model.response.of(model.score(matrix[test]))
    return _separable_share(chance, treated)
