"""Learners of a few lines, and their cross-validation, for simulations that have to be quick."""

import numpy as np
from scipy.special import expit

from theragate.personal.intervals import HeldOut


def held(prediction, target, *, patient=None, weight=None, centre=0.0):
    """Held-out predictions as they are learned from; each row is a patient, unless `patient` says otherwise."""
    ones = np.ones(len(prediction))
    rows = np.arange(len(prediction)) if patient is None else patient
    return HeldOut(prediction, target, weight=ones if weight is None else weight, patient=rows, centre=centre)


def cross_validated(random, features, target, fit, predict, *, repeats, folds=5):
    """Held-out predictions, and what the model of everybody is."""
    parts = []
    for _ in range(repeats):
        order = random.permutation(len(target))
        for fold in range(folds):
            test = order[fold::folds]
            train = np.setdiff1d(order, test)
            parts.append((test, predict(fit(features[train], target[train]), features[test])))
    rows, predictions = (np.concatenate(part) for part in zip(*parts, strict=True))
    return held(predictions, target[rows], patient=rows), fit(features, target)


def with_intercept(features):
    return np.column_stack([np.ones(len(features)), features])


def least_squares(features, target):
    return np.linalg.lstsq(with_intercept(features), target, rcond=None)[0]


def logistic(features, target):
    design, found = with_intercept(features), np.zeros(features.shape[1] + 1)
    ridge = np.diag([0.0] + [1.0] * features.shape[1])
    for _ in range(12):
        risk = expit(design @ found)
        information = (design * (risk * (1 - risk))[:, None]).T @ design + ridge
        found = found + np.linalg.solve(information, design.T @ (target - risk) - ridge @ found)
    return found


def linear(coefficients, features):
    return with_intercept(features) @ coefficients


def risks(coefficients, features):
    return expit(linear(coefficients, features))
