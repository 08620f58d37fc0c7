"""A small trial, as a study that compares treatments."""

import numpy as np
import pandas as pd
from support import Project


def randomised(patients: int = 240) -> pd.DataFrame:
    """A randomised trial whose drug heals a fifth more, whoever takes it."""
    random = np.random.default_rng(5)
    age, sex = random.uniform(30, 80, patients).round(), random.choice(["f", "m"], patients)
    arm = random.permutation(["drug", "placebo"] * (patients // 2))
    healed = random.uniform(size=patients) < 0.35 + 0.2 * (arm == "drug") - 0.004 * (age - 55)
    record = [f"record {number:05d}" for number in range(patients)]
    return pd.DataFrame({"record": record, "age": age, "sex": sex, "arm": arm, "healed": np.where(healed, "yes", "no")})


def compare_treatments(project: Project) -> None:
    """Let the small study compare the arms of `randomised`."""
    study = project.study
    gates = study["gates"]
    reason = {"reason": "For the tests."}
    study |= {
        "task": "treatment_effect",
        "outcome": {
            "treatment": {
                "column": "arm",
                "treated": "drug",
                "name": "the drug",
                "control": "placebo",
                "assigned": "at_random",
                "propensity": 0.5,
                "reason": "The tests draw lots.",
            },
            "measured": {"column": "healed", "positive": "yes", "description": "Healed within a year."},
            "effect": "event",
            "better": "higher",
            "reason": "Healing is what patients want.",
        },
        "features": {},
        "decision": {"action": "Give the drug.", "least_benefit": 0.05, "range": [0.0, 0.2], "source": "Made up."},
        "validation": study["validation"] | {"repeats": 2, "folds": 3},
        "tuning": {"reference": "constant_effect", "families": ["x_learner"], "trials": 2},
        "scenarios": {"no_age": {"missing": {"age": 1.0}, "reason": "Nobody asked."}},
        "gates": {
            "data_quality": gates["data_quality"],
            "suspicious_performance": {"metric": "autoc", "ceiling": 0.5, **reason},
            "calibration": {"slope": [0.5, 2.0], "effect_error": 0.1, **reason},
            "utility": gates["utility"],
            "fairness": {"share_that_blocks": 0.05, "within_group": {"effect_error": 0.3}, **reason},
            "subgroup_adequacy": {"patients": 20, **reason},
            "robustness": {"metric": "autoc", "margin": 0.5, **reason},
            "stability": {"mean_absolute_difference": 0.2, **reason},
            "non_inferiority": {"metric": "autoc", "margin": 0.05, **reason},
            "personalisation": reason,
            "comparability": reason,
            "privacy": gates["privacy"],
            "lineage": gates["lineage"],
            "held_out_use": gates["held_out_use"],
        },
    }
    project.write()
    project.put(randomised())


def compare_means(project: Project) -> None:
    """Let the small study compare the arms by a quantity of which less is better: pain, two points less by the drug."""
    compare_treatments(project)
    table = randomised()
    noise = np.random.default_rng(6).normal(0, 2, len(table))
    pain = 10 + 0.05 * (table["age"] - 55) - 2 * (table["arm"] == "drug") + noise
    project.put(table.assign(pain=pain.round(1)).drop(columns="healed"))
    project.study["outcome"] |= {
        "measured": {"column": "pain", "unit": "points", "description": "Pain after a year."},
        "effect": "mean",
        "better": "lower",
        "reason": "Patients want less pain.",
    }
    project.study["decision"] |= {"least_benefit": 0.5, "range": [0.0, 1.5]}
    gates = project.study["gates"]
    gates["suspicious_performance"]["ceiling"] = 2.0
    gates["calibration"]["effect_error"] = 1.0
    gates["fairness"]["within_group"]["effect_error"] = 2.0
    project.write()
