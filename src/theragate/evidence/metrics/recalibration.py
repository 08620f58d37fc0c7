"""Logistic recalibration: how predicted log odds would have to be shifted and stretched to be right."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from theragate.evidence.metrics.arrays import Floats

__all__ = ["Recalibration"]

_STEPS, _CLOSE = 50, 1e-11
_FARTHEST = 50.0  # no shift of log odds is larger


@dataclass(frozen=True)
class Recalibration:
    """The fit of event ~ intercept + slope · log odds, and its columns for resamples (Cox, Biometrika 1958;45:562).

    A resample's estimate is one Newton step from the fit on all patients, which needs sums only and differs from the
    full solution by less than the sampling error squared (one-step bootstrap; Shao, Tu, The Jackknife and Bootstrap,
    1995, section 5.4).

    Parameters
    ----------
    intercept, slope
        The maximum-likelihood solution; with weights, of the weighted likelihood.
    columns
        Shape (n, 5): each patient's contributions to score and information.
    """

    intercept: float
    slope: float
    columns: Floats

    @classmethod
    def fit(cls, log_odds: Floats, event: Floats, *, weights: Floats) -> "Recalibration | None":
        """Fit both; None where predictions are all alike or separate the classes, so that no solution exists."""
        beta = np.array([0.0, 1.0])
        design = np.column_stack([np.ones_like(log_odds), log_odds])
        reached = _log_likelihood(design @ beta, event, weights)
        for _ in range(_STEPS):
            risk = expit(design @ beta)
            information = design.T @ (design * (weights * risk * (1 - risk))[:, None])
            if np.linalg.det(information) <= 1e-9 * information[0, 0] * information[1, 1] or information[0, 0] < 1e-6:
                return None
            step = np.linalg.solve(information, design.T @ (weights * (event - risk)))
            ahead = _log_likelihood(design @ (beta + step), event, weights)
            while ahead < reached - 1e-9 * abs(reached):
                step = step / 2
                ahead = _log_likelihood(design @ (beta + step), event, weights)
            beta, reached = beta + step, ahead
            if np.abs(step).max() < _CLOSE * (1 + np.abs(beta).max()):
                return cls(float(beta[0]), float(beta[1]), _columns(log_odds, event, expit(design @ beta)))
        return None

    @staticmethod
    def shift(log_odds: Floats, event: Floats, *, weights: Floats) -> float:
        """Return the intercept that fits best with the slope held at 1 (calibration in the large).

        Both classes occur.
        """
        target = float(weights @ event)
        shift: float = brentq(
            lambda by: float(weights @ expit(log_odds + by)) - target, -_FARTHEST, _FARTHEST, xtol=1e-13
        )
        return shift

    def slopes(self, sums: Floats) -> Floats:
        """Return the slope in each resample from the weighted sums of `columns`, shape (b, 5)."""
        s0, s1, h00, h01, h11 = sums.T
        determinant = h00 * h11 - h01**2
        usable = determinant > 1e-9 * h00 * h11
        step = np.divide(h00 * s1 - h01 * s0, determinant, out=np.full(len(sums), np.nan), where=usable)
        slopes: Floats = self.slope + step
        return slopes


def _columns(log_odds: Floats, event: Floats, risk: Floats) -> Floats:
    residual, variance = event - risk, risk * (1 - risk)
    return np.column_stack([residual, residual * log_odds, variance, variance * log_odds, variance * log_odds**2])


def _log_likelihood(log_odds: Floats, event: Floats, weights: Floats) -> float:
    return float(weights @ (event * log_odds - np.logaddexp(0, log_odds)))
