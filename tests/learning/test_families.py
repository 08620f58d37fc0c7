"""The contract of an estimator family: every one, in every task, passes the same tests."""

import numpy as np
import optuna
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Censored
from theragate.digests import sha256_tree
from theragate.errors import ConfigurationError, DataError
from theragate.learning.families import FAMILIES, Training, check_families, check_width
from theragate.learning.features import Feature, read_features
from theragate.learning.loss import Loss, null_prediction
from theragate.learning.persistence import load, save
from theragate.learning.predictor import Predictor, fit_predictor

ALL = [(task, family) for task, families in FAMILIES.items() for family in families]
PLAIN = {".json", ".skops", ".npz", ".ubj"}  # what is read without running any of it


def fitted(problem, task: str, family: str, *, seed: int = 5, **changes) -> tuple[Predictor, pd.DataFrame]:
    cohort, outcome, study = problem(task)
    params = {**FAMILIES[task][family].fixed, **changes}
    schema = read_features(cohort, study)
    return fit_predictor(cohort, outcome, task=task, family=family, params=params, schema=schema, seed=seed), cohort


@pytest.mark.parametrize(("task", "family"), ALL)
def test_it_learns_something(problem, task: str, family: str) -> None:
    predictor, cohort = fitted(problem, task, family)
    _, outcome, _ = problem(task)
    prediction = predictor.predict(cohort)
    assert prediction.dtype == np.float64
    assert prediction.shape == (len(cohort),)
    assert task in {"regression", "treatment_effect"} or ((prediction >= 0) & (prediction <= 1)).all()
    if task == "treatment_effect":  # the truth is drawn; without a model it is the difference between unlike arms
        loss = Loss.of_effects(cohort["leak"].to_numpy())
    else:
        loss = Loss.of(outcome, development=outcome)
    assert loss.mean(prediction) < loss.mean(np.full(len(cohort), null_prediction(outcome)))
    assert (predictor.task, predictor.family) == (task, family)
    assert predictor.features == ["age", "marker", "smoker", "stage"]
    assert predictor.horizon == (400 if isinstance(outcome, Censored) else None)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_stored_and_loaded_it_predicts_the_same_bits_from_the_same_bytes(problem, tmp_path, task, family) -> None:
    predictor, cohort = fitted(problem, task, family)
    save(predictor, tmp_path / "one")
    assert {path.suffix for path in (tmp_path / "one").iterdir()} <= PLAIN
    loaded = load(tmp_path / "one")
    np.testing.assert_array_equal(loaded.predict(cohort), predictor.predict(cohort))
    save(loaded, tmp_path / "two")
    save(fitted(problem, task, family)[0], tmp_path / "three")
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "two") == sha256_tree(tmp_path / "three")
    assert loaded.schema == predictor.schema
    assert loaded.horizon == predictor.horizon


@pytest.mark.parametrize(("task", "family"), ALL)
def test_a_complete_feature_may_be_missing_and_a_category_new(problem, task: str, family: str) -> None:
    predictor, cohort = fitted(problem, task, family)
    strange = cohort.assign(age=np.nan, stage="IV")
    assert np.isfinite(predictor.predict(strange)).all()
    blank = cohort.assign(age=np.nan, marker=np.nan, smoker=np.nan, stage=None)
    assert np.ptp(predictor.predict(blank)) == 0


@pytest.mark.parametrize(("task", "family"), ALL)
def test_a_patient_is_predicted_alike_in_any_company_and_order_of_columns(problem, task: str, family: str) -> None:
    predictor, cohort = fitted(problem, task, family)
    alone = np.concatenate([predictor.predict(cohort.iloc[[row]]) for row in range(5)])
    np.testing.assert_allclose(alone, predictor.predict(cohort[cohort.columns[::-1]])[:5], rtol=1e-12)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_far_beyond_the_data_predictions_stay_finite(problem, task: str, family: str) -> None:
    predictor, cohort = fitted(problem, task, family)
    assert np.isfinite(predictor.predict(cohort.assign(age=1e6, marker=-1e6))).all()


@pytest.mark.parametrize(("task", "family"), ALL)
def test_its_fixed_parameters_are_those_of_its_space(task: str, family: str) -> None:
    kind = FAMILIES[task][family]
    fixed = {f"it.{name}": value for name, value in kind.fixed.items()}
    assert kind.suggest(optuna.trial.FixedTrial(fixed), "it.") == dict(kind.fixed)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_nobody_to_predict_for_gives_no_prediction(problem, task: str, family: str) -> None:
    predictor, cohort = fitted(problem, task, family)
    assert predictor.predict(cohort.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_text_alone_is_enough_and_its_categories_may_read_like_other_columns(problem, tmp_path, task, family) -> None:
    cohort, outcome, _ = problem(task)
    features = pd.DataFrame(
        {"stage": cohort["stage"], "stage_I": np.resize(["I", "II"], len(cohort)), "stage_I_I": "x"}
    )
    schema = tuple(Feature(name, "text") for name in features)
    params = FAMILIES[task][family].fixed
    predictor = fit_predictor(features, outcome, task=task, family=family, params=params, schema=schema, seed=5)
    save(predictor, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(features), predictor.predict(features))


@pytest.mark.parametrize(("task", "family"), ALL)
def test_twins_and_constants_among_the_features_do_no_harm(problem, task: str, family: str) -> None:
    cohort, outcome, study = problem(task)
    twins = cohort.assign(twin=cohort["age"], constant=1.0, nobody=np.nan)
    schema = read_features(twins, study)
    params = FAMILIES[task][family].fixed
    predictor = fit_predictor(twins, outcome, task=task, family=family, params=params, schema=schema, seed=5)
    assert np.isfinite(predictor.predict(twins)).all()


@pytest.mark.parametrize(("task", "family"), ALL)
def test_more_features_than_patients_are_learned_from_or_refused(problem, task: str, family: str) -> None:
    rivals = [name for name in FAMILIES[task] if not FAMILIES[task][name].light and name != family]
    tuning = {"reference": family, "families": rivals, "trials": 3}
    cohort, outcome, study = problem(task, patients=60, tuning=tuning)
    genes = pd.DataFrame(np.random.default_rng(2).normal(size=(60, 70)), columns=[f"gene_{n}" for n in range(70)])
    wide = cohort.join(genes)
    schema = read_features(wide, study)
    kind = FAMILIES[task][family]
    if kind.light:
        message = rf"family `{family}`: .*received {len(schema)} features and 60 patients.*\({', '.join(rivals)}\)"
        with pytest.raises(DataError, match=message):
            check_width(study, features=len(schema), patients=60)
        return
    check_width(study, features=len(schema), patients=60)
    predictor = fit_predictor(wide, outcome, task=task, family=family, params=kind.fixed, schema=schema, seed=5)
    assert np.isfinite(predictor.predict(wide)).all()


def test_an_absent_feature_is_refused(problem) -> None:
    predictor, cohort = fitted(problem, "binary", "logistic")
    with pytest.raises(DataError, match="feature `marker`: every feature of the model is a column of the data"):
        predictor.predict(cohort.drop(columns="marker"))


def test_cox_risk_by_hand() -> None:
    from theragate.learning.families.base import response_of

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
