"""Studies of simulated cohorts, as ``params.yaml`` would declare them."""

from typing import Any

from theragate.study import Study, TaskName, parse

__all__ = ["simulated_study"]

_OUTCOMES: dict[TaskName, dict[str, Any]] = {
    "binary": {"column": "event", "positive": "yes", "description": "An event."},
    "regression": {"column": "value", "unit": "points", "description": "A quantity."},
    "survival": {
        "time": "time",
        "event": "event",
        "unit": "years",
        "horizon_reason": "As declared.",
        "description": "An event.",
    },
    "treatment_effect": {
        "treatment": {
            "column": "arm",
            "treated": "1",
            "name": "a treatment",
            "control": "none",
            "assigned": "at_random",
            "propensity": 0.5,
            "reason": "Lots are drawn.",
        },
        "measured": {"column": "value", "unit": "points", "description": "A quantity."},
        "effect": "mean",
        "better": "higher",
        "reason": "More is better.",
    },
}
_TUNING: dict[TaskName, dict[str, Any]] = {
    "binary": {"reference": "logistic", "families": ["spline_logistic"], "trials": 2},
    "regression": {"reference": "linear", "families": ["elastic_net"], "trials": 2},
    "survival": {"reference": "ridge_cox", "families": ["coxnet"], "trials": 2},
    "treatment_effect": {"reference": "constant_effect", "families": ["dr_learner"], "trials": 2},
}


def simulated_study(task: TaskName, *, horizon: float, **changes: Any) -> Study:
    """Return a study of `task`; `changes` replace keys of its entry."""
    content: dict[str, Any] = {
        "name": f"simulated_{task}",
        "task": task,
        "card": {
            "title": "A simulated cohort",
            "intended_use": "To see how often limits hold.",
            "users": "Statisticians.",
            "population": "Nobody.",
            "out_of_scope": [],
            "cautions": [],
            "owner": "The simulations",
        },
        "source": {"kind": "bundled", "name": "none", "citation": "Drawn here.", "licence": "None needed."},
        "outcome": _OUTCOMES[task] | ({"horizon": horizon} if task == "survival" else {}),
        "features": {},
        "deidentification": {},
        "subgroups": {},
        "decision": {"none": "Nobody acts on it."},
        "validation": {
            "scheme": "nested_cross_validation",
            "repeats": 2,
            "folds": 5,
            "inner_folds": 2,
            "reason": "As small cohorts are validated, with few repeats to save time.",
        },
        "tuning": _TUNING[task],
        "stability": {"refits": 20, "reason": "Not measured here."},
        "scenarios": {},
        "gates": {},
    }
    return parse(Study, content | changes, at="simulations")
