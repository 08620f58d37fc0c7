"""A study that compares treatments, through every stage: what is not shown is not personalised."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project

from theragate.cli import main
from theragate.personal.table import NOT_SURE
from theragate.stages.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.register import register
from theragate.stages.train import train
from theragate.stages.validate import validate

STAGES = (ingest, validate, train, refit, evaluate, gate, register)


def cohort(patients: int = 240) -> pd.DataFrame:
    """A randomised trial whose drug heals a fifth more, whoever takes it."""
    random = np.random.default_rng(5)
    age, sex = random.uniform(30, 80, patients).round(), random.choice(["f", "m"], patients)
    arm = random.permutation(["drug", "placebo"] * (patients // 2))
    healed = random.uniform(size=patients) < 0.35 + 0.2 * (arm == "drug") - 0.004 * (age - 55)
    record = [f"record {number:05d}" for number in range(patients)]
    return pd.DataFrame({"record": record, "age": age, "sex": sex, "arm": arm, "healed": np.where(healed, "yes", "no")})


def compare_treatments(project: Project) -> None:
    study = project.study
    gates = study["gates"]
    reason = {"reason": "For the tests."}
    study |= {
        "task": "treatment_effect",
        "outcome": {
            "treatment": {
                "column": "arm", "treated": "drug", "name": "the drug", "control": "placebo",
                "assigned": "at_random", "propensity": 0.5, "reason": "The tests draw lots.",
            },
            "measured": {"column": "healed", "positive": "yes", "description": "Healed within a year."},
            "effect": "event", "better": "higher", "reason": "Healing is what patients want.",
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
            "personalisation": reason, "comparability": reason,
            "lineage": gates["lineage"], "held_out_use": gates["held_out_use"],
        },
    }  # fmt: skip
    project.write()
    cohort().to_csv(project.table, index=False)


@pytest.fixture
def trial(project: Project, monkeypatch) -> Project:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    compare_treatments(project)
    return project


def report(trial: Project, name: str) -> Path:
    return trial.root / "reports" / STUDY / name


def test_nothing_is_personalised_and_the_average_effect_is_told(trial, capsys):
    for stage in STAGES:
        assert exit_code(stage, [STUDY]) == 0, capsys.readouterr()
    assert "NOT_PERSONALISED; version 1, no alias" in capsys.readouterr().out
    evidence = json.loads(report(trial, "evidence.json").read_text(encoding="utf-8"))
    average = evidence["overall"]["average_effect"]
    assert average["lower"] < 0.2 < average["upper"]
    assert evidence["treatment"]["assigned"] == "at_random"
    assert set(evidence["treatment"]["bands"]) >= {"sex=female", "sex=male"}
    verdict = json.loads(report(trial, "verdict.json").read_text(encoding="utf-8"))
    assert verdict["decision"] == "NOT_PERSONALISED"
    card = report(trial, "card.md").read_text(encoding="utf-8")
    assert "## Effect of the treatment" in card
    assert "percentage points of risk gained" in card
    assert "| sex female |" in card
    assert "The study could not show that benefits differ between patients, so that no patient gets a number" in card
    assert main(["example", STUDY]) == 0
    answer = json.loads(capsys.readouterr().out.split("\n\n", 1)[1])["predictions"][0]
    assert (answer["prediction"], answer["answer"]) == (None, NOT_SURE)
    assert "the average benefit is" in answer["reason"]
    assert answer["reason"].endswith("percentage points")
    assert {path.name for path in report(trial, "figures").iterdir()} >= {"effects.png", "decision_curve.png"}


def test_a_copy_of_the_treatment_stops_the_study(trial, capsys):
    table = cohort().assign(group=lambda frame: np.where(frame["arm"] == "drug", "1", "2"))
    table.to_csv(trial.table, index=False)
    assert exit_code(ingest, [STUDY]) == 0
    assert exit_code(validate, [STUDY]) == 1
    found = json.loads(report(trial, "validation.json").read_text(encoding="utf-8"))
    assert [(leak["check"], leak["feature"]) for leak in found["leakage"]] == [("treatment", "group")]
    assert capsys.readouterr().err.count("\n") == 1


def test_one_arm_is_refused_in_one_line(trial, capsys):
    cohort().assign(arm="drug").to_csv(trial.table, index=False)
    assert exit_code(ingest, [STUDY]) == 1
    lines = capsys.readouterr().err
    assert "the treatment has two values" in lines
    assert lines.count("\n") == 1
