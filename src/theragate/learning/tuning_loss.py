"""The proper scores that tuning minimises."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity, Treated
from theragate.errors import DataError
from theragate.learning.uncensored_outcome import inverse_censoring_weights

__all__ = ["Loss"]

# One patient about whom a model is wrongly certain must not decide a search alone: the loss is at most 9.2.
_CERTAIN = 1e-4


@dataclass(frozen=True)
class Loss:
    """The mean loss of predictions, lower is better.

    * binary: log loss;
    * regression: squared error;
    * survival: log loss of the risk by the horizon, weighted by the inverse probability of being uncensored, so that
      its expectation is that without censoring (Graf et al., Stat Med 1999;18:2529). The log loss is preferred to the
      Brier score, which hardly tells a risk of .001 from one of .02;
    * treatment effect: squared distance from doubly robust scores, whose expectation is the effect itself, so that on
      average it differs by a constant from the squared error of the effect, which nobody can see.

    Each is a proper score: no other prediction has a lower expected loss than the true probability (or mean).
    ``target`` (what is predicted) and ``weight`` have shape (n,); a patient censored before the horizon weighs 0.
    """

    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    squared: bool

    @classmethod
    def of(cls, outcome: Outcome, *, development: Outcome) -> "Loss":
        """Prepare the loss for the patients of `outcome`; the censoring is learned from `development`.

        Raises
        ------
        DataError
            If nobody in `development` is followed beyond the horizon.
        """
        if isinstance(outcome, Quantity):
            return cls(outcome.value, np.ones(len(outcome)), squared=True)
        if isinstance(outcome, Binary):
            return cls(outcome.event.astype(np.float64), np.ones(len(outcome)), squared=False)
        if isinstance(outcome, Treated):
            raise TypeError("the loss of an effect needs scores; see `of_effects`")
        if not isinstance(development, Censored):
            raise TypeError("a censored outcome needs a censored development outcome")
        return cls(outcome.by_horizon.astype(np.float64), _weights(outcome, development), squared=False)

    @classmethod
    def of_effects(cls, scores: NDArray[np.float64]) -> "Loss":
        """Prepare the loss of effects from doubly robust scores of the patients, (n,)."""
        return cls(scores, np.ones(len(scores)), squared=True)

    def mean(self, prediction: NDArray[np.float64]) -> float:
        """Return the mean loss of one prediction per patient, shape (n,)."""
        if self.squared:
            each = np.square(self.target - prediction)
        else:
            bounded = np.clip(prediction, _CERTAIN, 1 - _CERTAIN)
            each = -(self.target * np.log(bounded) + (1 - self.target) * np.log1p(-bounded))
        return float(np.mean(self.weight * each))


def _weights(outcome: Censored, development: Censored) -> NDArray[np.float64]:
    if not development.free_at_horizon.any():
        raise DataError(
            "the outcome",
            rule="some patients of every training set are followed beyond the horizon",
            received="a training set in which nobody is",
            remedy="Choose an earlier horizon or fewer folds.",
        )
    return inverse_censoring_weights(outcome, development)
