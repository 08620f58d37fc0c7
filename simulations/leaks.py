"""How often a planted leak is found, and how often an honest predictor is accused: cohorts with known truth."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from theragate.cohorts.outcomes import Binary, Censored
from theragate.validation.leakage import leaks_of

__all__ = ["COHORTS", "HONEST", "LEAKS", "Planted", "observe", "run"]

Random = np.random.Generator
CEILING = 0.95  # as `theragate new-study` drafts it
HORIZON = 3.0
COHORTS = tuple((task, n, rate) for task in ("binary", "survival") for n in (500, 2000) for rate in (0.05, 0.3))


class Planted(NamedTuple):
    """One cohort: its task, patients, share with the event, and the seed."""

    task: str
    patients: int
    rate: float
    replicate: int
    seed: int


class _World(NamedTuple):
    """What a cohort holds before a leak is planted: honest columns, who had the event, and when."""

    features: dict[str, Any]
    event: NDArray[np.bool_]
    time: NDArray[np.float64]
    latent: NDArray[np.float64]


def run(
    replicates: int, *, seed: int, processes: int = PROCESSES, cohorts: Sequence[tuple[str, int, float]] = COHORTS
) -> list[dict[str, Any]]:
    """Draw `replicates` cohorts of every kind; return a row for each column planted."""
    drawn = [Planted(*cohort, replicate, seed) for cohort in cohorts for replicate in range(replicates)]
    seen: dict[tuple[str, str, str, int, float], list[str]] = defaultdict(list)
    for planted, found in zip(drawn, shared_out(observe, drawn, processes=processes), strict=True):
        for (kind, name), severity in found.items():
            seen[planted.task, kind, name, planted.patients, planted.rate].append(severity)
    return [
        {
            "task": task,
            "kind": kind,
            "column": name,
            "patients": patients,
            "rate": rate,
            "stopped": share(severities.count("critical"), len(severities)),
            "named": share(len(severities) - severities.count(""), len(severities)),
        }
        for (task, kind, name, patients, rate), severities in seen.items()
    ]


def observe(planted: Planted) -> dict[tuple[str, str], str]:
    """Plant every leak and every honest column in one cohort, one at a time; return how severely each is accused."""
    rng = generator(planted.seed, 17, planted.task == "survival", planted.patients, planted.replicate)
    world = _draw(planted, rng)
    found = {}
    for kind, columns in (("leak", LEAKS), ("honest", HONEST)):
        for name, (tasks, make) in columns.items():
            if planted.task in tasks:
                found[kind, name] = _accused(world, make(world, rng), planted.task)
    return found


def _draw(planted: Planted, rng: Random) -> _World:
    n = planted.patients
    latent = rng.normal(size=n)
    features = {
        "age": np.round(60 + 10 * (0.5 * latent + rng.normal(0, 0.9, n))),
        "sex": rng.choice(["f", "m"], n),
        "stage": pd.cut(latent + rng.normal(0, 1, n), [-9, -0.5, 0.5, 9], labels=["I", "II", "III"]).astype(str),
        "marker": np.where(rng.random(n) < 0.1, np.nan, np.round(np.exp(0.8 * latent + rng.normal(0, 0.6, n)), 2)),
        "noise": rng.normal(size=n),
    }
    risk = expit(logit(planted.rate) * 1.15 + 1.2 * latent)
    if planted.task == "binary":
        event = rng.random(n) < risk
        return _World(features, event, np.zeros(n), latent)
    happened, censored = rng.exponential(-HORIZON / np.log1p(-risk)), rng.uniform(1, 2 * HORIZON, n)
    return _World(features, happened <= censored, np.minimum(happened, censored), latent)


def _accused(world: _World, planted: dict[str, Any], task: str) -> str:
    outcome = Binary(world.event) if task == "binary" else Censored(world.time, world.event, HORIZON)
    leaks = leaks_of(pd.DataFrame({**world.features, **planted}), outcome, ceiling=CEILING)
    severities = {leak.severity for leak in leaks if leak.feature in planted}
    return "critical" if "critical" in severities else "warning" if severities else ""


def _turned(event: NDArray[np.bool_], share_turned: float, rng: Random) -> NDArray[np.bool_]:
    return event ^ (rng.random(len(event)) < share_turned)


def _exclusive(world: _World, rng: Random) -> dict[str, Any]:
    had = world.event & (rng.random(len(world.event)) < 0.4)
    return {"planted": np.where(had, "yes", rng.choice(["a", "b", "c"], len(had)))}


def _filled(world: _World, rng: Random) -> dict[str, Any]:
    had = world.event & (rng.random(len(world.event)) < 0.6)
    return {"planted": np.where(had, rng.normal(size=len(had)), np.nan)}


def _exclusive_or(world: _World, rng: Random) -> dict[str, Any]:
    first = rng.random(len(world.event)) < 0.5
    return {"planted": first, "other": first ^ world.event}


def _after(world: _World, rng: Random) -> dict[str, Any]:
    given = world.event & (rng.random(len(world.event)) < 0.7)
    began = np.where(given, world.time, 0.0) + rng.exponential(0.5, len(given))
    return {"planted": np.where(given | (~world.event & (rng.random(len(given)) < 0.2)), began, np.nan)}


def _two_dates(world: _World, rng: Random) -> dict[str, Any]:
    start = rng.uniform(0, 3 if world.time.any() else 9, len(world.event))
    lasted = world.time if world.time.any() else 4.0 * world.event + rng.normal(0, 0.3, len(world.event))
    return {"planted": start, "other": start + lasted}


Make = Callable[[_World, Random], dict[str, Any]]
BOTH = ("binary", "survival")
LEAKS: dict[str, tuple[tuple[str, ...], Make]] = {
    "a copy of the outcome": (BOTH, lambda world, _rng: {"planted": world.event}),
    "the outcome, 5% turned round": (BOTH, lambda world, rng: {"planted": _turned(world.event, 0.05, rng)}),
    "a category of 40% of the events, and of nobody else": (BOTH, _exclusive),
    "filled in for 60% of the events, and for nobody else": (BOTH, _filled),
    "an exclusive or of two columns": (BOTH, _exclusive_or),
    "two dates that the follow-up, or the outcome, lies between": (BOTH, _two_dates),
    "the time of a treatment that was given after the event": (("survival",), _after),
}
HONEST: dict[str, tuple[tuple[str, ...], Make]] = {
    "a marker with an AUROC of about 0.85": (
        BOTH,
        lambda world, rng: {"planted": 1.5 * world.event + rng.normal(size=len(world.event))},
    ),
    "a sign in 40% of the events and 2% of the others": (
        BOTH,
        lambda world, rng: {"planted": rng.random(len(world.event)) < np.where(world.event, 0.4, 0.02)},
    ),
    "a test that is right in 85 of 100": (BOTH, lambda world, rng: {"planted": _turned(world.event, 0.15, rng)}),
    "a test ordered three times as often in those with the event": (
        BOTH,
        lambda world, rng: {
            "planted": np.where(rng.random(len(world.event)) < np.where(world.event, 0.6, 0.2), 1.0, np.nan)
        },
    ),
    "a treatment and a gene that act only together": (
        BOTH,
        lambda world, rng: _acting_together(world, rng),
    ),
    "three markers with an AUROC of about 0.8 each": (
        BOTH,
        lambda world, rng: {
            name: 1.2 * world.event + rng.normal(size=len(world.event)) for name in ("planted", "second", "third")
        },
    ),
    "months since the diagnosis": (
        ("survival",),
        lambda world, rng: {"planted": np.round(rng.exponential(24, len(world.event)))},
    ),
    "an expected survival that goes with the time": (
        ("survival",),
        lambda world, rng: {"planted": world.time * np.exp(rng.normal(0, 1.5, len(world.event)))},
    ),
}


def _acting_together(world: _World, rng: Random) -> dict[str, Any]:
    first = rng.random(len(world.event)) < 0.5
    return {"planted": first, "other": _turned(first ^ world.event, 0.25, rng)}
