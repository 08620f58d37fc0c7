"""A study that compares treatments, through every stage: what is not shown is not personalised."""

import json
from pathlib import Path

import numpy as np
from support import STUDY
from trials import compare_means, randomised

from theragate.cli import main
from theragate.personal.answer_table import NOT_SURE
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.register import register
from theragate.stages.train import train
from theragate.stages.validate import validate

STAGES = (ingest, validate, train, refit, evaluate, gate, register)


def report(trial, name: str) -> Path:
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


def test_a_quantity_goes_through_every_stage_in_its_unit(trial, capsys):
    compare_means(trial)
    for stage in STAGES:
        assert exit_code(stage, [STUDY]) == 0, capsys.readouterr()
    evidence = json.loads(report(trial, "evidence.json").read_text(encoding="utf-8"))
    average, treatment = evidence["overall"]["average_effect"], evidence["treatment"]
    assert average["lower"] < 2 < average["upper"]
    assert average["lower"] > 0, "two points less pain is a benefit"
    assert (treatment["effect"], treatment["unit"], treatment["hazard_ratio"]) == ("mean", "points", None)
    assert "points gained" in report(trial, "card.md").read_text(encoding="utf-8")


def test_a_copy_of_the_treatment_stops_the_study(trial, capsys):
    table = randomised().assign(group=lambda frame: np.where(frame["arm"] == "drug", "1", "2"))
    trial.put(table)
    assert exit_code(ingest, [STUDY]) == 0
    assert exit_code(validate, [STUDY]) == 1
    found = json.loads(report(trial, "validation.json").read_text(encoding="utf-8"))
    assert [(leak["check"], leak["feature"]) for leak in found["leakage"]] == [("treatment", "group")]
    assert capsys.readouterr().err.count("\n") == 1
