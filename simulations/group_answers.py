"""How often a quantity's interval holds in each of two groups whose errors differ: one interval for all, or one each.

Cohorts are drawn and put through the real training. In the smaller group the errors have a standard deviation three
times as large. Where the group is an input of the model, it gets limits of its own; where it is not, the answers of the
same cohorts say that the coverage is not shown for it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simulations.answers import fitted, mean
from simulations.parallel import PROCESSES, generator, shared_out
from simulations.studies import simulated_study
from simulations.truth import Floats
from theragate.cohorts.outcome_columns import read_outcome
from theragate.study import Study

__all__ = ["GROUPS", "observe_groups", "run"]

GROUPS = ("usual", "scattered")
_SPREAD = np.array([1.0, 3.0])
_SHARE = 0.3  # of the scattered
_EFFECTS = np.array([1.0, 0.7, 0.4])
_NEW = 20_000
_SUBGROUPS = {"site": {"title": "Site", "column": "site", "labels": {name: name for name in GROUPS}, "judged": True}}


@dataclass(frozen=True)
class GroupTrial:
    """One cohort to be drawn and learned from; ``known``: whether the group is an input of the model."""

    known: bool
    patients: int
    replicate: int
    seed: int


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """Learn from cohorts of each size (patients -> replicates); return one row for each size, way and group."""
    trials = [
        GroupTrial(known, patients, replicate, seed)
        for patients, count in replicates.items()
        for replicate in range(count)
        for known in (False, True)
    ]
    seen: dict[tuple[bool, int, str], list[dict[str, float]]] = defaultdict(list)
    for trial, found in zip(trials, shared_out(observe_groups, trials, processes=processes), strict=True):
        for group, one in found.items():
            seen[trial.known, trial.patients, group].append(one)
    return [
        {"known": known, "patients": patients, "group": group}
        | {name: mean([one[name] for one in found]) for name in found[0]}
        for (known, patients, group), found in sorted(seen.items(), key=lambda row: (row[0][1], row[0][0], row[0][2]))
    ]


def observe_groups(trial: GroupTrial) -> dict[str, dict[str, float]]:
    """Learn from one cohort; return for each group the share of new patients inside, the width, and what is said."""
    rng = generator(trial.seed, 9, trial.patients, trial.replicate)
    dropped = {} if trial.known else {"dropped": {"site": "Not known when the model answers."}}
    study = simulated_study("regression", horizon=1.0, subgroups=_SUBGROUPS, features=dropped)
    cohort = _draw(trial.patients, rng)
    cohort["patient"] = np.arange(trial.patients)
    learned = _learned(cohort, study, rng)
    new = _draw(_NEW, rng)
    answers = learned.personal.answer(new)
    given = answers["lower"].notna()
    new, answers = new[given], answers[given]
    inside = (answers["lower"] <= new["value"]) & (new["value"] <= answers["upper"])
    width = answers["upper"] - answers["lower"]
    measured = {one.group: one for one in learned.record.groups}
    found = {}
    for group in GROUPS:
        members = new["site"] == group
        one = measured[group]
        found[group] = {
            "coverage": float(inside[members].mean()),
            "width": float(width[members].mean()),
            "coverage_as_recorded": np.nan if one.coverage is None else one.coverage,
            "called_not_shown": float(answers["not_shown_for"].str.contains(f"Site: {group}").mean()),
        }
    return found


def _learned(cohort: pd.DataFrame, study: Study, rng: np.random.Generator) -> Any:
    return fitted(cohort, read_outcome(cohort, study), study, seed=int(rng.integers(2**31)))


def _draw(patients: int, rng: np.random.Generator) -> pd.DataFrame:
    features: Floats = rng.normal(size=(patients, len(_EFFECTS)))
    scattered = (rng.random(patients) < _SHARE).astype(np.intp)
    frame = pd.DataFrame(features, columns=[f"feature_{place}" for place in range(features.shape[1])])
    frame["site"] = np.array(GROUPS)[scattered]
    frame["value"] = 10 + features @ _EFFECTS + _SPREAD[scattered] * rng.normal(size=patients)
    return frame
