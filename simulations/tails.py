"""How often limits hold for a quantity whose errors have heavy tails, so that a rare large one decides."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats
from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals.limits import sampled
from theragate.evidence.metrics.quantity import QuantityScore
from theragate.evidence.sampling.draws import draws

__all__ = ["SIZES", "run"]

SIZES = (100, 200, 600, 2000)
_RESAMPLES = 400
_MEASURES = ("r2", "rmse")


def _lognormal(sigma: float) -> Callable[[np.random.Generator, int], Floats]:
    def errors(rng: np.random.Generator, n: int) -> Floats:
        mean, variance = np.exp(sigma**2 / 2), np.expm1(sigma**2) * np.exp(sigma**2)
        drawn: Floats = (np.exp(sigma * rng.normal(size=n)) - mean) / np.sqrt(variance)
        return drawn

    return errors


# With mean 0 and variance 1; predictions are right, and explain half of the outcome's variance.
ERRORS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "gamma, shape 2": lambda rng, n: (rng.gamma(2, size=n) - 2) / np.sqrt(2),
    "Student's t, 5 df": lambda rng, n: rng.standard_t(5, size=n) / np.sqrt(5 / 3),
    "Student's t, 3 df": lambda rng, n: rng.standard_t(3, size=n) / np.sqrt(3),
    "lognormal, σ 0.5": _lognormal(0.5),
    "lognormal, σ 1": _lognormal(1.0),
}


class Draw(NamedTuple):
    """One cohort: the name of its errors, its size, and which one of them."""

    errors: str
    patients: int
    replicate: int
    seed: int


def run(replicates: int, *, seed: int, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """Return, by errors, size and measure, how often the truth lies below and above the limits."""
    drawn = [Draw(name, n, number, seed) for name in ERRORS for n in SIZES for number in range(replicates)]
    found: dict[tuple[str, int, str], list[tuple[bool, bool]]] = defaultdict(list)
    for draw, seen in zip(drawn, shared_out(observe, drawn, processes=processes), strict=True):
        for measure, sides in seen.items():
            found[draw.errors, draw.patients, measure].append(sides)
    return [
        {
            "errors": errors,
            "patients": patients,
            "measure": measure,
            "truth_below": share(sum(below for below, _ in sides), len(sides)),
            "truth_above": share(sum(above for _, above in sides), len(sides)),
        }
        for (errors, patients, measure), sides in found.items()
    ]


def observe(draw: Draw) -> dict[str, tuple[bool, bool]]:
    """Draw a cohort, and return for each measure with limits whether the truth lies below and above them."""
    rng = generator(draw.seed, list(ERRORS).index(draw.errors), draw.patients, draw.replicate)
    predicted, n = 10 + rng.normal(size=draw.patients), draw.patients
    score = QuantityScore(predicted, predicted + ERRORS[draw.errors](rng, n))
    values = score.point(np.ones((1, n)))
    blocks = [score.values(block) for block in draws(n, resamples=_RESAMPLES, seed=draw.replicate)]
    found = {}
    for name in _MEASURES:
        metric = METRICS[name]
        estimate = sampled(
            metric,
            values[name],
            np.concatenate([block[name] for block in blocks]),
            enough=True,
            denominator=None,
            counted=False,
            rests_on=n,
            one_more=values[metric.one_more_name] if metric.heavy else None,
        )
        if estimate.lower is not None and estimate.upper is not None:
            truth = 0.5 if name == "r2" else 1.0
            found[name] = truth < estimate.lower, truth > estimate.upper
    return found
