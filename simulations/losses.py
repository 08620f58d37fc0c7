"""How often limits hold where patients are lost to follow-up: by weights that are the same for all, and by features.

A model that predicts every risk as it is, is measured in each cohort with both kinds of weights. A patient has four
features: risk depends on two of them, losses on none, on one of these, or on one of these in the form of a shorter time
of follow-up, which no proportional hazards describe.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats, concordance_truth, risk_truth
from theragate.cohorts.outcomes import Censored
from theragate.evidence.inputs.predictions import HeldOut, SurvivalTarget
from theragate.evidence.measure import measure
from theragate.evidence.types import Estimate, to_scale
from theragate.learning.censoring_dependence import dependence
from theragate.learning.censoring_model import censoring_hazards, random_folds
from theragate.learning.features import Feature

__all__ = ["SIZES", "WORLDS", "Lost", "Seen", "cohorts", "observe", "run", "summary", "truths"]

SIZES = (400, 2000)
MEASURES = (
    "observed_expected",
    "calibration_slope",
    "specificity",
    "sensitivity",
    "brier",
    "auc_at_horizon",
    "concordance_index_ipcw",
)
_RESAMPLES = 200
_INTERCEPT, _STRENGTH, _SECOND = -0.5, 0.8, 0.7
_THRESHOLD, _LIMITS, _HORIZON = 0.4, (0.2, 0.6), 1.0
_GRID, _FEATURES, _LEVEL = 240, 4, 0.05
_SCHEMA = tuple(Feature(f"feature_{place}", "number") for place in range(_FEATURES))


@dataclass(frozen=True)
class World:
    """How patients are lost, by the first feature."""

    name: str
    lost: Literal["independently", "by hazard", "by time"]

    def until(self, first: Floats, rng: np.random.Generator) -> Floats:
        """Return how long each patient would be followed, shape (n,)."""
        n = len(first)
        if self.lost == "independently":
            return rng.uniform(0.4, 2.4, n)
        if self.lost == "by hazard":
            # Bounded, so that of every kind of patients some are followed.
            return rng.exponential(np.exp(0.6 - np.clip(first, -1.5, 1.5)))
        return np.where(first > 0, rng.uniform(0.1, 1.5, n), rng.uniform(0.6, 2.6, n))


WORLDS = (
    World("losses independent of the risk", "independently"),
    World("losses by a feature, proportional hazards", "by hazard"),
    World("losses by a feature, shorter follow-up", "by time"),
)


@dataclass(frozen=True)
class Lost:
    """One cohort to be drawn."""

    world: int
    patients: int
    replicate: int
    seed: int


@dataclass(frozen=True)
class Seen:
    """One cohort, measured: kind of weights -> measure -> estimate; and whether a test found losses to be dependent."""

    of: Lost
    found: Mapping[str, Mapping[str, Estimate]]
    dependent: bool


def observe(lost: Lost) -> Seen:
    """Draw a cohort and measure it by both kinds of weights."""
    rng = generator(lost.seed, 7, lost.world, lost.patients, lost.replicate)
    features = rng.normal(size=(lost.patients, _FEATURES))
    linear = _linear(features[:, 0], features[:, 1])
    died, until = rng.exponential(np.exp(-linear)), WORLDS[lost.world].until(features[:, 0], rng)
    time, event = np.minimum(died, until), died <= until
    frame, outcome = pd.DataFrame(features, columns=[item.name for item in _SCHEMA]), Censored(time, event, _HORIZON)
    folds = random_folds(outcome, seed=int(rng.integers(2**31)))
    hazards = censoring_hazards(frame, outcome, _SCHEMA, folds=folds)
    risk = -np.expm1(-np.exp(linear) * _HORIZON)[None]
    held_out = HeldOut(
        selected=risk,
        reference=risk,
        null=np.full_like(risk, truths()["observed"]),
        scenarios={},
        groups={},
        judged=frozenset(),
    )
    marginal = SurvivalTarget(time, event, _HORIZON, _THRESHOLD, _LIMITS)
    targets = {"marginal": marginal, "features": replace(marginal, hazard=hazards.own)}
    return Seen(
        lost,
        {name: measure(target, held_out, resamples=_RESAMPLES, seed=1).overall for name, target in targets.items()},
        dependent=min(dependence(frame, outcome, _SCHEMA).values()) < _LEVEL,
    )


@cache
def truths() -> dict[str, float]:
    """Return the value of each measure of the model that predicts every risk as it is; and the share ``observed``."""
    values = norm.ppf((np.arange(_GRID) + 0.5) / _GRID)
    first, second = (axis.ravel() for axis in np.meshgrid(values, values))
    hazard = np.exp(_linear(first, second))
    risk, weight = -np.expm1(-hazard * _HORIZON), np.full(len(first), 1 / len(first))
    found = risk_truth(risk, risk, weight, prevalence=float(risk.mean()), thresholds=(_THRESHOLD, *_LIMITS))
    ranked = concordance_truth(risk, hazard, weight, censored_from=2.0, censored_to=3.0, horizon=_HORIZON)
    return found | ranked | {"observed": float(risk.mean())}


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are drawn from each world."""
    return {SIZES[0]: replicates, SIZES[1]: max(2, replicates // 2)}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Observe every world at every size (patients -> replicates) and return the `summary`."""
    tasks = [
        Lost(world, patients, replicate, seed)
        for world in range(len(WORLDS))
        for patients, count in replicates.items()
        for replicate in range(count)
    ]
    return summary(shared_out(observe, tasks, processes=processes))


def summary(seen: Iterable[Seen]) -> dict[str, list[dict[str, Any]]]:
    """Return ``measures`` by world, size, measure and weights, and ``dependent``, how often losses were so called.

    ``spread_over_error`` is the standard deviation of the estimates over their mean standard error, both on the
    estimate's scale: below 1, limits are wider than they need be.
    """
    by_kind: dict[tuple[int, int], list[Seen]] = defaultdict(list)
    for item in seen:
        by_kind[item.of.world, item.of.patients].append(item)
    measures = [
        {"world": WORLDS[world].name, "patients": patients, "measure": measure_name, "weights": weights}
        | _held([item.found[weights][measure_name] for item in items], truths()[measure_name])
        for (world, patients), items in by_kind.items()
        for measure_name in MEASURES
        for weights in (("marginal",) if measure_name == "concordance_index_ipcw" else ("marginal", "features"))
    ]
    dependent = [
        {
            "world": WORLDS[world].name,
            "patients": patients,
            "dependent": share(sum(item.dependent for item in items), len(items)),
        }
        for (world, patients), items in by_kind.items()
    ]
    return {"measures": measures, "dependent": dependent}


def _held(estimates: list[Estimate], truth: float) -> dict[str, Any]:
    known = [item for item in estimates if item.decidable]
    values = np.array([item.value for item in known], dtype=np.float64)
    inside = sum((item.lower or 0.0) <= truth <= (item.upper or 0.0) for item in known)
    scaled = np.array([to_scale(float(item.value or 0.0), item.scale) for item in known])
    errors = np.array([item.se for item in known], dtype=np.float64)
    return {
        "truth": round(truth, 4),
        "mean_estimate": round(float(values.mean()), 4),
        "coverage": share(inside, len(known)),
        "spread_over_error": round(float(scaled.std(ddof=1) / errors.mean()), 3),
    }


def _linear(first: Floats, second: Floats) -> Floats:
    linear: Floats = _INTERCEPT + _STRENGTH * (first + _SECOND * second)
    return linear
