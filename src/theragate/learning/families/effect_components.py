"""Small estimators in scikit-learn's form, that EconML's learners are made of."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold

__all__ = ["InteractedRidge", "KnownPropensity", "residuals"]

Floats = NDArray[np.float64]


class KnownPropensity(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """The chance of treatment where it is known, as in a randomised trial."""

    def __init__(self, chance: float = 0.5) -> None:
        self.chance = chance

    def fit(self, x: Floats, y: NDArray[np.generic], sample_weight: Floats | None = None) -> "KnownPropensity":  # noqa: ARG002
        """Learn nothing but the names of the arms."""
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Floats) -> Floats:
        """Return the same chances for everybody, shape (n, 2)."""
        return np.tile([1 - self.chance, self.chance], (len(x), 1))

    def predict(self, x: Floats) -> NDArray[np.generic]:
        """Return the likelier arm."""
        return np.asarray(self.classes_[np.full(len(x), int(self.chance >= 0.5))])


class InteractedRidge(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Ridge regression on features, arms (the last two columns, as EconML passes them) and their interactions."""

    def __init__(self, penalty: float = 10.0, interaction_penalty: float = 100.0) -> None:
        self.penalty = penalty
        self.interaction_penalty = interaction_penalty

    def fit(self, x: Floats, y: Floats) -> "InteractedRidge":
        """Solve the normal equations of the scaled columns."""
        self.model_ = Ridge(alpha=self.penalty, solver="cholesky").fit(self._columns(x), np.ravel(y))
        return self

    def predict(self, x: Floats) -> Floats:
        """Return the expected outcome, shape (n,)."""
        return np.asarray(self.model_.predict(self._columns(x)))

    def _columns(self, x: Floats) -> Floats:
        features, treated = x[:, :-2], x[:, -1:]
        # A ridge shrinks a coefficient the more, the smaller its column is; a large column is hardly shrunk.
        shrunk = np.sqrt(self.penalty / self.interaction_penalty)
        return np.hstack([features, 100.0 * treated, shrunk * features * (treated - 0.5)])


def residuals(
    matrix: Floats,
    values: Floats,
    treated: NDArray[np.bool_],
    *,
    propensity: float | None,
    penalty: float,
    folds: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return what is left of outcome and treatment once the features are known, each (n,), by cross-fitting."""
    outcome, treatment = np.empty(len(values)), np.empty(len(values))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(matrix, treated):
        expected = Ridge(alpha=penalty, solver="cholesky").fit(matrix[train], values[train]).predict(matrix[test])
        outcome[test] = values[test] - expected
        if propensity is None:
            model = LogisticRegression(C=1 / 3, solver="newton-cholesky", tol=1e-8).fit(matrix[train], treated[train])
            treatment[test] = treated[test] - model.predict_proba(matrix[test])[:, 1]
        else:
            treatment[test] = treated[test] - propensity
    return outcome, treatment
