"""Recalibration of a risk with a time: how predicted log cumulative hazards would have to be stretched to be right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["HazardSlope", "log_hazard"]

# Predicted risks of exactly 0 and 1 have no log hazard; they count as this far from certainty.
_NEAREST = 1e-6
_STEPS, _NEAR = 50, 1e-8
_FARTHEST = 100.0  # log hazards lie no further apart: predictions then separate those with the event from all others


def log_hazard(risk: Floats) -> Floats:
    """Return log(-log(1 - risk)) of risks, which are first moved to at least 1e-6 from 0 and 1."""
    hazard: Floats = np.log(-np.log1p(-np.clip(risk, _NEAREST, 1 - _NEAREST)))
    return hazard


@dataclass(frozen=True)
class HazardSlope:
    """The coefficient of a Cox regression on the log cumulative hazard that each predicted risk stands for.

    It is 1 where predictions spread as far as hazards do. Everybody counts until the event, the loss or the horizon;
    hazards have to be proportional until then (McLernon et al., Ann Intern Med 2023;176:105; Crowson et al., Stat
    Methods Med Res 2016;25:1692). Ties are by Efron (J Am Stat Assoc 1977;72:557).

    Parameters
    ----------
    slope
        The maximum of the partial likelihood.
    score, information
        Shape (n,): each patient's score residual, which add up to 0, and what the patient's event gives to the
        information (Therneau, Grambsch, Modeling Survival Data, 2000, section 7.1). A resample's estimate is one
        Newton step from the fit on all patients.
    """

    slope: float
    score: Floats
    information: Floats

    @classmethod
    def fit(cls, time: Floats, event: NDArray[np.bool_], risk: Floats) -> "HazardSlope | None":
        """Fit it; None where no solution exists.

        Parameters
        ----------
        time
            Shape (n,), ascending; events before others of the same time.
        event
            Shape (n,): whether the event was seen by the horizon.
        risk
            Shape (n,): predicted at the horizon.
        """
        predictor = log_hazard(risk)
        spread = float(np.ptp(predictor)) if len(predictor) else 0.0
        if not event.any() or spread == 0:
            return None
        sets = _RiskSets.of(time, event, predictor - predictor.mean())
        slope = 1.0
        for _ in range(_STEPS):
            if abs(slope) * spread > _FARTHEST:
                return None
            mean, variance, _ = sets.moments(slope)
            gradient, information = float((sets.seen - mean).sum()), float(variance.sum())
            if information <= _NEAR * spread**2:
                return None
            # No step is longer than to twice as far, so that a flat likelihood throws none away.
            step = float(np.clip(gradient / information, -1 - abs(slope), 1 + abs(slope)))
            slope += step
            if abs(step) < _NEAR * (1 + abs(slope)):
                return cls(slope, *sets.residuals(slope))
        return None


@dataclass(frozen=True)
class _RiskSets:
    """Who was at risk at each event: sums over all from `start` on, less a part of those with the event right then."""

    predictor: Floats
    places: NDArray[np.intp]
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    part: Floats

    @classmethod
    def of(cls, time: Floats, event: NDArray[np.bool_], predictor: Floats) -> "_RiskSets":
        places = np.flatnonzero(event)
        start = np.searchsorted(time, time[places], side="left")
        same, number = np.unique(start, return_counts=True)
        group = np.searchsorted(same, start)
        first = np.cumsum(number) - number
        part = (np.arange(len(places)) - first[group]) / number[group]
        return cls(predictor, places, start, start + number[group], part)

    @property
    def seen(self) -> Floats:
        """The predictor of those with the event."""
        return self.predictor[self.places]

    def moments(self, slope: float) -> tuple[Floats, Floats, Floats]:
        """Return mean and variance of the predictor among those at risk at each event, and their total hazard."""
        exponent = slope * self.predictor
        hazard = np.exp(exponent - exponent.max())
        sums = []
        for power in range(3):
            column = np.append(np.cumsum((hazard * self.predictor**power)[::-1])[::-1], 0.0)
            sums.append(column[self.start] - self.part * (column[self.start] - column[self.end]))
        total, first, second = sums
        mean = first / total
        return mean, np.maximum(second / total - mean**2, 0.0), total

    def residuals(self, slope: float) -> tuple[Floats, Floats]:
        """Return each patient's score residual and share of the information, shape (n,) each."""
        mean, variance, total = self.moments(slope)
        exponent, n = slope * self.predictor, len(self.predictor)
        hazard = np.exp(exponent - exponent.max())
        # Whoever is at risk at an event was expected to have a part of it; those who tie for it a smaller one.
        expected, moved = np.zeros(n + 1), np.zeros(n + 1)
        np.add.at(expected, self.start, 1 / total)
        np.add.at(moved, self.start, mean / total)
        expected, moved = np.cumsum(expected)[:n], np.cumsum(moved)[:n]
        tied, tied_mean = np.zeros(n + 1), np.zeros(n + 1)
        np.add.at(tied, self.start, self.part / total)
        np.add.at(tied_mean, self.start, self.part * mean / total)
        expected[self.places] -= tied[self.start]
        moved[self.places] -= tied_mean[self.start]
        score = -hazard * (self.predictor * expected - moved)
        score[self.places] += self.seen - mean
        information = np.zeros(n)
        information[self.places] = variance
        return score, information
