"""The contract of an estimator family: every one, in every task, passes the same tests."""

import importlib
import inspect
import pkgutil

import numpy as np
import optuna
import pandas as pd
import pytest
from learning.problems import problem

from theragate.cohorts.outcomes import Censored
from theragate.digests import sha256_tree
from theragate.errors import DataError
from theragate.learning import families
from theragate.learning.families import FAMILIES, Family, check_width
from theragate.learning.features import Feature, read_features
from theragate.learning.null_model import null_prediction
from theragate.learning.persistence import load, save
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.tuning_loss import Loss
from theragate.study import TASKS

ALL = [(task, family) for task, named in FAMILIES.items() for family in named]

PLAIN = {".json", ".skops", ".npz", ".ubj"}  # what is read without running any of it


def fitted(task: str, family: str, *, seed: int = 5, **changes) -> tuple[Predictor, pd.DataFrame]:
    cohort, outcome, study = problem(task)
    params = {**FAMILIES[task][family].fixed, **changes}
    schema = read_features(cohort, study)
    return fit_predictor(cohort, outcome, task=task, family=family, params=params, schema=schema, seed=seed), cohort


def concrete(kind: type[Family]) -> set[type[Family]]:
    found = {deeper for child in kind.__subclasses__() for deeper in concrete(child)}
    return found if inspect.isabstract(kind) else {kind, *found}


def test_the_registry_holds_every_family_there_is() -> None:
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
    ours = families.__name__  # tests have families of their own
    there_are = {kind for kind in concrete(Family) if kind.__module__.startswith(ours)}
    assert {type(family) for named in FAMILIES.values() for family in named.values()} == there_are
    assert set(FAMILIES) == set(TASKS)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_it_learns_something(task: str, family: str) -> None:
    predictor, cohort = fitted(task, family)
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
def test_stored_and_loaded_it_predicts_the_same_bits_from_the_same_bytes(tmp_path, task, family) -> None:
    predictor, cohort = fitted(task, family)
    save(predictor, tmp_path / "one")
    assert {path.suffix for path in (tmp_path / "one").iterdir()} <= PLAIN
    loaded = load(tmp_path / "one")
    np.testing.assert_array_equal(loaded.predict(cohort), predictor.predict(cohort))
    save(loaded, tmp_path / "two")
    save(fitted(task, family)[0], tmp_path / "three")
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "two") == sha256_tree(tmp_path / "three")
    assert loaded.schema == predictor.schema
    assert loaded.horizon == predictor.horizon


@pytest.mark.parametrize(("task", "family"), ALL)
def test_a_complete_feature_may_be_missing_and_a_category_new(task: str, family: str) -> None:
    predictor, cohort = fitted(task, family)
    strange = cohort.assign(age=np.nan, stage="IV")
    assert np.isfinite(predictor.predict(strange)).all()
    blank = cohort.assign(age=np.nan, marker=np.nan, smoker=np.nan, stage=None)
    assert np.ptp(predictor.predict(blank)) == 0


@pytest.mark.parametrize(("task", "family"), ALL)
def test_a_patient_is_predicted_alike_in_any_company_and_order_of_columns(task: str, family: str) -> None:
    predictor, cohort = fitted(task, family)
    alone = np.concatenate([predictor.predict(cohort.iloc[[row]]) for row in range(5)])
    np.testing.assert_allclose(alone, predictor.predict(cohort[cohort.columns[::-1]])[:5], rtol=1e-12)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_far_beyond_the_data_predictions_stay_finite(task: str, family: str) -> None:
    predictor, cohort = fitted(task, family)
    assert np.isfinite(predictor.predict(cohort.assign(age=1e6, marker=-1e6))).all()


@pytest.mark.parametrize(("task", "family"), ALL)
def test_its_fixed_parameters_are_those_of_its_space(task: str, family: str) -> None:
    kind = FAMILIES[task][family]
    fixed = {f"it.{name}": value for name, value in kind.fixed.items()}
    assert kind.suggest(optuna.trial.FixedTrial(fixed), "it.") == dict(kind.fixed)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_nobody_to_predict_for_gives_no_prediction(task: str, family: str) -> None:
    predictor, cohort = fitted(task, family)
    assert predictor.predict(cohort.iloc[:0]).shape == (0,)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_text_alone_is_enough_and_its_categories_may_read_like_other_columns(tmp_path, task, family) -> None:
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
def test_twins_and_constants_among_the_features_do_no_harm(task: str, family: str) -> None:
    cohort, outcome, study = problem(task)
    twins = cohort.assign(twin=cohort["age"], constant=1.0, nobody=np.nan)
    schema = read_features(twins, study)
    params = FAMILIES[task][family].fixed
    predictor = fit_predictor(twins, outcome, task=task, family=family, params=params, schema=schema, seed=5)
    assert np.isfinite(predictor.predict(twins)).all()


@pytest.mark.parametrize(("task", "family"), ALL)
def test_more_features_than_patients_are_learned_from_or_refused(task: str, family: str) -> None:
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
