"""How often limits hold for the whole pipeline: cohorts are drawn, learned from by the real training, and measured.

What is to be held is the recipe's expected performance at this sample size: the mean, over the cohorts, of the true
performance of the model that is released after learning from such a cohort.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from simulations import recipes
from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import quantile, share
from simulations.studies import simulated_study
from simulations.truth import Floats, concordance_truth, quantity_truth, risk_truth
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.evidence.catalogue import METRICS
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals.widening import factor, kind_of, paired_factor, widened
from theragate.evidence.measure import measure
from theragate.evidence.types import Estimate, to_scale
from theragate.learning.training import train
from theragate.study import TaskName
from theragate.workers.processes import Processes

__all__ = ["TASKS", "Learned", "Training", "cohorts", "learned", "measured", "run", "summary", "tabulated"]

TASKS: tuple[TaskName, ...] = ("binary", "regression", "survival")

_EFFECTS = np.array([1.0, 0.7, 0.4, 0.0, 0.0, 0.0])
_INTERCEPT: dict[TaskName, float] = {"binary": -1.0, "regression": 10.0, "survival": -0.7}
_HORIZON, _CENSORED = 1.0, (0.4, 2.4)
_THRESHOLD, _LIMITS = 0.25, (0.1, 0.5)
_POPULATION = 20_000
_RESAMPLES = 400

_ONCE = ", one repeat"
_LEAST_SLOPE, _MOST_GAP = 0.85, 0.05  # the usual limits of calibration (see ``policies`` in params.yaml)
# Patients with whom binary recipes are compared more closely: in so many times the cohorts of the largest size above.
_COMPARED, _MORE = (200, 600, 2000), 8

Measure = tuple[str, str]  # whose (a recipe, or one minus another), and the metric
Seen = dict[Measure, tuple[Estimate, float]]  # what was measured, and the truth

# One minus the other on the same splits, of those fitted repeatedly.
_PAIRS: dict[TaskName, tuple[tuple[str, str], ...]] = {
    "binary": (("trees", "reference"), ("deep trees", "trees"), ("sparing", "reference")),
    "regression": (("trees", "reference"), ("deep trees", "trees"), ("sparing", "reference")),
    "survival": (("trees", "reference"), ("deep trees", "trees"), ("sparing", "reference"), ("forest", "reference")),
}


@dataclass(frozen=True)
class Training:
    """One cohort to be drawn and learned from: by the real search, or by recipes that are fitted in every split."""

    task: TaskName
    patients: int
    replicate: int
    seed: int
    searched: bool = True


@dataclass(frozen=True)
class Learned:
    """The held-out predictions of one recipe beside another, and what the models that are released predict.

    ``released`` and ``other`` have the shape (population,); ``other`` is None where no difference is asked for.
    """

    task: TaskName
    target: Target
    held_out: HeldOut
    released: Floats
    other: Floats | None = None


def learned(training: Training) -> dict[str, Learned]:
    """Draw a cohort, learn from it, and let the released models predict a population.

    Returns
    -------
    By recipe; ``A - B`` where a recipe stands beside another one than the reference.
    """
    rng = generator(training.seed, TASKS.index(training.task), training.patients, training.replicate)
    task, n = training.task, training.patients
    features = rng.normal(size=(n, len(_EFFECTS)))
    cohort = _frame(features)
    cohort.insert(0, "patient", np.arange(n))
    columns, target = _outcome(task, _linear(task, features), rng)
    cohort = cohort.assign(**columns)
    seed = int(rng.integers(2**31))
    if training.searched:
        return {"searched": _searched(cohort, target, task, seed=seed)}
    return _repeated(cohort, target, task, seed=seed)


def _searched(cohort: pd.DataFrame, target: Target, task: TaskName, *, seed: int) -> Learned:
    study = simulated_study(task, horizon=_HORIZON)
    outcome: Outcome = read_outcome(cohort, study)
    with TemporaryDirectory() as storage:
        trained = train(
            cohort,
            outcome,
            study,
            seed=seed,
            backend=Processes(1),
            storage=Path(storage),
            progress=lambda _done, _total, _text: None,
        )
    table = trained.predictions

    def of(model: str) -> Floats:
        rows = table[table["model"] == model].sort_values(["repeat", "patient"])
        return rows["prediction"].to_numpy(dtype=np.float64).reshape(-1, len(cohort))

    held_out = _held_out(of("selected"), of("reference"), of("null"))
    return Learned(task, target, held_out, trained.predictor.predict(_frame(_population())))


def _repeated(cohort: pd.DataFrame, target: Target, task: TaskName, *, seed: int) -> dict[str, Learned]:
    validation = {"scheme": "nested_cross_validation", "repeats": recipes.REPEATS, "folds": 5, "inner_folds": 2}
    study = simulated_study(task, horizon=_HORIZON, validation={**validation, "reason": "As small cohorts are."})
    outcome: Outcome = read_outcome(cohort, study)
    found, null = recipes.held_out(cohort, outcome, study, seed=seed)
    released = recipes.fitted_once(cohort, outcome, study, seed=seed)
    predicted = {name: predictor.predict(_frame(_population())) for name, predictor in released.items()}
    return {
        first if second == "reference" else f"{first} - {second}": Learned(
            task, target, _held_out(found[first], found[second], null), predicted[first], predicted[second]
        )
        for first, second in _PAIRS[task]
    }


def _held_out(selected: Floats, reference: Floats, null: Floats) -> HeldOut:
    return HeldOut(selected=selected, reference=reference, null=null, scenarios={}, groups={}, judged=frozenset())


def measured(found: Mapping[str, Learned]) -> Seen:
    """Measure the held-out predictions of every recipe, and the differences of recipes; also with one repeat alone."""
    seen: Seen = {}
    truths: dict[int, dict[str, float]] = {}

    def truth_of(task: TaskName, predicted: Floats) -> dict[str, float]:
        if id(predicted) not in truths:
            truths[id(predicted)] = _truth(task, predicted)
        return truths[id(predicted)]

    once = {f"{name}{_ONCE}": _first_repeat(own) for name, own in found.items() if own.other is not None}
    for name, own in {**found, **once}.items():
        evidence = measure(own.target, own.held_out, resamples=_RESAMPLES, seed=1)
        pair, alone, _ = name.partition(_ONCE)
        recipe, _, other = pair.partition(" - ")
        truth = truth_of(own.task, own.released)
        for metric, estimate in evidence.overall.items():
            seen[f"{recipe}{alone}", metric] = estimate, truth.get(metric, np.nan)
        if own.other is None:
            continue
        of_other = truth_of(own.task, own.other)
        for item in evidence.comparisons:
            apart = truth[item.metric] - of_other[item.metric]
            seen[f"{recipe} - {other or 'reference'}{alone}", item.metric] = item.difference, apart
    return seen


def _first_repeat(own: Learned) -> Learned:
    given = own.held_out
    return replace(own, held_out=_held_out(given.selected[:1], given.reference[:1], given.null[:1]))


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are learned from, of each task."""
    few = max(2, replicates // 8)
    return {100: few, 200: few, 400: max(2, few * 3 // 5), 800: max(2, few * 2 // 5)}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Learn from cohorts of every task and size (patients -> replicates); return what `tabulated` does."""
    trainings = [
        Training(task, patients, replicate, seed, searched)
        for searched in (True, False)
        for patients, count in replicates.items()
        for replicate in range(count)
        for task in TASKS
    ]
    trainings += [
        Training("binary", patients, replicate, seed, searched=False)
        for patients in _COMPARED
        for replicate in range(replicates.get(patients, 0), _MORE * min(replicates.values()))
    ]
    by_kind: dict[tuple[TaskName, int], list[Seen]] = defaultdict(list)
    for training, seen in zip(trainings, shared_out(_seen, trainings, processes=processes), strict=True):
        by_kind[training.task, training.patients].append(seen)
    return tabulated(by_kind)


def tabulated(by_kind: Mapping[tuple[TaskName, int], Sequence[Seen]]) -> dict[str, list[dict[str, Any]]]:
    """Return ``widening`` by task, size, recipe and kind, and ``measures`` of the search and of all differences."""
    measures = [
        row
        for (task, patients), seen in by_kind.items()
        for row in summary(seen, task=task, patients=patients)
        if row["recipe"] == "searched" or " - " in row["recipe"]
    ]
    pooled: dict[tuple[TaskName, str, str, str], list[tuple[Floats, Floats]]] = defaultdict(list)
    for (task, patients), seen in by_kind.items():
        for (recipe, metric), pairs in _by_measure(seen).items():
            for size in (str(patients), "all"):
                pooled[task, _kind(recipe, metric), recipe, size].append(_distances(metric, pairs))
    widening = [
        {
            "task": task,
            "kind": kind,
            "recipe": recipe,
            "patients": size if size == "all" else int(size),
            **{
                name: quantile(np.concatenate([pair[place] for pair in found]), 0.95)
                for place, name in enumerate(("of_recipe", "of_model"))
            },
        }
        for (task, kind, recipe, size), found in sorted(pooled.items(), key=_in_order)
    ]
    overfitted = [
        row
        for (task, patients), seen in by_kind.items()
        if task != "regression"
        for row in _overfitted(seen, task=task, patients=patients)
    ]
    return {"measures": measures, "widening": widening, "overfitted": overfitted}


def _overfitted(seen: Sequence[Seen], *, task: TaskName, patients: int) -> list[dict[str, Any]]:
    """Return how often trees are found to be too extreme, or are good enough, by many repeats and by one."""
    by_measure = _by_measure(seen)
    by = factor("ici", task=task)
    rows = []
    for recipe in ("trees", "deep trees"):
        row: dict[str, Any] = {"task": task, "patients": patients, "recipe": recipe}
        for name, suffix in (("repeated", ""), ("once", _ONCE)):
            slopes, gaps = (by_measure.get((f"{recipe}{suffix}", of), []) for of in ("calibration_slope", "ici"))
            limits = [widened(estimate, "calibration_slope", by).upper for estimate, _ in slopes]
            reached = [widened(estimate, "ici", by).upper for estimate, _ in gaps]
            row[name] = {
                "too_extreme": share(sum(limit is not None and limit < _LEAST_SLOPE for limit in limits), len(limits)),
                "close_enough": share(sum(limit is not None and limit <= _MOST_GAP for limit in reached), len(reached)),
            }
            row["slope"] = float(np.mean([truth for _, truth in slopes])) if slopes else np.nan
            row["ici"] = float(np.mean([truth for _, truth in gaps])) if gaps else np.nan
        rows.append(row)
    return [row for row in rows if np.isfinite(row["slope"])]


def _in_order(item: tuple[tuple[str, str, str, str], Any]) -> tuple[str, str, str, float]:
    task, kind, recipe, size = item[0]
    return task, kind, recipe, np.inf if size == "all" else int(size)


def _kind(recipe: str, metric: str) -> str:
    return "difference" if " - " in recipe else kind_of(metric)


def _seen(training: Training) -> Seen:
    return measured(learned(training))


def summary(seen: Sequence[Seen], *, task: TaskName, patients: int) -> list[dict[str, Any]]:
    """Return, per recipe and measure, how often limits hold and by which factor they would have to be wider.

    ``inflation`` is the 95% quantile, over the cohorts, of the distance from the estimate to the truth in units of the
    distance from the estimate to its limit on that side, both on the estimate's scale. ``coverage_of_the_model`` asks
    for the very model that was released, whose performance differs from cohort to cohort; ``applied`` for the limits as
    they are widened. ``beyond`` is how often the truth lies beyond a limit as it is widened, on the side where it does
    so more often: as often passes what lies at the very limit that it is held to. It is told of the recipe and of the
    model.
    """
    rows = []
    for (recipe, metric), pairs in _by_measure(seen).items():
        distances, own = _distances(metric, pairs)
        truths = np.array([truth for _, truth in pairs])
        aim = float(truths.mean())
        values = np.array([estimate.value for estimate, _ in pairs])
        paired = _kind(recipe, metric) == "difference"
        by = paired_factor(task) if paired else factor(metric, task=task, forest=recipe.startswith("forest"))
        rows.append(
            {
                "task": task,
                "patients": patients,
                "recipe": recipe,
                "measure": metric,
                "truth": round(aim, 5),
                "truth_sd": round(float(truths.std(ddof=1)), 5),
                "mean_estimate": round(float(values.mean()), 5),
                "estimate_sd": round(float(values.std(ddof=1)), 5),
                "with_limits": share(len(pairs), sum((recipe, metric) in own for own in seen)),
                "coverage": share(int((distances <= 1).sum()), len(pairs)),
                "coverage_of_the_model": share(int((own <= 1).sum()), len(pairs)),
                "applied": share(int((distances <= by).sum()), len(pairs)),
                "beyond": share(max(_beyond(distances, values, aim, by)), len(pairs)),
                "beyond_the_model": share(max(_beyond(own, values, truths, by)), len(pairs)),
                "inflation": quantile(distances, 0.95),
                "inflation_of_the_model": quantile(own, 0.95),
            }
        )
    return rows


def _beyond(distances: Floats, values: Floats, truth: Floats | float, by: float) -> tuple[int, int]:
    """Return how often the truth lies below the widened lower limit, and above the upper one."""
    missed = distances > by
    return int((missed & (values > truth)).sum()), int((missed & (values < truth)).sum())


def _by_measure(seen: Sequence[Seen]) -> dict[Measure, list[tuple[Estimate, float]]]:
    by_measure: dict[Measure, list[tuple[Estimate, float]]] = defaultdict(list)
    for measures in seen:
        for measure_, (estimate, truth) in measures.items():
            if estimate.decidable and estimate.lower != estimate.upper and np.isfinite(truth):
                by_measure[measure_].append((estimate, truth))
    return {name: pairs for name, pairs in by_measure.items() if len(pairs) > 1}


def _distances(metric: str, pairs: Sequence[tuple[Estimate, float]]) -> tuple[Floats, Floats]:
    """Return how far the mean truth, and each model's own, lie from the estimates, in units of their limits."""
    aim = float(np.mean([truth for _, truth in pairs]))
    upper_only = METRICS[metric].interval == "distance"
    return (
        np.array([_distance(estimate, aim, upper_only=upper_only) for estimate, _ in pairs]),
        np.array([_distance(estimate, truth, upper_only=upper_only) for estimate, truth in pairs]),
    )


def _distance(estimate: Estimate, truth: float, *, upper_only: bool) -> float:
    """Return how far the truth lies from the estimate, in units of the limit on that side."""
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if upper_only and value is not None and truth <= value:
        return 0.0
    limit = upper if value is not None and truth > value else lower
    if value is None or limit is None:
        raise ValueError("an estimate that is decidable has a value and a limit on the side of the truth")
    try:
        centre, aim, reach = (to_scale(number, estimate.scale) for number in (value, truth, limit))
    except ValueError:
        centre, aim, reach = value, truth, limit
    return abs(aim - centre) / max(abs(reach - centre), 1e-12)


def _truth(task: TaskName, predicted: Floats) -> dict[str, float]:
    features = _population()
    linear = _linear(task, features)
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
