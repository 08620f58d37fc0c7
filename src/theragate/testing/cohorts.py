"""Small cohorts of every task: with text, missing values and a column that must not be learned from."""

from copy import deepcopy
from typing import Any, cast

import numpy as np
import pandas as pd

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.study import TASKS, Study, TaskName, parse

__all__ = ["Problem", "make_cohort", "make_study", "problem", "study_entry"]

Problem = tuple[pd.DataFrame, Outcome, Study]

_OUTCOMES: dict[str, dict[str, Any]] = {
    "binary": {"column": "ill", "positive": "yes", "description": "Illness."},
    "regression": {"column": "score", "unit": "points", "description": "A score."},
    "survival": {
        "time": "time",
        "event": "died",
        "unit": "days",
        "horizon": 400,
        "horizon_reason": "For the tests.",
        "description": "Death.",
    },
    "treatment_effect": {
        "treatment": {
            "column": "arm",
            "treated": "drug",
            "name": "the drug",
            "control": "usual care",
            "assigned": "in_practice",
            "reason": "The older were treated more often.",
        },
        "measured": {"column": "score", "unit": "points", "description": "A score."},
        "effect": "mean",
        "better": "higher",
        "reason": "For the tests.",
    },
}
_TUNING: dict[str, dict[str, Any]] = {
    "binary": {"reference": "logistic", "families": ["spline_logistic", "xgboost"], "trials": 5},
    "regression": {"reference": "linear", "families": ["elastic_net", "spline_ridge", "xgboost"], "trials": 6},
    "survival": {"reference": "ridge_cox", "families": ["coxnet", "spline_cox", "xgboost_cox"], "trials": 6},
    "treatment_effect": {"reference": "constant_effect", "families": ["dr_learner"], "trials": 3},
}


def make_cohort(task: str, *, patients: int | None = None) -> pd.DataFrame:
    """Draw 150 patients; 400 where two arms are compared, whose true effect is the column `leak`."""
    kind = TASKS[cast("TaskName", task)]
    patients = patients or (400 if kind.compares_treatments else 150)
    random = np.random.default_rng(3)
    age = random.uniform(30, 90, patients).round()
    marker = random.normal(0, 1, patients).round(3)
    smoker = random.integers(0, 2, patients)
    score = 0.04 * (age - 60) + marker + 0.5 * smoker
    cohort = pd.DataFrame(
        {
            "patient": np.arange(1000, 1000 + patients),
            "age": age,
            "marker": np.where(random.uniform(size=patients) < 0.15, np.nan, marker),
            "smoker": smoker,
            "stage": pd.Series(random.choice(["I", "II", "III"], patients), dtype="str").mask(
                random.uniform(size=patients) < 0.1
            ),
            "leak": score,
        }
    )
    if kind.predicts_risk and not kind.over_time:
        cohort["ill"] = np.where(random.uniform(size=patients) < 1 / (1 + np.exp(-score)), "yes", "no")
    elif kind.predicts_quantity:
        cohort["score"] = 10 + 5 * score + random.normal(0, 3, patients)
    elif kind.compares_treatments:
        treated = random.uniform(size=patients) < 1 / (1 + np.exp(-0.05 * (age - 60)))
        cohort["arm"] = np.where(treated, "drug", "usual")
        cohort["score"] = 10 + 0.1 * age + (1 + score) * treated + random.normal(0, 1, patients)
        cohort["leak"] = 1 + score
    else:
        death = random.exponential(600 * np.exp(-score))
        censoring = random.uniform(100, 1500, patients)
        cohort["time"] = np.minimum(death, censoring).round()
        cohort["died"] = (death <= censoring).astype(int)
    return cohort


def study_entry(task: str) -> dict[str, Any]:
    """Return the entry of ``params.yaml`` that goes with `make_cohort`."""
    return {
        "task": task,
        "card": {
            "title": "A small study",
            "intended_use": "To test learning.",
            "users": "Testers.",
            "population": "Nobody.",
            "out_of_scope": [],
            "cautions": [],
            "owner": "The tests",
        },
        "source": {"kind": "bundled", "name": "none", "citation": "Drawn by the tests.", "licence": "None needed."},
        "outcome": deepcopy(_OUTCOMES[task]),
        "features": {"dropped": {"leak": "It is the truth itself."}},
        "deidentification": {},
        "subgroups": {},
        "decision": {"none": "For the tests."},
        "validation": {
            "scheme": "nested_cross_validation",
            "repeats": 2,
            "folds": 2,
            "inner_folds": 2,
            "reason": "A small cohort.",
        },
        "tuning": deepcopy(_TUNING[task]),
        "stability": {"refits": 20, "reason": "For the tests."},
        "scenarios": {
            "no_marker": {"missing": {"marker": 1.0, "stage": 0.5}, "reason": "The laboratory is closed."},
            "rough_age": {"noise": {"age": 3.0}, "reason": "Ages are guessed."},
        },
        "gates": {},
    }


def make_study(task: str, **changes: Any) -> Study:
    """Return the study that goes with `make_cohort`; `changes` are of its keys."""
    return parse(Study, {"name": f"small_{task}", **study_entry(task), **changes}, at="test")


def problem(task: str, *, patients: int | None = None, **changes: Any) -> Problem:
    """Make a cohort, its outcome and its study; `changes` are the study's."""
    cohort, study = make_cohort(task, patients=patients), make_study(task, **changes)
    return cohort, read_outcome(cohort, study), study
