"""The prediction of no model at all, which every model has to beat."""

import numpy as np
from sksurv.nonparametric import kaplan_meier_estimator

from theragate.cohorts.outcomes import Binary, Outcome, Quantity, Treated
from theragate.learning.uncensored_outcome import inverse_censoring_weights, uncensored_outcome

__all__ = ["null_prediction"]


def null_prediction(outcome: Outcome) -> float:
    """Return what is predicted for everybody without a model: prevalence, mean, or Kaplan–Meier risk by the horizon.

    Where a censored outcome has hazards of being lost, the risk is the share with the event by the weights that follow.

    For an effect it is the plain difference between the arms, confounding included.
    """
    if isinstance(outcome, Quantity):
        return float(np.mean(outcome.value))
    if isinstance(outcome, Treated):
        values = uncensored_outcome(outcome)
        return float(values[outcome.treated].mean() - values[~outcome.treated].mean())
    if isinstance(outcome, Binary):
        return float(np.mean(outcome.event))
    if outcome.hazard is not None:
        return float(np.average(outcome.by_horizon, weights=inverse_censoring_weights(outcome, outcome)))
    time, survival = kaplan_meier_estimator(outcome.event, outcome.time)
    before = np.searchsorted(time, outcome.horizon, side="right")
    return float(1 - survival[before - 1]) if before else 0.0
