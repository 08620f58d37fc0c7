"""Families: how risks are made of scores, which names a study may use, and how many features a family carries."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Censored
from theragate.errors import ConfigurationError, DataError
from theragate.learning.families import FAMILIES, Training, check_families, check_width
from theragate.learning.features import read_features
from theragate.learning.models import BoostedModel
from theragate.learning.predictor import Predictor, fit_predictor


def fitted(problem, task: str, family: str, *, seed: int = 5, **changes) -> tuple[Predictor, pd.DataFrame]:
    cohort, outcome, study = problem(task)
    params = {**FAMILIES[task][family].fixed, **changes}
    schema = read_features(cohort, study)
    return fit_predictor(cohort, outcome, task=task, family=family, params=params, schema=schema, seed=seed), cohort


def test_an_absent_feature_is_refused(problem) -> None:
    predictor, cohort = fitted(problem, "binary", "logistic")
    with pytest.raises(DataError, match="feature `marker`: every feature of the model is a column of the data"):
        predictor.predict(cohort.drop(columns="marker"))


def test_cox_risk_by_hand() -> None:
    from theragate.learning.family import response_of

    # With equal scores of 0 Breslow's hazard is Nelson–Aalen's: 1/4 at time 1, and 1/2 at time 3.
    outcome = Censored(np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, False, True, True]), 4.0)
    response = response_of(outcome, np.zeros(4))
    assert response.hazard == pytest.approx(0.75)
    assert response.of(np.array([0.0, np.log(2), 1e9])) == pytest.approx([1 - np.exp(-0.75), 1 - np.exp(-1.5), 1])


def test_curvature_near_zero_leaves_straight_lines(problem) -> None:
    predictor, cohort = fitted(problem, "regression", "spline_ridge", curvature=1e-6)
    line = predictor.predict(cohort.iloc[[0] * 3].assign(age=[40.0, 55.0, 70.0]))
    assert line[1] - line[0] == pytest.approx(line[2] - line[1], rel=1e-6)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        (
            {"reference": "ridge_cox"},
            r"tuning\.reference`: a family of a binary study is one of logistic, spline_logistic",
        ),
        ({"families": ["xgboots"]}, r"tuning\.families`: .* received `xgboots`"),
        ({"families": ["xgboost", "xgboost"]}, "received `xgboost` twice"),
    ],
    ids=["task", "typo", "twice"],
)
def test_unknown_families_are_refused_by_name(problem, tuning, message: str) -> None:
    _, _, study = problem("binary", tuning={"reference": "logistic", "families": [], "trials": 3, **tuning})
    with pytest.raises(ConfigurationError, match=message):
        check_families(study)


def test_more_features_than_patients_are_refused_where_the_penalty_is_light(problem) -> None:
    study = problem("survival", tuning={"reference": "ridge_cox", "families": ["coxnet"], "trials": 3})[2]
    check_width(study, features=100, patients=100)
    with pytest.raises(DataError, match=r"family `ridge_cox`.* received 101 features and 100 patients.*coxnet"):
        check_width(study, features=101, patients=100)
    wide = problem("survival", tuning={"reference": "coxnet", "families": ["xgboost_aft"], "trials": 3})[2]
    check_width(wide, features=20_000, patients=100)


def test_boosted_times_by_weibull_recover_a_known_risk() -> None:
    # One group of patients lives four times as long; with the shape 2 its hazard is 1/16 of the other's.
    random = np.random.default_rng(1)
    slow = np.repeat([0.0, 1.0], 2000)
    time = random.weibull(2.0, 4000) * np.where(slow == 1, 4.0, 1.0)
    censoring = random.uniform(0.5, 8.0, 4000)
    outcome = Censored(np.minimum(time, censoring), time <= censoring, 1.0)
    params = {"rounds": 200, "depth": 1, "rows": 1.0, "columns": 1.0, "penalty": 0.3, "spread": 0.5}
    model = FAMILIES["survival"]["xgboost_aft"].fit(Training(slow[:, None], outcome, slice(0, 0)), params, seed=1)
    risk = model.response.of(model.score(np.array([[0.0], [1.0]])))
    assert risk == pytest.approx([1 - np.exp(-1), 1 - np.exp(-1 / 16)], abs=0.03)


@pytest.mark.parametrize(
    ("task", "family", "scored"),
    [
        ("binary", "xgboost", False),
        ("regression", "xgboost", False),
        ("survival", "xgboost_cox", True),
        ("survival", "xgboost_aft", True),
    ],
)
def test_boosting_scores_whom_it_learned_from_only_for_a_baseline_hazard(problem, monkeypatch, task, family, scored):
    asked: list[int] = []
    score = BoostedModel.score
    monkeypatch.setattr(BoostedModel, "score", lambda self, matrix: asked.append(len(matrix)) or score(self, matrix))
    _, cohort = fitted(problem, task, family, rounds=3)
    assert asked == ([len(cohort)] if scored else [])
