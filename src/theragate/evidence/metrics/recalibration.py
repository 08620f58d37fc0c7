"""Logistic recalibration: how predicted log odds would have to be shifted and stretched to be right."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["Recalibration"]

_STEPS = 50
_NEAR = 1e-6  # of a step, whose square is what remains after it
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
    """

    COLUMNS: ClassVar = ("score", "tilted_score", "information", "tilted_information", "twice_tilted_information")

    intercept: float
    slope: float

    @classmethod
    def fit(
        cls, log_odds: Floats, event: Floats, *, weights: Floats, start: "Recalibration | None" = None
    ) -> "Recalibration | None":
        """Fit both; None where predictions are all alike or separate the classes, so that no solution exists.

        `start` is a solution close by, if one is known.
        """
        beta = np.array([0.0, 1.0]) if start is None else np.array([start.intercept, start.slope])
        reached = _log_likelihood(beta[0] + beta[1] * log_odds, event, weights)
        for _ in range(_STEPS):
            score, information = _derivatives(log_odds, event, weights, beta=beta)
            if np.linalg.det(information) <= 1e-9 * information[0, 0] * information[1, 1] or information[0, 0] < 1e-6:
                return None
            step = np.linalg.solve(information, score)
            # So near to the solution a step cannot overshoot, and the next one would change nothing.
            if np.abs(step).max() < _NEAR * (1 + np.abs(beta).max()):
                beta = beta + step
                return cls(float(beta[0]), float(beta[1]))
            ahead = _log_likelihood(beta[0] + step[0] + (beta[1] + step[1]) * log_odds, event, weights)
            while ahead < reached - 1e-9 * abs(reached):
                step = step / 2
                ahead = _log_likelihood(beta[0] + step[0] + (beta[1] + step[1]) * log_odds, event, weights)
            beta, reached = beta + step, ahead
        return None

    @staticmethod
    def shift(log_odds: Floats, event: Floats, *, weights: Floats, start: float | None = None) -> float:
        """Return the intercept that fits best with the slope held at 1 (calibration in the large).

        Both classes occur. `start` is a solution close by, if one is known; Newton's steps then double its digits.
        """
        target = float(weights @ event)
        if start is not None:
            for _ in range(3):
                risk = expit(log_odds + start)
                expected = weights * risk
                start += (target - float(expected.sum())) / float(expected @ (1 - risk))
            return start
        shift: float = brentq(
            lambda by: float(weights @ expit(log_odds + by)) - target, -_FARTHEST, _FARTHEST, xtol=1e-13
        )
        return shift

    def columns(self, log_odds: Floats, event: Floats) -> list[Floats]:
        """Return each patient's contributions to score and information, five columns of shape (n,), as in `COLUMNS`."""
        risk = expit(self.intercept + self.slope * log_odds)
        residual, variance = event - risk, risk * (1 - risk)
        tilted = variance * log_odds
        return [residual, residual * log_odds, variance, tilted, tilted * log_odds]

    def slopes(self, sums: Floats) -> Floats:
        """Return the slope in each resample from the weighted sums of `columns`, shape (b, 5)."""
        s0, s1, h00, h01, h11 = sums.T
        determinant = h00 * h11 - h01**2
        usable = determinant > 1e-9 * h00 * h11
        step = np.divide(h00 * s1 - h01 * s0, determinant, out=np.full(len(sums), np.nan), where=usable)
        slopes: Floats = self.slope + step
        return slopes


def _derivatives(log_odds: Floats, event: Floats, weights: Floats, *, beta: Floats) -> tuple[Floats, Floats]:
    risk = expit(beta[0] + beta[1] * log_odds)
    residual, variance = weights * (event - risk), weights * risk * (1 - risk)
    tilted = variance * log_odds
    mixed = tilted.sum()
    score = np.array([residual.sum(), residual @ log_odds])
    return score, np.array([[variance.sum(), mixed], [mixed, tilted @ log_odds]])


def _log_likelihood(log_odds: Floats, event: Floats, weights: Floats) -> float:
    return float(weights @ (event * log_odds - np.logaddexp(0, log_odds)))
