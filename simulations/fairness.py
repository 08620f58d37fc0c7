"""How often the fairness gate is wrong, and what it can see: real evidence of simulated cohorts, judged by the gate."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.studies import simulated_study
from simulations.truth import Floats, threshold_truth
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut
from theragate.evidence.measure import Measured, measure
from theragate.evidence.types import CohortFacts, DataFacts, Evidence
from theragate.gates import GATES, Gate
from theragate.gates._base import Declared

__all__ = ["ALL", "MARGINS", "Cohort", "Line", "Plan", "Scene", "judged", "plan", "run"]

Harm = Literal["log_observed_expected", "sensitivity", "net_benefit_gain"]

MARGINS: dict[Harm, float] = {"log_observed_expected": 0.2, "sensitivity": 0.05, "net_benefit_gain": 0.005}
ALL = "all"
RESAMPLES = 200
RATE = 0.31  # of the events, where nothing is wrong
_THRESHOLD, _LIMITS = 0.25, (0.1, 0.5)
_INTERCEPT, _STRENGTH = -1.0, 1.0
_SHA = "0" * 64


@dataclass(frozen=True)
class Scene:
    """A population with groups, one of which may be served worse.

    Parameters
    ----------
    attributes
        Attribute -> the share of each of its groups. The first group of the first attribute is the one that is harmed.
    harm
        What the harm is measured by, or nothing.
    size
        Its size, in margins: 1 lies exactly at the limit.
    everybody
        Whether all groups of all attributes are harmed alike.
    """

    attributes: tuple[tuple[str, tuple[float, ...]], ...]
    harm: Harm | None = None
    size: float = 0.0
    everybody: bool = False

    def draw(self, n: int, rng: np.random.Generator) -> tuple[BinaryTarget, HeldOut]:
        """Draw a cohort."""
        labels = {
            name: np.array([f"{name}_{place}" for place in range(len(shares))])[rng.choice(len(shares), n, p=shares)]
            for name, shares in self.attributes
        }
        first = self.attributes[0][0]
        harmed = np.ones(n, bool) if self.everybody else labels[first] == f"{first}_0"
        predicted, risk = _sound(rng.normal(size=n))
        if self.harm:
            worse = _HARMS[self.harm](rng.normal(size=n), self._strength)
            predicted, risk = np.where(harmed, worse[0], predicted), np.where(harmed, worse[1], risk)
        null = np.full((1, n), RATE)
        return BinaryTarget(rng.random(n) < risk, _THRESHOLD, _LIMITS), HeldOut(
            selected=predicted[None], reference=null, null=null, scenarios={}, groups=labels, judged=frozenset(labels)
        )

    @cached_property
    def _strength(self) -> float:
        return _strength(self.harm, self.size) if self.harm else 0.0

    def gate(self, margins: tuple[Harm, ...]) -> Gate:
        """Return the gate that judges by some of `MARGINS`."""
        within = {name: MARGINS[name] for name in margins if name != "sensitivity"}
        between = {name: MARGINS[name] for name in margins if name == "sensitivity"}
        study = simulated_study(
            "binary",
            horizon=1.0,
            subgroups={
                name: {
                    "column": name,
                    "title": f"The {name} of nobody",
                    "judged": True,
                    "labels": {str(place): f"{name}_{place}" for place in range(len(shares))},
                }
                for name, shares in self.attributes
            },
            decision={
                "action": "Treatment.",
                "threshold": _THRESHOLD,
                "range": list(_LIMITS),
                "source": "Drawn here.",
            },
        )
        # The gate asks for a margin within groups; one that nothing can break asks nothing.
        return GATES["fairness"].model_validate(
            {
                "declared": Declared.of(study),
                "reason": "To see how often it is wrong.",
                "share_that_blocks": 0.05,
                "within_group": within or {"log_observed_expected": 50.0},
                "between_groups": between,
            }
        )


@dataclass(frozen=True)
class Line:
    """One line of a plan: which table it belongs to, what is drawn how often, and by which margins it is judged."""

    table: str
    name: str
    scene: Scene
    patients: int
    replicates: int
    asked: tuple[str, ...] = ()
    facts: dict[str, int] = field(default_factory=dict)


Plan = tuple[Line, ...]


@dataclass(frozen=True)
class Cohort:
    """One cohort to be drawn from a scene and judged."""

    scene: Scene
    patients: int
    replicate: int
    seed: int
    resamples: int


def judged(cohort: Cohort) -> dict[str, str]:
    """Draw, measure and judge; return the finding's status by each margin alone, and by all."""
    rng = generator(cohort.seed, cohort.patients, cohort.replicate)
    target, held_out = cohort.scene.draw(cohort.patients, rng)
    measured = measure(target, held_out, resamples=cohort.resamples, seed=int(rng.integers(2**31)))
    evidence = _evidence(measured, cohort.patients)
    asked: dict[str, tuple[Harm, ...]] = {name: (name,) for name in MARGINS} | {ALL: tuple(MARGINS)}
    return {name: cohort.scene.gate(margins).judge(evidence).status for name, margins in asked.items()}


def run(plan: Plan, *, seed: int, processes: int = PROCESSES) -> dict[str, list[dict[str, Any]]]:
    """Return the rates of false fails and false passes, and the power."""
    cohorts = [
        Cohort(line.scene, line.patients, replicate, seed + place, RESAMPLES)
        for place, line in enumerate(plan)
        for replicate in range(line.replicates)
    ]
    found = iter(shared_out(judged, cohorts, processes=processes))
    tables: dict[str, list[dict[str, Any]]] = {}
    for line in plan:
        answers = [next(found) for _ in range(line.replicates)]
        for name in line.asked or (*MARGINS, ALL):
            statuses = [answer[name] for answer in answers]
            rates = {
                status: share(statuses.count(status), len(statuses)) for status in ("pass", "fail", "insufficient")
            }
            row = {"scene": line.name, "margin": name, "patients": line.patients}
            tables.setdefault(line.table, []).append(row | line.facts | rates)
    return tables


def plan(replicates: int) -> Plan:
    """Return the whole programme: a part of `replicates` for each line, the most for false passes, which harm."""
    fails, passes, seen = (max(1, replicates // part) for part in (8, 4, 20))
    several = (("sex", (0.4, 0.6)), ("age", (0.2, 0.3, 0.5)))
    two = (("sex", (0.5, 0.5)),)
    lines = [
        Line("false_fail", "all groups alike", Scene(several), 1000, fails),
        Line(
            "false_fail",
            "every group at the margin",
            Scene(several, "log_observed_expected", 1.0, everybody=True),
            1000,
            fails,
            asked=("log_observed_expected",),
        ),
        Line(
            "false_fail",
            "every group at the margin",
            Scene(several, "net_benefit_gain", 1.0, everybody=True),
            1000,
            fails,
            asked=("net_benefit_gain",),
        ),
    ]
    lines += [
        Line("false_pass", "one of two groups at the margin", Scene(two, harm, 1.0), 4000, passes, asked=(harm,))
        for harm in MARGINS
    ]
    for events in (100, 200, 500, 1000, 2000, 5000):
        patients = round(2 * events / RATE)
        facts = {"events_per_group": events}
        lines.append(Line("power", "both groups alike", Scene(two), patients, seen, facts=facts))
        lines += [
            Line("power", "one group two margins off", Scene(two, harm, 2.0), patients, seen, (harm,), facts)
            for harm in MARGINS
        ]
    # A difference of two sensitivities is known well enough for a false pass to be likely in large cohorts only.
    large = Scene(two, "sensitivity", 1.0)
    lines.append(Line("false_pass", "one of two groups at the margin", large, 12_000, passes, ("sensitivity",)))
    return tuple(lines)


def _evidence(measured: Measured, patients: int) -> Evidence:
    return Evidence(
        study="simulated",
        task="binary",
        cohort=CohortFacts(
            sha256=_SHA, patients=patients, events=measured.events, non_events=measured.non_events, simulated=True
        ),
        data=DataFacts(suite_sha256=_SHA, expectations=1, critical=(), warnings=(), leakage=()),
        predictions_sha256=_SHA,
        model_sha256=_SHA,
        family="given",
        reference_family="given",
        overall=measured.overall,
        comparisons=measured.comparisons,
        groups=measured.groups,
        contrasts=measured.contrasts,
        families=measured.families,
        net_benefit=measured.net_benefit,
    )


def _sound(feature: Floats) -> tuple[Floats, Floats]:
    """Return predictions and risks of patients who are served well: predictions are right."""
    risk: Floats = expit(_INTERCEPT + _STRENGTH * feature)
    return risk, risk


def _off_in_level(feature: Floats, strength: float) -> tuple[Floats, Floats]:
    """Risks below prediction by `strength` on the log scale."""
    predicted, _ = _sound(feature)
    return predicted, predicted * np.exp(-strength)


def _missed(feature: Floats, strength: float) -> tuple[Floats, Floats]:
    """Right predictions, of patients of lower risk, who reach the threshold less often when they have the event."""
    return _sound(feature - strength)


def _useless(feature: Floats, strength: float) -> tuple[Floats, Floats]:
    """Predictions whose shift makes acting on them worth less than the better default."""
    predicted, _ = _sound(feature)
    shifted: Floats = expit(_INTERCEPT + 0.35 * _STRENGTH * feature)
    return predicted, expit(np.log(shifted / (1 - shifted)) - strength)


_HARMS: dict[Harm, Callable[[Floats, float], tuple[Floats, Floats]]] = {
    "log_observed_expected": _off_in_level,
    "sensitivity": _missed,
    "net_benefit_gain": _useless,
}


@cache
def _strength(harm: Harm, size: float) -> float:
    """Find the strength at which the harmed group lies `size` margins from what is right."""
    grid = norm.ppf((np.arange(20_000) + 0.5) / 20_000)

    def value(strength: float) -> float:
        predicted, risk = _HARMS[harm](grid, strength)
        if harm == "log_observed_expected":
            return float(np.log(risk.mean() / predicted.mean()))
        return threshold_truth(predicted, risk, np.ones_like(grid), threshold=_THRESHOLD)[harm]

    aim = -size * MARGINS[harm] + (value(0.0) if harm == "sensitivity" else 0.0)
    if harm == "net_benefit_gain":
        strengths = np.linspace(-1, 1.5, 101)
        values = [value(strength) for strength in strengths]
        low = next(place for place in range(100) if values[place] > aim >= values[place + 1])
        return float(brentq(lambda strength: value(strength) - aim, strengths[low], strengths[low + 1]))
    return float(brentq(lambda strength: value(strength) - aim, 0.0, 3.0))
