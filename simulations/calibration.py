"""How often the limits of calibration hold: the mean distance, its curve, and two slopes of a risk with a time."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats, risk_truth
from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals.limits import sampled
from theragate.evidence.measuring.curves import calibration_curve
from theragate.evidence.metrics.censoring import RiskPatients, binary_patients, survival_patients
from theragate.evidence.metrics.risk import RiskScore
from theragate.evidence.sampling.draws import draws
from theragate.evidence.types import Curve, Estimate

__all__ = ["LIMIT", "SIZES", "run"]

SIZES = (200, 600, 2000)
LIMIT = 0.05  # that drafted studies give the index
_RESAMPLES = 400
_CENTRE, _SPREAD = -1.0, 1.2  # of predicted log odds
_WAVES = 3.0  # radians per unit of log odds: about two waves and a half over 95% of the patients
_LOST = 0.5  # whose time of loss lies before the horizon, which is 1; most of them before their event
_GRID = norm.ppf((np.arange(4000) + 0.5) / 4000)

_SLOPES = ("calibration_slope", "cox_calibration_slope")


@dataclass(frozen=True)
class Scene:
    """How predicted log odds err: the true ones are stretched around their centre, or go in waves around them."""

    name: str
    stretch: float = 1.0
    distance: float = 0.0

    def true(self, log_odds: Floats) -> Floats:
        """Return the true risk of patients with these predicted log odds."""
        risk: Floats = expit(self._wave(self._height, log_odds) if self.distance else self._stretched(log_odds))
        return risk

    @property
    def mean_distance(self) -> float:
        """The mean distance between predicted and true risk, over all patients."""
        log_odds = _CENTRE + _SPREAD * _GRID
        return float(np.abs(self.true(log_odds) - expit(log_odds)).mean())

    def _stretched(self, log_odds: Floats) -> Floats:
        return _CENTRE + self.stretch * (log_odds - _CENTRE)

    @staticmethod
    def _wave(height: float, log_odds: Floats) -> Floats:
        wavy: Floats = log_odds + height * np.sin(_WAVES * (log_odds - _CENTRE))
        return wavy

    @property
    def _height(self) -> float:
        """How high waves are that lie so far from the diagonal on average."""
        return _height(self.distance)


@cache
def _height(distance: float) -> float:
    log_odds = _CENTRE + _SPREAD * _GRID

    def missed(height: float) -> float:
        return float(np.abs(expit(Scene._wave(height, log_odds)) - expit(log_odds)).mean()) - distance

    return float(brentq(missed, 0, 5))


SCENES = (
    Scene("right"),
    Scene("too extreme, slope 0.7", stretch=0.7),
    Scene("too close together, slope 1.4", stretch=1.4),
    Scene("in waves, 0.03 away", distance=0.03),
    Scene("in waves, 0.06 away", distance=0.06),
)


@dataclass(frozen=True)
class Hazards:
    """How a time comes about: its hazard at the horizon's end, and whether it is proportional until then.

    Predicted log cumulative hazards are `stretch` times as far from their centre as the true ones.
    """

    name: str
    stretch: float = 1.0
    crossing: float = 0.0

    def times(self, eta: Floats, rng: np.random.Generator) -> Floats:
        """Draw times with the cumulative hazard exp(eta) · t^k, whose k grows with eta where hazards cross."""
        power = np.exp(self.crossing * (eta - _CENTRE))
        times: Floats = (rng.exponential(size=len(eta)) / np.exp(eta)) ** (1 / power)
        return times

    def predicted(self, eta: Floats) -> Floats:
        """Return the predicted risk at the horizon."""
        risk: Floats = -np.expm1(-np.exp(_CENTRE + self.stretch * (eta - _CENTRE)))
        return risk

    def truth(self, measure: str) -> float:
        """Return what a slope at the horizon is in truth; for Cox regression, what it is meant to be."""
        if measure != "calibration_slope":
            return 1 / self.stretch
        eta = _CENTRE + _SPREAD * _GRID
        weight = np.full(len(eta), 1 / len(eta))
        found = risk_truth(self.predicted(eta), -np.expm1(-np.exp(eta)), weight, prevalence=0.3, thresholds=(0.3,))
        return found["calibration_slope"]


HAZARDS = (
    Hazards("proportional, right"),
    Hazards("proportional, too extreme", stretch=1.4),
    Hazards("crossing, right at the horizon", crossing=0.4),
)


@dataclass(frozen=True)
class Draw:
    """One cohort: a place in `SCENES` or `HAZARDS`, its kind of outcome, its size, and which one of them."""

    kind: str
    place: int
    patients: int
    replicate: int
    seed: int


def run(replicates: int, *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Return ``distances`` by task, scene and size, and ``slopes`` by hazards, size and measure."""

    def drawn(kinds: Sequence[str], places: int) -> list[Draw]:
        return [
            Draw(kind, place, n, replicate, seed)
            for kind in kinds
            for n in SIZES
            for place in range(places)
            for replicate in range(replicates)
        ]

    distances = _grouped(_distance, drawn(("binary", "survival"), len(SCENES)), processes=processes)
    slopes = _grouped(_slopes, drawn(("hazards",), len(HAZARDS)), processes=processes)
    return {
        "distances": [_distance_row(draw, found) for draw, found in distances],
        "slopes": [_slope_row(draw, measure, found) for draw, found in slopes for measure in _SLOPES],
    }


def _grouped(observe: Callable[[Draw], Any], drawn: list[Draw], *, processes: int) -> list[tuple[Draw, list[Any]]]:
    """Return the cohorts of each kind, size and place that were inside the domain, with the first one's name."""
    found: dict[tuple[str, int, int], list[Any]] = defaultdict(list)
    for draw, seen in zip(drawn, shared_out(observe, drawn, processes=processes), strict=True):
        found[draw.kind, draw.patients, draw.place] += [] if seen is None else [seen]
    return [(Draw(kind, place, n, 0, 0), seen) for (kind, n, place), seen in found.items()]


def _patients(draw: Draw, risk: Floats, times: Callable[[], Floats], rng: np.random.Generator) -> RiskPatients:
    rows = np.arange(len(risk))
    if draw.kind == "binary":
        return binary_patients(rng.random(len(risk)) < risk, rows)
    died = times()
    lost = np.where(rng.random(len(risk)) < _LOST, rng.random(len(risk)), 2.0)
    return survival_patients(np.minimum(died, lost), died <= lost, horizon=1.0, rows=rows)


def _measured(
    draw: Draw, patients: RiskPatients, risk: Floats, names: Sequence[str]
) -> tuple[dict[str, Estimate], Curve] | None:
    """Measure as the product does, by its scores, draws and limits."""
    n, binary = len(risk), draw.kind == "binary"
    score = RiskScore(patients, risk[patients.rows], null=np.full(n, 0.3), threshold=None, binary=binary)
    ones = np.ones((1, n))
    sums = score.sums(ones, patients.seen_weights(ones))
    values = {name: float(value[0]) for name, value in score.of_sums(sums, ones).items()}
    blocks, curves = [], []
    for block in draws(n, resamples=_RESAMPLES, seed=draw.replicate):
        drawn = score.sums(block, patients.seen_weights(block))
        blocks.append(score.of_sums(drawn, block))
        curves.append(score.calibration(drawn))
    replicates = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    estimates = {}
    for name in names:
        metric = METRICS[name]
        if not np.isfinite(values.get(name, np.nan)):
            return None
        estimates[name] = sampled(
            metric,
            values[name],
            replicates[name],
            enough=patients.fewer >= 10,
            denominator=None,
            counted=False,
            rests_on=patients.fewer,
            fine=(values[metric.fine_name], replicates[metric.fine_name]) if metric.fine else None,
        )
    curve = calibration_curve(score.smoother.points, score.calibration(sums)[0], np.concatenate(curves))
    return (estimates, curve) if all(estimate.decidable for estimate in estimates.values()) else None


def _distance(draw: Draw) -> tuple[float, float, float, float, bool] | None:
    """Return value, upper limit, lower reach, the share of points within limits, and whether the band holds all."""
    rng = generator(draw.seed, draw.place, draw.patients, draw.replicate, draw.kind == "binary")
    scene = SCENES[draw.place]
    log_odds = _CENTRE + _SPREAD * rng.normal(size=draw.patients)
    true = scene.true(log_odds)
    patients = _patients(draw, true, lambda: rng.exponential(-1 / np.log1p(-true)), rng)
    found = _measured(draw, patients, expit(log_odds), ["ici"])
    if found is None:
        return None
    estimate, curve = found[0]["ici"], found[1]
    truth = scene.true(logit(np.array(curve.x)))
    points = (np.array(curve.lower) <= truth) & (truth <= np.array(curve.upper))
    band = (np.array(curve.band_lower) <= truth) & (truth <= np.array(curve.band_upper))
    reach = estimate.reach or (0.0, 0.0)
    return estimate.value or 0.0, reach[1], reach[0], float(points.mean()), bool(band.all())


def _slopes(draw: Draw) -> dict[str, Estimate] | None:
    rng = generator(draw.seed, draw.place, draw.patients, draw.replicate, 2)
    hazards = HAZARDS[draw.place]
    eta = _CENTRE + _SPREAD * rng.normal(size=draw.patients)
    risk = hazards.predicted(eta)
    patients = _patients(draw, risk, lambda: hazards.times(eta, rng), rng)
    found = _measured(draw, patients, risk, _SLOPES)
    return None if found is None else found[0]


def _distance_row(draw: Draw, found: Sequence[tuple[float, float, float, float, bool]]) -> dict[str, Any]:
    scene, total = SCENES[draw.place], len(found)
    truth = scene.mean_distance
    value, upper, lower, points, band = (np.array(column) for column in zip(*found, strict=True))
    return {
        "task": draw.kind,
        "scene": scene.name,
        "patients": draw.patients,
        "truth": round(truth, 4),
        "mean": round(float(value.mean()), 4),
        "limit": round(float(upper.mean()), 4),
        "limit_below_truth": share(int((upper < truth).sum()), total),
        "reach_above_truth": share(int((lower > truth + 1e-9).sum()), total),
        "passes": share(int((upper <= LIMIT).sum()), total),
        "points": share(round(float(points.sum())), total),
        "band": share(int(band.sum()), total),
    }


def _slope_row(draw: Draw, measure: str, found: Sequence[dict[str, Estimate]]) -> dict[str, Any]:
    hazards = HAZARDS[draw.place]
    truth = hazards.truth(measure)
    estimates = [one[measure] for one in found]
    value, lower, upper = (
        np.array([getattr(one, part) for one in estimates], dtype=np.float64) for part in ("value", "lower", "upper")
    )
    return {
        "hazards": hazards.name,
        "patients": draw.patients,
        "measure": measure,
        "truth": round(truth, 3),
        "mean": round(float(value.mean()), 3),
        "half_width": round(float(np.median(upper - lower)) / 2, 3),
        "coverage": share(int(((lower <= truth) & (truth <= upper)).sum()), len(found)),
    }
