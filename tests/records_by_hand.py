"""A training record and a provenance that are whole, for tests that need a few of their fields."""

from typing import Any

from theragate.cohorts.provenance import Provenance
from theragate.learning.record import TrainingRecord
from theragate.study import spec_of

CHOICE = {"family": "xgboost", "params": {"learning_rate": 0.0312345, "max_depth": 3}}
RULE = "The best trial replaces the reference only if it is better by one standard error."


def training_record(**changes: Any) -> TrainingRecord:
    """Return a record with some fields of JSON changed."""
    content = {
        "study": "heart_attack_survival",
        "task": "survival",
        "selected": CHOICE,
        "reference": {"family": "ridge_cox", "params": {"penalty": 1.0}},
        "best": {**CHOICE, "number": 1},
        "selection": {"difference": 0.004, "standard_error": 0.002, "rule": RULE, "reference_kept": False},
        "loss": "log loss",
        "trials": [],
        "outer": [],
        "importances": {"age": {"mean": 0.1, "sd": 0.01}},
        "families": {"searched": ["xgboost"], "known": ["ridge_cox", "xgboost"]},
        "features": ["age", "bmi"],
        "input_schema": [{"name": "age", "type": "number"}, {"name": "sex", "type": "text"}],
        "validation": {
            "scheme": "nested_cross_validation",
            "folds": 5,
            "repeats": 2,
            "inner_folds": 3,
            "reason": "Few patients.",
        },
        "patients": 500,
        "developed_on": 500,
        "seed": 7,
        "versions": {"python": "3.11.7", "scikit-survival": "0.28.0"},
    }
    return spec_of(TrainingRecord, content | changes, subject="the record", remedy="")


def provenance_of(**changes: Any) -> Provenance:
    """Return a provenance with some fields of JSON changed."""
    content = {
        "study": "heart_attack_survival",
        "source": {"kind": "bundled", "name": "whas500", "citation": "One study.", "licence": "Free."},
        "version": "a library, version 1.2",
        "simulated": False,
        "patients": 500,
        "columns": {"age": "float64"},
        "sha256": "0" * 64,
        "deidentification": {"dates": [], "ages": [], "removed": {}, "not_identifying": {}},
    }
    return spec_of(Provenance, content | changes, subject="the provenance", remedy="")
