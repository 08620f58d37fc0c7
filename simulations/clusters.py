"""How often limits hold where patients of one hospital resemble one another, and how hospitals are summed up.

A hospital has an intercept of its own on the log odds, of standard deviation `sd`, and patients of its own kind. The
model predicts what is right over all hospitals, so that O/E and slope are 1 in truth; hospitals are of unequal size.
Beside the limits that know of the hospitals stand those that count every patient by itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats, risk_truth
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut
from theragate.evidence.measure import measure
from theragate.evidence.types import Estimate

__all__ = ["MEASURES", "WORLDS", "Cohort", "World", "observe", "run"]

MEASURES = ("auroc", "observed_expected", "calibration_slope", "brier_skill", "sensitivity", "net_benefit_gain", "ici")
RESAMPLES = 400
_SIZE = 60  # patients of a hospital, on the average
_SPREAD = 0.6  # of the logarithm of the size
_INTERCEPT, _SLOPE = -1.0, 1.0
_BETWEEN = 0.3  # of the variance of the linear predictor, the share between hospitals
_THRESHOLD, _LIMITS = 0.25, (0.1, 0.5)
_NODES = 81


class World(NamedTuple):
    """How many hospitals, and how much their intercepts differ."""

    clusters: int
    sd: float


class Cohort(NamedTuple):
    """One cohort to be drawn."""

    world: World
    replicate: int
    seed: int


WORLDS = tuple(World(clusters, sd) for clusters in (10, 20, 50) for sd in (0.0, 0.3, 0.6))
Held = dict[tuple[str, str], tuple[bool, bool]]  # (way, measure) -> whether there are limits, and whether they hold


def run(
    replicates: int, *, seed: int, processes: int = PROCESSES, worlds: Sequence[World] = WORLDS
) -> list[dict[str, Any]]:
    """Measure `replicates` cohorts of every world; return how often limits hold, by world, measure and way."""
    cohorts = [Cohort(world, replicate, seed) for world in worlds for replicate in range(replicates)]
    seen: dict[tuple[World, str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for cohort, held in zip(cohorts, shared_out(observe, cohorts, processes=processes), strict=True):
        for (way, name), found in held.items():
            seen[cohort.world, name, way].append(found)
    return [
        {
            "clusters": world.clusters,
            "sd": world.sd,
            "measure": name,
            "way": way,
            "with_limits": share(sum(given for given, _ in found), len(found)),
            "coverage": share(sum(holds for _, holds in found), sum(given for given, _ in found)),
        }
        for (world, name, way), found in seen.items()
    ]


def observe(cohort: Cohort) -> Held:
    """Draw a cohort; return which limits there are, and which of them hold the truth."""
    target, held_out, cluster = drawn(cohort)
    truth = truths(cohort.world.sd)
    held: Held = {}
    for way, clusters in (("by cluster", cluster), ("by patient", None)):
        given = HeldOut(**held_out, clusters=clusters)
        found = measure(target, given, resamples=RESAMPLES, seed=cohort.replicate).overall
        held |= {(way, name): _held(found[name], truth[name], upper_only=name == "ici") for name in MEASURES}
    return held


def drawn(cohort: Cohort) -> tuple[BinaryTarget, dict[str, Any], np.ndarray]:
    """Draw the hospitals and their patients: the outcomes, the predictions, and whose patient each is."""
    world = cohort.world
    rng = generator(cohort.seed, 21, world.clusters, round(10 * world.sd), cohort.replicate)
    size = np.maximum(5, np.round(_SIZE * np.exp(_SPREAD * rng.normal(size=world.clusters) - _SPREAD**2 / 2)))
    cluster = np.repeat(np.arange(world.clusters), size.astype(int))
    kind, intercept = rng.normal(size=world.clusters), world.sd * rng.normal(size=world.clusters)
    linear = np.sqrt(_BETWEEN) * kind[cluster] + np.sqrt(1 - _BETWEEN) * rng.normal(size=len(cluster))
    event = rng.uniform(size=len(cluster)) < expit(_INTERCEPT + _SLOPE * linear + intercept[cluster])
    risk = _marginal(linear, world.sd)[None, :]
    null = np.full_like(risk, _prevalence(world.sd))
    predictions = {"selected": risk, "reference": null, "null": null}
    rest: dict[str, Any] = {"scenarios": {}, "groups": {}, "judged": frozenset()}
    return BinaryTarget(event, _THRESHOLD, _LIMITS), predictions | rest, cluster


@cache
def truths(sd: float) -> dict[str, float]:
    """Return every measure over all hospitals that might have been drawn."""
    grid = np.linspace(-6, 6, 4001)
    weight = np.exp(-(grid**2) / 2)
    risk = _marginal(grid, sd)
    return risk_truth(risk, risk, weight / weight.sum(), prevalence=_prevalence(sd), thresholds=(_THRESHOLD,))


def _marginal(linear: Floats, sd: float) -> Floats:
    """Return the risk at a linear predictor over all hospitals, by Gauss and Hermite's quadrature."""
    node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    risk: Floats = expit(_INTERCEPT + _SLOPE * linear[:, None] + sd * node) @ (weight / weight.sum())
    return risk


@cache
def _prevalence(sd: float) -> float:
    node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    return float(_marginal(node, sd) @ weight / weight.sum())


def _held(estimate: Estimate, truth: float, *, upper_only: bool) -> tuple[bool, bool]:
    if estimate.upper is None or (estimate.lower is None and not upper_only):
        return False, False
    return True, (estimate.lower is None or estimate.lower <= truth) and truth <= estimate.upper
