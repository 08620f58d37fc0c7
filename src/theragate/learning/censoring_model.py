"""Who is lost to follow-up: how much sooner than others, given the features, by models that never saw the patient."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Censored, Outcome, Treated, censored_part, with_hazard
from theragate.learning.design_matrix import DesignKind, fit_design
from theragate.learning.family import FitError, Training, numerical_errors
from theragate.learning.features import Feature

__all__ = [
    "FEWEST_LOST",
    "CensoringHazards",
    "as_losses",
    "censoring_hazards",
    "random_folds",
    "weighted_by_features",
]

Floats = NDArray[np.float64]

FEWEST_LOST = 10  # patients; fewer teach nothing about who is lost, and their weights hardly matter
_PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # per patient
_LASSO, _CURVATURE = 0.01, 0.5
_WIDE = 10  # patients for each feature, below which there are no curves
_MOST = 20_000  # patients to learn from: more would move no weight by more than its own error
_AT_ONCE = 50_000  # patients whose splines are held at once
_FOLDS = 5
_STEPS, _STILL = 30, 1e-8
_LARGEST = 3.0  # log hazard ratio from the average patient; whoever lies beyond is taken to lie there


@dataclass(frozen=True)
class CensoringHazards:
    """Hazards of being lost to follow-up before the horizon, over that of an average patient.

    Parameters
    ----------
    own
        Shape (n,), above 0: of each patient, by models that never saw the patient; 1 for all where features foretell
        nothing.
    others
        Shape (m,): of other patients, by a model fitted to all of the first.
    penalty
        Of the models that foretold best; None where none foretold anything.
    foretold
        Returns those of any other patients, by that same model, for their features.
    """

    own: Floats
    others: Floats
    penalty: float | None
    foretold: Callable[[pd.DataFrame], Floats]


def censoring_hazards(
    frame: pd.DataFrame,
    outcome: Outcome,
    schema: tuple[Feature, ...],
    *,
    folds: NDArray[np.integer],
    others: pd.DataFrame | None = None,
) -> CensoringHazards:
    """Return how fast each patient would be lost before the horizon, by models fitted to the other folds.

    The models are Cox regressions with a ridge, on straight lines and splines of the features. Of a fixed row of
    penalties that one is taken whose log hazards, each from patients of other folds, foretell the losses best by the
    partial likelihood (Verweij, van Houwelingen, Stat Med 1993;12:2305). These are then stretched by the one factor,
    from 0 up, that fits best, which gives back what the ridge took; where it is 0, features foretell nothing.

    Parameters
    ----------
    frame, outcome
        The patients, n rows, as `as_features` gives them, and what happened to them. Where treatments are compared,
        losses are compared within arms. Of an outcome without censoring, or of one whose censoring the study declares
        to be marginal, all hazards are 1.
    schema
        The features.
    folds
        Shape (repeats, n): in which fold each patient is. Log hazards are averaged over the repeats.
    others
        More patients, m rows, from whom nothing is learned.
    """
    rest, censored = frame.iloc[:0] if others is None else others, censored_part(outcome)
    nobody = CensoringHazards(np.ones(len(frame)), np.ones(len(rest)), None, lambda more: np.ones(len(more)))
    if censored is None or censored.marginal:
        return nobody
    lost = as_losses(censored)
    if lost.event.sum() < FEWEST_LOST:
        return nobody
    arms = outcome.treated if isinstance(outcome, Treated) else np.zeros(len(frame), dtype=np.bool_)
    problem = _Problem(frame, lost, schema, arms)
    scores = np.mean([problem.held_out(fold) for fold in folds], axis=0)
    fits = [problem.stretched(score) for score in scores]
    best = int(np.argmax([gain for gain, _ in fits]))
    stretch = fits[best][1]
    if not stretch:
        return nobody
    own = _hazard(stretch * scores[best])
    of_all = cache(lambda: problem.path(np.arange(len(frame))))

    def foretold(more: pd.DataFrame) -> Floats:
        return _hazard(stretch * of_all()(more)[best])

    return CensoringHazards(own, nobody.others if others is None else foretold(rest), _PENALTIES[best], foretold)


def random_folds(outcome: Outcome, *, seed: int, clusters: NDArray[np.integer] | None = None) -> NDArray[np.intp]:
    """Return in which of five folds each patient is, shape (1, n), for `censoring_hazards`; no cluster is divided."""
    unit = np.arange(len(outcome)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    folds: NDArray[np.intp] = np.random.default_rng(seed).permutation(int(unit.max()) + 1) % _FOLDS
    return folds[unit][None]


def weighted_by_features(
    frame: pd.DataFrame,
    outcome: Outcome,
    schema: tuple[Feature, ...],
    *,
    seed: int,
    clusters: NDArray[np.integer] | None = None,
) -> Outcome:
    """Return the outcome with hazards of being lost, by models of random folds; as it is where nothing foretells them.

    Parameters
    ----------
    frame, outcome, schema
        As for `censoring_hazards`.
    seed, clusters
        Of the folds, which divide no cluster, shape (n,).
    """
    folds = random_folds(outcome, seed=seed, clusters=clusters)
    hazards = censoring_hazards(frame, outcome, schema, folds=folds)
    return outcome if hazards.penalty is None else with_hazard(outcome, hazards.own)


def as_losses(outcome: Censored) -> Censored:
    """Return the loss to follow-up as an outcome: its time's rank, and whether it came before event and horizon.

    Of an event and a loss at one time the event came first, so that who had it was no longer at risk of being lost.
    """
    lost = ~outcome.event & (outcome.time <= outcome.horizon)
    times = np.minimum(outcome.time, np.nextafter(outcome.horizon, np.inf))
    rank = np.unique(times, return_inverse=True)[1]
    return Censored((2 * rank + lost).astype(np.float64), lost, 2.0 * float(rank.max()) + 2)


@dataclass(frozen=True)
class _Problem:
    """From whom it is learned who is lost; ``lost`` is the loss as an outcome, ``arms`` what it is compared within."""

    frame: pd.DataFrame
    lost: Censored
    schema: tuple[Feature, ...]
    arms: NDArray[np.bool_]

    def held_out(self, fold: NDArray[np.integer]) -> Floats:
        """Return each patient's log hazard by every penalty, from the patients of other folds, (penalties, n)."""
        scores = np.zeros((len(_PENALTIES), len(fold)))
        for part in np.unique(fold):
            test = np.flatnonzero(fold == part)
            scores[:, test] = self.path(np.flatnonzero(fold != part))(self.frame.iloc[test])
        return scores

    def path(self, train: NDArray[np.intp]) -> Callable[[pd.DataFrame], Floats]:
        """Fit to some patients by every penalty; return what gives the log hazards of others, (penalties, others)."""
        if len(train) > _MOST:
            train = np.sort(np.random.default_rng(0).choice(train, _MOST, replace=False))
        learned, lost = self.frame.iloc[train], self.lost.take(train)
        kind: DesignKind = "linear" if len(train) < _WIDE * len(self.schema) else "splines"
        design = fit_design(kind, learned, self.schema)
        training = Training(design.matrix(learned), lost, design.curves)
        arm = self.arms[train, None].astype(np.float64)
        matrix = training.bent(_CURVATURE)
        matrix = np.hstack([matrix, arm]) if np.ptp(arm) else matrix
        found = _coefficients(matrix, lost)[:, : training.matrix.shape[1]]
        straight = np.stack([training.unbent(row, _CURVATURE) for row in found])
        centre = straight @ training.matrix.mean(axis=0)

        def scores_of(others: pd.DataFrame) -> Floats:
            scores = np.empty((len(_PENALTIES), len(others)))
            for start in range(0, len(others), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                scores[:, part] = straight @ design.matrix(others.iloc[part]).T
            centred: Floats = scores - centre[:, None]
            return centred

        return scores_of

    def stretched(self, score: Floats) -> tuple[float, float]:
        """Return by how much the log partial likelihood gains from a score, and the factor, from 0 up, that fits best.

        Newton's method on a concave function of one number, with steps that never lose.
        """
        parts = [_Losses(self.lost.take(rows), score[rows]) for rows in _strata(self.arms)]

        def total(by: float) -> Floats:
            sums: Floats = np.array([part.derivatives(by) for part in parts]).sum(axis=0)
            return sums

        by, (start, gradient, information) = 0.0, total(0.0)
        value = start
        for _ in range(_STEPS):
            if not information > 0:
                break
            new = max(by + gradient / information, 0.0)
            while (ahead := total(new))[0] < value and abs(new - by) > _STILL:
                new = (new + by) / 2
            arrived = abs(new - by) <= _STILL * (1 + by)
            by, (value, gradient, information) = new, ahead
            if arrived:
                break
        return float(value - start), by


def _strata(arms: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    return [rows for rows in (np.flatnonzero(arms), np.flatnonzero(~arms)) if len(rows)]


def _hazard(log: Floats) -> Floats:
    hazard: Floats = np.exp(np.clip(log, -_LARGEST, _LARGEST))
    return hazard


def _coefficients(matrix: Floats, lost: Censored) -> Floats:
    """Return the coefficients by penalty, shape (penalties, columns); 0 from the first that has no solution."""
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    found = np.zeros((len(_PENALTIES), matrix.shape[1]))
    if not lost.event.any():
        return found
    structured = Surv.from_arrays(lost.event, lost.time)
    for most in range(len(_PENALTIES), 0, -1):
        try:
            with numerical_errors(ValueError):
                path = CoxnetSurvivalAnalysis(alphas=_PENALTIES[:most], l1_ratio=_LASSO, tol=1e-7)
                found[:most] = path.fit(matrix, structured).coef_.T[:most]
        except FitError:
            continue
        break
    return found


class _Losses:
    """The partial likelihood of one log hazard ratio, by Breslow's handling of ties."""

    def __init__(self, lost: Censored, score: Floats) -> None:
        order = np.argsort(-lost.time, kind="stable")
        time = lost.time[order]
        self._score = score[order] - (score.mean() if len(score) else 0.0)
        self._lost = np.flatnonzero(lost.event[order])
        self._last = (np.searchsorted(-time, -time, side="right") - 1)[self._lost]

    def derivatives(self, by: float) -> tuple[float, float, float]:
        """Return the log likelihood, its gradient and minus its curvature where the score counts `by` times."""
        linear, own = by * self._score, self._score[self._lost]
        shift = linear.max()
        weight = np.exp(linear - shift)
        s0, s1, s2 = (np.cumsum(weight * self._score**power)[self._last] for power in range(3))
        mean = s1 / s0
        value = by * own - np.log(s0) - shift
        return float(value.sum()), float((own - mean).sum()), float((s2 / s0 - mean**2).sum())
