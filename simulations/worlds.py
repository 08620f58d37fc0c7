"""Worlds in which the truth is known: cohorts with given predictions, for every task.

A patient has two standard normal features, of which the reference model knows one. The second group of patients has
the first feature shifted, so that its case mix differs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.special import expit, logit
from scipy.stats import gamma, norm

from simulations.truth import Floats, concordance_truth, quantity_truth, risk_truth
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget, Target

__all__ = ["WORLDS", "Population", "World"]

_SHARE, _SHIFT = 0.7, -0.5  # of the first group; of the second group's first feature
_GRID, _ERRORS = 240, 240
_CENSORED = (0.4, 2.4)
_HORIZON = 1.0


@dataclass(frozen=True)
class Population:
    """Everybody, as a grid of kinds of patients; each field has shape (m,)."""

    first: Floats
    second: Floats
    group: Floats
    weight: Floats

    @classmethod
    def grid(cls) -> "Population":
        """Return equally likely values of both features, in both groups."""
        values = norm.ppf((np.arange(_GRID) + 0.5) / _GRID)
        first, second = (axis.ravel() for axis in np.meshgrid(values, values))
        size = len(first)
        return cls(
            np.concatenate([first, first + _SHIFT]),
            np.tile(second, 2),
            np.repeat([0.0, 1.0], size),
            np.repeat([_SHARE / size, (1 - _SHARE) / size], size),
        )

    @classmethod
    def drawn(cls, n: int, rng: np.random.Generator) -> "Population":
        """Draw patients."""
        group = (rng.random(n) >= _SHARE).astype(np.float64)
        return cls(rng.normal(size=n) + _SHIFT * group, rng.normal(size=n), group, np.full(n, 1 / n))


@dataclass(frozen=True)
class World:
    """How outcomes come about, and how they are predicted.

    Parameters
    ----------
    intercept, strength
        Of the linear predictor: of log odds (binary), log hazard per unit of time (survival), or of the outcome.
    shift, stretch
        How predictions err: of their log odds, or of predicted quantities around 10. 0 and 1 are right.
    threshold, limits
        The clinical threshold of a risk, and its range.
    skewed
        Whether the errors of a quantity are skewed, and larger where the outcome is.
    """

    name: str
    task: Literal["binary", "survival", "regression"]
    intercept: float
    strength: float
    shift: float = 0.0
    stretch: float = 1.0
    threshold: float = 0.25
    limits: tuple[float, float] = (0.1, 0.5)
    skewed: bool = False

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Target, HeldOut]:
        """Draw a cohort of `n` patients with its predictions."""
        patients = Population.drawn(n, rng)
        selected, reference = self.predicted(patients), self.reference(patients)
        return self._target(patients, rng), HeldOut(
            selected=selected[None],
            reference=reference[None],
            null=np.full((1, n), self._null),
            scenarios={},
            groups={"group": np.where(patients.group == 0, "large", "small")},
            judged=frozenset({"group"}),
        )

    def predicted(self, patients: Population) -> Floats:
        """Return the model's predictions."""
        return self._erring(self._linear(patients, self.strength))

    def reference(self, patients: Population) -> Floats:
        """Return the predictions of a model that knows the first feature only."""
        return self._erring(self.intercept + 0.8 * self.strength * patients.first)

    @cached_property
    def truths(self) -> dict[str, dict[str, float]]:
        """Subject -> metric -> true value, for ``overall``, both groups, ``contrast``, ``reference`` and ``paired``."""
        population = Population.grid()
        found = {
            "overall": self._truth(population, self.predicted(population)),
            "reference": self._truth(population, self.reference(population)),
        }
        for code, name in enumerate(("large", "small")):
            chosen = population.group == code
            part = Population(*(column[chosen] for column in vars(population).values()))
            found[name] = self._truth(part, self.predicted(part))
        found["contrast"] = {name: value - found["small"][name] for name, value in found["large"].items()}
        found["paired"] = {name: value - found["reference"][name] for name, value in found["overall"].items()}
        return found

    def _truth(self, patients: Population, predicted: Floats) -> dict[str, float]:
        if self.task == "regression":
            share = (np.arange(_ERRORS) + 0.5) / _ERRORS
            errors = (gamma.ppf(share, 2) - 2) / np.sqrt(2) if self.skewed else norm.ppf(share)
            mean = self._linear(patients, self.strength)
            errors = errors - errors.mean()
            return quantity_truth(
                predicted, mean, patients.weight, errors=self._scatter(mean)[:, None] * (errors / errors.std())
            )
        found = risk_truth(
            predicted,
            self._risk(patients),
            patients.weight,
            prevalence=self._null,
            thresholds=(self.threshold, *self.limits),
        )
        if self.task == "binary":
            return found
        low, high = _CENSORED
        hazard = np.exp(self._linear(patients, self.strength))
        return found | concordance_truth(
            predicted, hazard, patients.weight, censored_from=low, censored_to=high, horizon=_HORIZON
        )

    @cached_property
    def _null(self) -> float:
        population = Population.grid()
        outcome = self._linear(population, self.strength) if self.task == "regression" else self._risk(population)
        return float(population.weight @ outcome)

    def _linear(self, patients: Population, strength: float) -> Floats:
        return self.intercept + strength * (patients.first + 0.7 * patients.second)

    def _risk(self, patients: Population) -> Floats:
        return self._as_risk(self._linear(patients, self.strength))

    def _as_risk(self, linear: Floats) -> Floats:
        risk: Floats = expit(linear) if self.task == "binary" else -np.expm1(-np.exp(linear) * _HORIZON)
        return risk

    def _erring(self, linear: Floats) -> Floats:
        if self.task == "regression":
            return self.shift + 10 + self.stretch * (linear - 10)
        right = np.clip(self._as_risk(linear), 1e-9, 1 - 1e-9)
        risk: Floats = expit(self.shift + self.stretch * logit(right))
        return risk

    def _scatter(self, mean: Floats) -> Floats:
        """Return the standard deviation of a quantity's errors."""
        return 0.2 * np.clip(mean, 2, None) if self.skewed else np.full_like(mean, 2.0)

    def _target(self, patients: Population, rng: np.random.Generator) -> Target:
        linear, n = self._linear(patients, self.strength), len(patients.first)
        if self.task == "binary":
            return BinaryTarget(rng.random(n) < expit(linear), self.threshold, self.limits)
        if self.task == "regression":
            error = (rng.gamma(2, size=n) - 2) / np.sqrt(2) if self.skewed else rng.normal(size=n)
            return QuantityTarget(linear + self._scatter(linear) * error)
        died, lost = rng.exponential(np.exp(-linear)), rng.uniform(*_CENSORED, n)
        return SurvivalTarget(np.minimum(died, lost), died <= lost, _HORIZON, self.threshold, self.limits)


WORLDS = (
    World("common event, right", "binary", -1.0, 1.2),
    World("common event, too extreme", "binary", -1.0, 0.8, stretch=1.4),
    World("rare event, right", "binary", -3.0, 1.0, threshold=0.1, limits=(0.05, 0.2)),
    World("rare event, too high", "binary", -3.0, 1.0, shift=0.5, threshold=0.1, limits=(0.05, 0.2)),
    World("strong separation", "binary", -0.5, 3.0, stretch=0.8),
    World("frequent death, right", "survival", -0.5, 0.8, threshold=0.4, limits=(0.2, 0.6)),
    World("rare death, right", "survival", -2.5, 0.9, threshold=0.1, limits=(0.05, 0.2)),
    World("frequent death, too low", "survival", -0.5, 0.6, shift=-0.4, stretch=0.8, threshold=0.3, limits=(0.2, 0.6)),
    World("normal errors, right", "regression", 10.0, 2.0),
    World("normal errors, too extreme", "regression", 10.0, 1.5, shift=0.5, stretch=1.3),
    World("skewed errors, right", "regression", 10.0, 2.0, skewed=True),
)
