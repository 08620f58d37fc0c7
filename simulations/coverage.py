"""How often 95% limits hold the truth, for given predictions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.worlds import WORLDS, World
from theragate.evidence.catalogue import METRICS
from theragate.evidence.measure import Measured, measure
from theragate.evidence.types import Estimate

__all__ = ["RESAMPLES", "SIZES", "Draw", "Held", "cohorts", "covered", "in_order", "observe", "run", "summary"]

# Of the bootstrap, by the patients of a cohort. A standard error is then known to 3.5%, or to 5%, which costs coverage
# 0.05 or 0.1 percentage points: less than the Monte-Carlo error.
RESAMPLES = {200: 400, 1000: 400, 10_000: 200}
SIZES = tuple(RESAMPLES)
_LARGE_FEWER = 3, 10  # cohorts of 10,000 patients cost a hundred times as much
_GROUPS = {"large": "group", "small": "group"}


@dataclass(frozen=True)
class Draw:
    """One cohort to be drawn: its world (a place in `WORLDS`), its size, and which one of them."""

    world: int
    patients: int
    replicate: int
    seed: int
    resamples: int


@dataclass(frozen=True)
class Held:
    """One estimate beside the truth.

    ``subject`` is ``overall``, ``group``, ``contrast`` (of two groups) or ``paired`` (with the reference model).
    ``decided`` says whether limits were given; ``below`` and ``above``, whether the truth lies outside them.
    """

    task: str
    world: str
    patients: int
    subject: str
    metric: str
    decided: bool
    below: bool
    above: bool


def observe(draw: Draw) -> list[Held]:
    """Draw a cohort, measure it, and put every estimate beside its truth."""
    world = WORLDS[draw.world]
    rng = generator(draw.seed, draw.world, draw.patients, draw.replicate)
    target, held_out = world.draw(draw.patients, rng)
    measured = measure(target, held_out, resamples=draw.resamples, seed=int(rng.integers(2**31)))
    return [
        Held(
            world.task,
            world.name,
            draw.patients,
            _GROUPS.get(subject, subject),
            metric,
            estimate.decidable,
            below=estimate.lower is not None and truth < estimate.lower,
            above=estimate.upper is not None and truth > estimate.upper,
        )
        for subject, metric, truth, estimate in _beside_truth(world, measured)
    ]


def cohorts(replicates: int, *, patients: int | None = None) -> dict[int, int]:
    """Return how many cohorts of each size (or of one size alone) are drawn from each world."""
    few, many = _LARGE_FEWER
    planned = dict.fromkeys(SIZES, replicates) | {SIZES[-1]: max(2, replicates * few // many)}
    return planned if patients is None else {patients: planned[patients]}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """Observe every world at every size (patients -> replicates) and return the `summary`."""
    draws = [
        Draw(world, patients, replicate, seed, RESAMPLES[patients])
        for world in range(len(WORLDS))
        for patients, count in replicates.items()
        for replicate in range(count)
    ]
    return summary(held for found in shared_out(observe, draws, processes=processes) for held in found)


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of several runs as one run would have given them: by world, then by size."""
    place = {world.name: index for index, world in enumerate(WORLDS)}
    return sorted(rows, key=lambda row: (place[row["world"]], row["patients"]))


def summary(held: Iterable[Held]) -> list[dict[str, Any]]:
    """Count by task, subject, measure, size and world."""
    counts: dict[tuple[str, str, str, int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for item in held:
        count = counts[item.task, item.subject, item.metric, item.patients, item.world]
        for place, counted in enumerate((True, item.decided, item.decided and item.below, item.decided and item.above)):
            count[place] += counted
    return [
        {
            "task": task,
            "subject": subject,
            "measure": metric,
            "patients": patients,
            "world": world,
            "with_limits": share(decided, total),
            **(
                {
                    "coverage": covered(metric, subject, decided=decided, below=below, above=above),
                    "truth_below": share(below, decided),
                    "truth_above": share(above, decided),
                }
                if decided
                else {}
            ),
        }
        for (task, subject, metric, patients, world), (total, decided, below, above) in counts.items()
    ]


def covered(metric: str, subject: str, *, decided: int, below: int, above: int) -> dict[str, float]:
    """Return the share of limits that hold: both, or the upper one alone where only that one is claimed."""
    return share(decided - above - (0 if upper_only(metric, subject) else below), decided)


def upper_only(metric: str, subject: str) -> bool:
    """Whether the upper limit alone claims anything: for mean distances, which cannot lie below 0."""
    return subject != "contrast" and metric in METRICS and METRICS[metric].interval == "distance"


def _beside_truth(world: World, measured: Measured) -> Iterator[tuple[str, str, float, Estimate]]:
    found: dict[str, Mapping[str, Estimate]] = {
        "overall": measured.overall
        | {f"net_benefit_gain@{item.threshold:g}": item.difference for item in measured.net_benefit},
        "paired": {item.metric: item.difference for item in measured.comparisons},
        "contrast": {item.metric: item.difference for item in measured.contrasts},
        **{group.label: group.metrics for group in measured.groups},
    }
    for subject, estimates in found.items():
        for metric, estimate in estimates.items():
            truth = world.truths[subject].get(metric, np.nan)
            if np.isfinite(truth):
                yield subject, metric, truth, estimate
