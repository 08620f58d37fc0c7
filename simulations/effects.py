"""Treatments with a known effect in every patient: how often limits hold, and how often nothing is taken for something.

Cohorts are drawn, divided, learned from and measured by the product's own learners and measures. The learner is an
X-learner with fixed parameters in every fold: the selection of a constant effect, which makes rankings of noise rarer,
is left out, so that what is seen is the worst case. What limits have to hold is the recipe's expected performance at
this sample size: the mean, over the cohorts, of the true performance of a model that has learned from one.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import quantile, share
from theragate.cohorts.outcomes import Binary, Censored, Quantity, Treated
from theragate.cohorts.splits import inner_folds
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.measure import measure_effects
from theragate.evidence.metrics.effects import Ranking, ranked
from theragate.learning.families import FAMILIES
from theragate.learning.features import Feature
from theragate.learning.nuisances import fit_nuisances
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.uncensored_outcome import inverse_censoring_weights

__all__ = ["WORLDS", "Seen", "Trial", "cohorts", "observe", "run", "summary"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

_FEATURES, _POPULATION, _RESAMPLES = 6, 20_000, 400
_REPEATS, _FOLDS, _LEARNER = 2, 5, "x_learner"
_HORIZON, _CENSORED = 1.0, (0.4, 2.4)
_SCHEMA = tuple(Feature(f"x{number}", "number") for number in range(_FEATURES))
_NAMES = (
    "average_effect",
    "autoc",
    "qini",
    "calibration_slope",
    "effect_error",
    "policy_gain",
    "policy_gain_over_none",
    "policy_gain_over_all",
    "policy_value",
)
_PARTS = ("low", "middle", "high")  # groups of patients, by the first feature
_CUTS = (-0.43, 0.43)  # of about a third each


@dataclass(frozen=True)
class World:
    """How patients respond; ``slope`` is how much the effect differs between them, 0 where it does not.

    ``kind`` is what is compared: a ``mean``, the risk of two ``classes``, or with censored times the risk of an
    ``event`` by the horizon, or the ``restricted_mean`` of the time until it.
    """

    slope: float
    threshold: float
    kind: Literal["mean", "classes", "event", "restricted_mean"] = "mean"
    chosen: bool = False

    @property
    def effect(self) -> Literal["event", "restricted_mean", "mean"]:
        """What the product calls it."""
        return "event" if self.kind == "classes" else self.kind

    def effects(self, x: Floats) -> Floats:
        """Return the true effect of each patient, above 0 where the treatment helps."""
        if self.kind == "mean":
            return np.asarray(0.5 + self.slope * x[:, 2])
        if self.kind == "classes":
            control, treated = self._chances(x)
            return np.asarray(control - treated)
        control, treated = self._rates(x)
        if self.kind == "event":
            return np.asarray(np.exp(-treated * _HORIZON) - np.exp(-control * _HORIZON))
        return np.asarray(-np.expm1(-treated * _HORIZON) / treated + np.expm1(-control * _HORIZON) / control)

    def _chances(self, x: Floats) -> tuple[Floats, Floats]:
        logit = 0.5 * x[:, 0]
        return expit(logit), expit(logit - 0.5 - self.slope * x[:, 2])

    def _rates(self, x: Floats) -> tuple[Floats, Floats]:
        baseline = np.exp(-1.0 + 0.2 * x[:, 0])
        return baseline, baseline * np.exp(-(0.5 + self.slope * x[:, 2]))

    def draw(self, n: int, random: np.random.Generator) -> tuple[Floats, Treated]:
        """Draw patients and what they reached."""
        x = random.normal(size=(n, _FEATURES))
        chance = expit(0.8 * x[:, 0]) if self.chosen else np.full(n, 0.5)
        treated = random.uniform(size=n) < chance
        known = None if self.chosen else 0.5
        better = self.kind in ("mean", "restricted_mean")
        measured = self._measured(x, treated, random)
        return x, Treated(measured, treated, self.effect, higher_is_better=better, propensity=known)

    def _measured(
        self, x: Floats, treated: NDArray[np.bool_], random: np.random.Generator
    ) -> Binary | Censored | Quantity:
        n = len(x)
        if self.kind == "mean":
            return Quantity(x[:, 0] + 0.5 * x[:, 1] + treated * self.effects(x) + random.normal(size=n))
        if self.kind == "classes":
            chances = self._chances(x)
            return Binary(random.uniform(size=n) < np.where(treated, chances[1], chances[0]))
        rates = np.where(treated, self._rates(x)[1], self._rates(x)[0])
        death, lost = random.exponential(1 / rates), random.uniform(*_CENSORED, size=n)
        return Censored(np.minimum(death, lost), death <= lost, _HORIZON)


# The order stands: what is drawn hangs on the place.
WORLDS: dict[str, World] = {
    "same effect": World(0.0, 0.3),
    "different effects": World(0.3, 0.3),
    "different effects, chosen in practice": World(0.3, 0.3, chosen=True),
    "different effects, censored": World(0.5, 0.05, "event"),
    "different effects, restricted mean": World(0.5, 0.02, "restricted_mean"),
    "different effects, two classes": World(0.5, 0.05, "classes"),
}


@dataclass(frozen=True)
class Trial:
    """One cohort to be drawn, learned from and measured."""

    world: str
    patients: int
    replicate: int
    seed: int


@dataclass(frozen=True)
class Seen:
    """Value, limits and standard error by measure (None where there are none), the truth, and whether all bands hold.

    A group of too few patients has no band; ``bands_hold`` is None where no group has one.
    """

    limits: dict[str, tuple[float, float, float, float] | None]
    truth: dict[str, float]
    bands_hold: bool | None


def observe(trial: Trial) -> Seen:
    """Draw, learn and measure; limits are as wide as the product makes them."""
    world = WORLDS[trial.world]
    random = generator(trial.seed, list(WORLDS).index(trial.world), trial.patients, trial.replicate)
    x, outcome = world.draw(trial.patients, random)
    frame = _frame(x)
    tables: dict[str, list[Floats]] = defaultdict(list)
    for repeat in range(_REPEATS):
        row = {name: np.empty(trial.patients) for name in ("selected", "control", "treated", "propensity", "fold")}
        for fold, (train, test) in enumerate(inner_folds(outcome, _FOLDS, seed=trial.seed + repeat)):
            learned, own = frame.iloc[train], outcome.take(train)
            row["selected"][test] = _fitted(learned, own).predict(frame.iloc[test])
            found = fit_nuisances(learned, own, _SCHEMA).predict(frame.iloc[test])
            row["control"][test], row["treated"][test] = found.control, found.treated
            row["propensity"][test], row["fold"][test] = found.propensity, fold
        for name, values in row.items():
            tables[name].append(values)
    arrays = {name: np.stack(values) for name, values in tables.items()}
    constant = np.full(arrays["selected"].shape, 0.5)
    groups = {"part": _parts(x)}
    held_out = EffectHeldOut(
        predictions=HeldOut(arrays["selected"], constant, constant, {}, groups, frozenset(), cross_validated=True),
        folds=arrays["fold"].astype(np.int64),
        covariates={"x0": x[:, 0]},
        **{name: arrays[name] for name in ("control", "treated", "propensity")},
    )
    measured, treatment = measure_effects(_target(outcome, world), held_out, resamples=_RESAMPLES, seed=trial.replicate)
    limits = {name: _limits(measured.overall[name]) for name in _NAMES}
    population = random.normal(size=(_POPULATION, _FEATURES))
    predicted = _fitted(frame, outcome).predict(_frame(population))
    effects, parts = world.effects(population), _parts(population)
    true = {f"part={part}": float(effects[parts == part].mean()) for part in _PARTS}
    held = [band.lower <= true[key] <= band.upper for key, band in treatment.bands.items()]
    hold = all(held) if held else None
    return Seen(limits, _truth(effects, predicted, world.threshold), hold)


def _parts(x: Floats) -> NDArray[np.str_]:
    return np.asarray(_PARTS)[np.digitize(x[:, 0], _CUTS)]


def _limits(found: Any) -> tuple[float, float, float, float] | None:
    return None if found.lower is None else (found.value, found.lower, found.upper, found.se or np.nan)


def _frame(x: Floats) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[feature.name for feature in _SCHEMA])


def _fitted(frame: pd.DataFrame, outcome: Treated) -> Predictor:
    params = FAMILIES["treatment_effect"][_LEARNER].fixed
    return fit_predictor(
        frame, outcome, task="treatment_effect", family=_LEARNER, params=params, schema=_SCHEMA, seed=1
    )


def _target(outcome: Treated, world: World) -> EffectTarget:
    measured = outcome.measured
    censored = measured if isinstance(measured, Censored) else None
    return EffectTarget(
        reached=outcome.reached,
        weight=inverse_censoring_weights(outcome, outcome),
        treated=outcome.treated,
        time=censored.time if censored else None,
        event=censored.event if censored else None,
        horizon=_HORIZON if censored else None,
        propensity=outcome.propensity,
        threshold=world.threshold,
        threshold_range=(0.0, 2 * world.threshold),
        effect=world.effect,
        unit="",
    )


def _truth(effects: Floats, predicted: Floats, threshold: float) -> dict[str, float]:
    """Return the true measures of a prediction in a population whose effects are known."""
    autoc, qini = ranked(Ranking.of(predicted), effects, np.ones((1, len(effects))))
    treat = predicted >= threshold
    over = [float(np.mean((effects - threshold) * treat)), float(np.mean((threshold - effects) * ~treat))]
    return {
        "average_effect": float(effects.mean()),
        "autoc": float(autoc[0]),
        "qini": float(qini[0]),
        "calibration_slope": float(np.cov(effects, predicted)[0, 1] / predicted.var(ddof=1)),
        "effect_error": float(predicted.mean() - effects.mean()),
        "policy_gain": min(over),
        "policy_gain_over_none": over[0],
        "policy_gain_over_all": over[1],
        "policy_value": float(np.mean(effects * treat)),
    }


def summary(trials: Sequence[Trial], seen: Sequence[Seen]) -> dict[str, list[dict[str, Any]]]:
    """Return how often limits and bands held, how far errors exceed them, how often a ranking was called real."""
    groups: dict[tuple[str, int], list[Seen]] = defaultdict(list)
    for trial, found in zip(trials, seen, strict=True):
        groups[trial.world, trial.patients].append(found)
    rows, called = [], []
    for (world, patients), some in groups.items():
        rows += [{"world": world, "patients": patients, "measure": name, **_held(name, some)} for name in _NAMES]
        ranking = [item.limits["autoc"] for item in some]
        called_real = share(sum(row is not None and row[1] > 0 for row in ranking), len(ranking))
        bands = [item.bands_hold for item in some if item.bands_hold is not None]
        called.append(
            {
                "world": world,
                "patients": patients,
                "called_real": called_real,
                "bands_hold": share(sum(bands), len(bands)),
            }
        )
    return {"measures": rows, "called": called}


def _held(name: str, some: Sequence[Seen]) -> dict[str, Any]:
    recipe = float(np.mean([item.truth[name] for item in some]))
    given = [(item.limits[name], item.truth[name]) for item in some if item.limits[name] is not None]
    values = np.array([row for row, _ in given if row is not None])
    half = (values[:, 2] - values[:, 1]) / 2
    wide = half > 0  # where everybody is treated, or nobody, the gain is 0 without error
    errors = np.abs(values[wide, 0] - recipe) / half[wide]
    return {
        "truth": recipe,
        "mean": float(values[:, 0].mean()),
        "with_limits": share(len(given), len(some)),
        "recipe": share(int((errors <= 1).sum()), len(errors)),
        "model": share(int(sum(row[1] <= truth <= row[2] for row, truth in given if row is not None)), len(values)),
        "factor": quantile(errors, 0.95),
        "spread": round(float(values[wide, 0].std(ddof=1) / values[wide, 3].mean()), 3),
    }


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are drawn of every world."""
    return {200: max(2, replicates // 8), 800: max(2, replicates // 20)}


def run(sizes: dict[int, int], *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Simulate every world at each size: patients -> cohorts."""
    trials = [
        Trial(world, patients, replicate, seed)
        for patients, cohorts in sizes.items()
        for world in WORLDS
        for replicate in range(cohorts)
    ]
    do: Callable[[Trial], Seen] = observe
    return summary(trials, shared_out(do, trials, processes=processes))
