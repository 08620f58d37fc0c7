"""Arms that cannot be compared: the stage that finds it out says so in one clear line, without a patient's value."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project
from trials import randomised

from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.train import train
from theragate.stages.validate import validate

SECRET = 777.125  # a patient's value that no message may repeat
STAGES = (ingest, validate, train)


def refused(trial: Project, capsys, frame: pd.DataFrame, *, by: Any) -> str:
    """Run the pipeline on `frame`; the stage `by` has to refuse it."""
    frame = frame.assign(pressure=np.where(np.arange(len(frame)) == 7, SECRET, 120.0 + np.arange(len(frame)) % 9))
    trial.put(frame)
    for stage in STAGES[: STAGES.index(by)]:
        assert exit_code(stage, [STUDY]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert exit_code(by, [STUDY]) == 1
    shown = capsys.readouterr()
    line = shown.err.splitlines()[-1]
    assert shown.out == ""
    assert shown.err.count("\n") == 1 or by is train  # which has told how far it was
    assert line.startswith("error: ")
    assert "Traceback" not in shown.err
    assert str(SECRET) not in shown.err
    return line


def in_practice(trial: Project) -> None:
    treatment = trial.study["outcome"]["treatment"]
    treatment["assigned"] = "in_practice"
    treatment.pop("propensity", None)
    trial.study["gates"]["comparability"] = {"outside": 0.1, "imbalance": 0.1, "reason": "For the tests."}
    trial.write()


def survival(trial: Project, horizon: float) -> pd.DataFrame:
    """Compare the risk of an event by `horizon`; the follow-up ends with day 400."""
    trial.study["outcome"] |= {
        "measured": {
            "time": "days",
            "event": "died",
            "unit": "days",
            "horizon": horizon,
            "horizon_reason": "For the tests.",
            "description": "Death.",
        },
        "better": "lower",
    }
    trial.write()
    random = np.random.default_rng(2)
    frame = randomised().drop(columns="healed")
    return frame.assign(days=random.uniform(1, 400, len(frame)).round(), died=random.integers(0, 2, len(frame)))


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (
            "drug",
            r"has two values, one of which \(`drug`\).*; received 1 distinct values; 240 of 240 patients have `drug`",
        ),
        (["drug", "placebo", "sham"] * 80, r"has two values.*; received 3 distinct values; 80 of 240 patients have"),
        (["pill", "placebo"] * 120, "has two values.*; received 2 distinct values; 0 of 240 patients have `drug`"),
        ([None, "drug", "placebo"] * 80, "is known for every patient; received 80 missing values. Correct the source"),
        (
            ["drug"] * 225 + ["placebo"] * 15,
            r"with a chance of 0\.5, about that share is treated; received 94% treated",
        ),
    ],
)
def test_a_treatment_that_has_not_two_arms(arm, message, trial, capsys):
    line = refused(trial, capsys, randomised().assign(arm=arm), by=ingest)
    assert re.search(f"study `{STUDY}`, treatment column `arm`: .*{message}", line)


def test_a_feature_that_tells_the_arms_apart(trial, capsys):
    frame = randomised()
    frame["dose"] = np.where(frame["arm"] == "drug", 1, -1) * np.random.default_rng(0).uniform(1, 2, len(frame))
    for prepare in (lambda _: None, in_practice):
        prepare(trial)
        line = refused(trial, capsys, frame, by=validate)
        assert "no feature gives the outcome away; received 1 that do not hold: dose. Read reports/" in line


@pytest.mark.parametrize(
    ("prepare", "rule"),
    [
        (in_practice, "treated patients and controls overlap: either was possible for patients of both kinds"),
        (lambda _: None, "where treatment is assigned at random, no features tell who was treated"),
    ],
)
def test_features_that_tell_the_arms_apart_together(prepare, rule, trial, capsys):
    prepare(trial)
    one, other = np.random.default_rng(0).normal(size=(2, 240))
    frame = randomised().assign(one=one, other=other, arm=np.where(one + other > 0, "drug", "placebo"))
    line = refused(trial, capsys, frame, by=train)
    assert f"study `small_study`, treatment `arm`: {rule}; received features that tell how at least " in line
    assert "Look for a feature that follows from the treatment, and drop it" in line


@pytest.mark.parametrize(("among_controls", "by"), [(0, ingest), (2, validate)])
def test_all_events_in_one_arm_or_in_one_arm_of_a_fold(among_controls, by, trial, capsys):
    frame = randomised()
    controls = frame["arm"] == "placebo"
    frame.loc[controls, "healed"] = "no"
    frame.loc[frame.index[controls][:among_controls], "healed"] = "yes"
    line = refused(trial, capsys, frame, by=by)
    if by is ingest:
        assert (
            "each arm has patients in every class of the outcome; received no patient of the class `control, with "
            in line
        )
        assert (
            "the event`. Compare an outcome that occurs in both arms, choose an earlier horizon, or add patients."
            in line
        )
    else:
        assert "of all patients, each class of the outcome has at least 3 patients; received 2 control, with" in line
        assert "2 control, with the event. Declare fewer folds or another split under `validation`" in line


def test_a_horizon_beyond_the_follow_up(trial, capsys):
    line = refused(trial, capsys, survival(trial, 500), by=ingest)
    assert "there are events by the horizon of 500 days, and patients followed beyond it; received" in line
    assert "events and 0 patients beyond it" in line


def test_a_horizon_beyond_the_follow_up_of_one_arm(trial, capsys):
    frame = survival(trial, 300)
    frame["days"] = frame["days"].where(frame["arm"] == "drug", frame["days"].clip(upper=290))
    line = refused(trial, capsys, frame, by=ingest)
    assert "every class of the outcome; received no patient of the class `control, followed beyond it`." in line
    assert "choose an earlier horizon" in line
