"""How often limits hold for the whole pipeline: cohorts are drawn, learned from by the real training, and measured.

What is to be held is the recipe's expected performance at this sample size: the mean, over the cohorts, of the true
performance of the model that is released after learning from such a cohort.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import quantile, share
from simulations.studies import simulated_study
from simulations.truth import Floats, concordance_truth, quantity_truth, risk_truth
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.evidence.catalogue import METRICS
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals.widening import kind_of
from theragate.evidence.measure import measure
from theragate.evidence.types import Estimate, to_scale
from theragate.learning.predictor import Predictor
from theragate.learning.training import train
from theragate.study import TaskName

__all__ = ["TASKS", "Learned", "Training", "cohorts", "learned", "measured", "run", "summary", "tabulated"]

TASKS: tuple[TaskName, ...] = ("binary", "regression", "survival")

_EFFECTS = np.array([1.0, 0.7, 0.4, 0.0, 0.0, 0.0])
_INTERCEPT: dict[TaskName, float] = {"binary": -1.0, "regression": 10.0, "survival": -0.7}
_HORIZON, _CENSORED = 1.0, (0.4, 2.4)
_THRESHOLD, _LIMITS = 0.25, (0.1, 0.5)
_POPULATION = 20_000
_RESAMPLES = 400

Seen = tuple[dict[str, Estimate], dict[str, float]]  # what was measured, and the truth


@dataclass(frozen=True)
class Training:
    """One cohort to be drawn and learned from."""

    task: TaskName
    patients: int
    replicate: int
    seed: int


@dataclass(frozen=True)
class Learned:
    """The held-out predictions, and the true performance of the released model."""

    target: Target
    held_out: HeldOut
    truth: dict[str, float]


def learned(training: Training) -> Learned:
    """Draw a cohort, train on it, and look up how good the released model is in truth."""
    rng = generator(training.seed, TASKS.index(training.task), training.patients, training.replicate)
    task, n = training.task, training.patients
    features = rng.normal(size=(n, len(_EFFECTS)))
    cohort = _frame(features)
    cohort.insert(0, "patient", np.arange(n))
    columns, target = _outcome(task, _linear(task, features), rng)
    cohort = cohort.assign(**columns)
    study = simulated_study(task, horizon=_HORIZON)
    outcome: Outcome = read_outcome(cohort, study)
    with TemporaryDirectory() as storage:
        trained = train(
            cohort,
            outcome,
            study,
            seed=int(rng.integers(2**31)),
            jobs=1,
            storage=Path(storage),
            progress=lambda _done, _total, _text: None,
        )
    table = trained.predictions

    def of(model: str) -> Floats:
        rows = table[table["model"] == model].sort_values(["repeat", "patient"])
        return rows["prediction"].to_numpy(dtype=np.float64).reshape(-1, n)

    held_out = HeldOut(
        selected=of("selected"),
        reference=of("reference"),
        null=of("null"),
        scenarios={},
        groups={},
        judged=frozenset(),
    )
    return Learned(target, held_out, _truth(task, trained.predictor))


def measured(found: Learned) -> dict[str, Estimate]:
    """Measure the held-out predictions."""
    return measure(found.target, found.held_out, resamples=_RESAMPLES, seed=1).overall


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are learned from, of each task."""
    few = max(2, replicates // 8)
    return {200: few, 800: max(2, few * 2 // 5)}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Learn from cohorts of every task and size (patients -> replicates); return `summary` and `widening_rows`."""
    trainings = [
        Training(task, patients, replicate, seed)
        for patients, count in replicates.items()
        for replicate in range(count)
        for task in TASKS
    ]
    by_kind: dict[tuple[TaskName, int], list[Seen]] = defaultdict(list)
    for training, seen in zip(trainings, shared_out(_seen, trainings, processes=processes), strict=True):
        by_kind[training.task, training.patients].append(seen)
    return tabulated(by_kind)


def tabulated(by_kind: Mapping[tuple[TaskName, int], Sequence[Seen]]) -> dict[str, list[dict[str, Any]]]:
    """Return ``measures`` by task, size and measure, and ``widening`` by task, size and kind of measure."""
    measures = [
        row for (task, patients), seen in by_kind.items() for row in summary(seen, task=task, patients=patients)
    ]
    pooled: dict[tuple[TaskName, str, int], list[tuple[Floats, Floats]]] = defaultdict(list)
    for (task, patients), seen in by_kind.items():
        for metric, pairs in _by_metric(seen).items():
            pooled[task, kind_of(metric), patients].append(_distances(metric, pairs))
    widening = [
        {
            "task": task,
            "kind": kind,
            "patients": patients,
            **{
                name: quantile(np.concatenate([pair[place] for pair in found]), 0.95)
                for place, name in enumerate(("recipe", "model"))
            },
        }
        for (task, kind, patients), found in pooled.items()
    ]
    return {"measures": measures, "widening": widening}


def _seen(training: Training) -> Seen:
    found = learned(training)
    return measured(found), found.truth


def summary(seen: Sequence[Seen], *, task: TaskName, patients: int) -> list[dict[str, Any]]:
    """Return, per measure, how often limits hold and by which factor they would have to be wider.

    ``inflation`` is the 95% quantile, over the cohorts, of the distance from the estimate to the truth in units of the
    distance from the estimate to its limit on that side, both on the estimate's scale. ``coverage_of_the_model`` asks
    for the very model that was released, whose performance differs from cohort to cohort.
    """
    rows = []
    for metric, pairs in _by_metric(seen).items():
        distances, own = _distances(metric, pairs)
        truths = np.array([truth for _, truth in pairs])
        aim = float(truths.mean())
        values = np.array([estimate.value for estimate, _ in pairs])
        rows.append(
            {
                "task": task,
                "patients": patients,
                "measure": metric,
                "truth": round(aim, 5),
                "truth_sd": round(float(truths.std(ddof=1)), 5),
                "mean_estimate": round(float(values.mean()), 5),
                "estimate_sd": round(float(values.std(ddof=1)), 5),
                "with_limits": share(len(pairs), len(seen)),
                "coverage": share(int((distances <= 1).sum()), len(pairs)),
                "coverage_of_the_model": share(int((own <= 1).sum()), len(pairs)),
                "inflation": quantile(distances, 0.95),
                "inflation_of_the_model": quantile(own, 0.95),
            }
        )
    return rows


def _by_metric(seen: Sequence[Seen]) -> dict[str, list[tuple[Estimate, float]]]:
    by_metric: dict[str, list[tuple[Estimate, float]]] = defaultdict(list)
    for estimates, truth in seen:
        for metric, estimate in estimates.items():
            if estimate.decidable and np.isfinite(truth.get(metric, np.nan)):
                by_metric[metric].append((estimate, truth[metric]))
    return by_metric


def _distances(metric: str, pairs: Sequence[tuple[Estimate, float]]) -> tuple[Floats, Floats]:
    """Return how far the mean truth, and each model's own, lie from the estimates, in units of their limits."""
    aim = float(np.mean([truth for _, truth in pairs]))
    upper_only = METRICS[metric].interval == "bias_shifted"
    return (
        np.array([_distance(estimate, aim, upper_only=upper_only) for estimate, _ in pairs]),
        np.array([_distance(estimate, truth, upper_only=upper_only) for estimate, truth in pairs]),
    )


def _distance(estimate: Estimate, truth: float, *, upper_only: bool) -> float:
    """Return how far the truth lies from the estimate, in units of the limit on that side."""
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if value is None or lower is None or upper is None:
        raise ValueError("an estimate that is decidable has a value and limits")
    if upper_only and truth <= value:
        return 0.0
    limit = upper if truth > value else lower
    try:
        centre, aim, reach = (to_scale(number, estimate.scale) for number in (value, truth, limit))
    except ValueError:
        centre, aim, reach = value, truth, limit
    return abs(aim - centre) / max(abs(reach - centre), 1e-12)


def _truth(task: TaskName, predictor: Predictor) -> dict[str, float]:
    features = _population()
    predicted, linear = predictor.predict(_frame(features)), _linear(task, features)
    weight = np.full(len(features), 1 / len(features))
    if task == "regression":
        errors = generator(2, 1).normal(0, 2, size=(1, 400))
        errors = errors / errors.std() * 2
        return quantity_truth(predicted, linear, weight, errors=errors - errors.mean())
    risk = expit(linear) if task == "binary" else -np.expm1(-np.exp(linear) * _HORIZON)
    found = risk_truth(predicted, risk, weight, prevalence=float(risk.mean()), thresholds=(_THRESHOLD, *_LIMITS))
    if task == "binary":
        return found
    low, high = _CENSORED
    return found | concordance_truth(
        predicted, np.exp(linear), weight, censored_from=low, censored_to=high, horizon=_HORIZON
    )


@cache
def _population() -> Floats:
    features: Floats = generator(1, 1).normal(size=(_POPULATION, len(_EFFECTS)))
    return features


def _frame(features: Floats) -> pd.DataFrame:
    return pd.DataFrame(features, columns=[f"feature_{place}" for place in range(features.shape[1])])


def _linear(task: TaskName, features: Floats) -> Floats:
    scale = {"binary": 1.0, "regression": 1.6, "survival": 0.8}[task]
    linear: Floats = _INTERCEPT[task] + scale * (features @ _EFFECTS)
    return linear


def _outcome(task: TaskName, linear: Floats, rng: np.random.Generator) -> tuple[dict[str, Any], Target]:
    n = len(linear)
    if task == "binary":
        event = rng.random(n) < expit(linear)
        return {"event": np.where(event, "yes", "no")}, BinaryTarget(event, _THRESHOLD, _LIMITS)
    if task == "regression":
        value = linear + rng.normal(0, 2, n)
        return {"value": value}, QuantityTarget(value)
    died, lost = rng.exponential(np.exp(-linear)), rng.uniform(*_CENSORED, n)
    time, event = np.minimum(died, lost), died <= lost
    return {"time": time, "event": event.astype(int)}, SurvivalTarget(time, event, _HORIZON, _THRESHOLD, _LIMITS)
