"""What every estimator family promises, in each of its tasks, on small cohorts."""

import tempfile
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from theragate.cohorts.outcomes import Censored
from theragate.digests import sha256_tree
from theragate.errors import DataError
from theragate.extensions import use
from theragate.learning.families import check_width, families_of, family_of
from theragate.learning.features import Feature, read_features
from theragate.learning.null_model import null_prediction
from theragate.learning.persistence import load, save
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.tuning_loss import Loss
from theragate.study import TASKS, TaskName
from theragate.testing.cohorts import problem
from theragate.testing.promise import expect

__all__ = [
    "alike_in_any_company",
    "check_family",
    "finite_far_away",
    "fixed_parameters_of_the_space",
    "learns_something",
    "missing_and_new_values",
    "nobody_to_predict_for",
    "stored_as_data",
    "text_alone",
    "twins_and_constants",
    "wide_tables",
]

_PLAIN = {".json", ".skops", ".npz", ".ubj"}  # what is read without running any of it


def check_family(name: str, *, extension: str | None = None) -> None:
    """Check all that a family promises, in each of its tasks; what it stores goes to a temporary folder.

    Parameters
    ----------
    name
        Of the family.
    extension
        The installed distribution that adds it; None for one of ours.

    Raises
    ------
    AssertionError
        With the promise that is broken.
    ExtensionError
        If the extension cannot be used, or the family is none.
    """
    extensions = () if extension is None else (use(extension).name,)
    tasks: list[TaskName] = [task for task in TASKS if name in families_of(task, extensions)]
    expect(tasks, f"there is a family `{name}`")
    for task in tasks:
        learns_something(task, name)
        with tempfile.TemporaryDirectory() as folder:
            stored_as_data(task, name, Path(folder))
        missing_and_new_values(task, name)
        alike_in_any_company(task, name)
        finite_far_away(task, name)
        fixed_parameters_of_the_space(task, name)
        nobody_to_predict_for(task, name)
        with tempfile.TemporaryDirectory() as folder:
            text_alone(task, name, Path(folder))
        twins_and_constants(task, name)
        wide_tables(task, name, extensions=extensions)


def _fitted(task: TaskName, family: str, *, seed: int = 5) -> tuple[Predictor, pd.DataFrame]:
    cohort, outcome, study = problem(task)
    params, schema = family_of(task, family).fixed, read_features(cohort, study)
    return fit_predictor(cohort, outcome, task=task, family=family, params=params, schema=schema, seed=seed), cohort


def learns_something(task: TaskName, family: str) -> None:
    """Check that the fixed parameters predict better than nothing does, with numbers that are possible."""
    predictor, cohort = _fitted(task, family)
    _, outcome, _ = problem(task)
    prediction = predictor.predict(cohort)
    expect(prediction.dtype == np.float64 and prediction.shape == (len(cohort),), "there is one number per patient")
    if TASKS[task].predicts_risk:
        expect(((prediction >= 0) & (prediction <= 1)).all(), "a risk lies between 0 and 1")
    if TASKS[task].compares_treatments:  # the truth is drawn; without a model it is the difference between unlike arms
        loss = Loss.of_effects(cohort["leak"].to_numpy())
    else:
        loss = Loss.of(outcome, development=outcome)
    null = np.full(len(cohort), null_prediction(outcome))
    expect(loss.mean(prediction) < loss.mean(null), "the model predicts better than nothing does")
    expect((predictor.task, predictor.family) == (task, family), "the model knows what it is")
    expect(predictor.features == ["age", "marker", "smoker", "stage"], "the model knows its features")
    expect(predictor.horizon == (400 if isinstance(outcome, Censored) else None), "the model knows its horizon")


def stored_as_data(task: TaskName, family: str, folder: Path) -> None:
    """Check that a stored model is data, the same bytes each time, and predicts the same bits when it is loaded."""
    predictor, cohort = _fitted(task, family)
    save(predictor, folder / "one")
    expect({path.suffix for path in (folder / "one").iterdir()} <= _PLAIN, "a stored model is data, not code")
    loaded = load(folder / "one")
    same = np.array_equal(loaded.predict(cohort), predictor.predict(cohort))
    expect(same, "loaded, the model predicts the same bits")
    save(loaded, folder / "two")
    save(_fitted(task, family)[0], folder / "three")
    digests = {sha256_tree(folder / name) for name in ("one", "two", "three")}
    expect(len(digests) == 1, "the same data, parameters and seed give the same bytes")
    expect(loaded.schema == predictor.schema, "loaded, the model has the same features")
    expect(loaded.horizon == predictor.horizon, "loaded, the model has the same horizon")


def missing_and_new_values(task: TaskName, family: str) -> None:
    """Check that a feature may be missing altogether, and a category be one that was never seen."""
    predictor, cohort = _fitted(task, family)
    strange = predictor.predict(cohort.assign(age=np.nan, stage="IV"))
    expect(np.isfinite(strange).all(), "what is missing or new is predicted from all else")
    blank = cohort.assign(age=np.nan, marker=np.nan, smoker=np.nan, stage=None)
    expect(np.ptp(predictor.predict(blank)) == 0, "patients of whom nothing is known get one prediction")


def alike_in_any_company(task: TaskName, family: str) -> None:
    """Check that neither the other patients nor the order of the columns change a prediction."""
    predictor, cohort = _fitted(task, family)
    alone = np.concatenate([predictor.predict(cohort.iloc[[row]]) for row in range(5)])
    together = predictor.predict(cohort[cohort.columns[::-1]])[:5]
    expect(np.allclose(alone, together, rtol=1e-12, atol=0), "a patient is predicted alike in any company")


def finite_far_away(task: TaskName, family: str) -> None:
    """Check that values far beyond the data give a finite prediction."""
    predictor, cohort = _fitted(task, family)
    far = predictor.predict(cohort.assign(age=1e6, marker=-1e6))
    expect(np.isfinite(far).all(), "far beyond the data predictions stay finite")


def fixed_parameters_of_the_space(task: TaskName, family: str) -> None:
    """Check that the fixed parameters are a point of the search space."""
    kind = family_of(task, family)
    fixed = {f"it.{name}": value for name, value in kind.fixed.items()}
    drawn = kind.suggest(optuna.trial.FixedTrial(fixed), "it.")  # type: ignore[arg-type] # it only draws, as a trial does
    expect(drawn == dict(kind.fixed), "the fixed parameters are those of the search space")


def nobody_to_predict_for(task: TaskName, family: str) -> None:
    """Check that an empty table gives no prediction, and no error."""
    predictor, cohort = _fitted(task, family)
    expect(predictor.predict(cohort.iloc[:0]).shape == (0,), "nobody to predict for gives no prediction")


def text_alone(task: TaskName, family: str, folder: Path) -> None:
    """Check that texts alone are learned from, whose categories read like other columns."""
    cohort, outcome, _ = problem(task)
    features = pd.DataFrame(
        {"stage": cohort["stage"], "stage_I": np.resize(["I", "II"], len(cohort)), "stage_I_I": "x"}
    )
    schema = tuple(Feature(str(name), "text") for name in features)
    params = family_of(task, family).fixed
    predictor = fit_predictor(features, outcome, task=task, family=family, params=params, schema=schema, seed=5)
    save(predictor, folder / "model")
    same = np.array_equal(load(folder / "model").predict(features), predictor.predict(features))
    expect(same, "text alone is enough, whatever its categories are called")


def twins_and_constants(task: TaskName, family: str) -> None:
    """Check that a feature which is another's twin, constant or known of nobody does no harm."""
    cohort, outcome, study = problem(task)
    twins = cohort.assign(twin=cohort["age"], constant=1.0, nobody=np.nan)
    schema, params = read_features(twins, study), family_of(task, family).fixed
    predictor = fit_predictor(twins, outcome, task=task, family=family, params=params, schema=schema, seed=5)
    expect(np.isfinite(predictor.predict(twins)).all(), "twins and constants among the features do no harm")


def wide_tables(task: TaskName, family: str, *, extensions: tuple[str, ...] = ()) -> None:
    """Check that more features than patients are learned from, or refused with the families that can."""
    known = families_of(task, extensions)
    rivals = [name for name, kind in known.items() if not kind.light and name != family]
    tuning = {"reference": family, "families": rivals, "trials": 3}
    cohort, outcome, study = problem(task, patients=60, tuning=tuning, extensions=list(extensions))
    genes = pd.DataFrame(np.random.default_rng(2).normal(size=(60, 70)), columns=[f"gene_{n}" for n in range(70)])
    wide = cohort.join(genes)
    schema, kind = read_features(wide, study), known[family]
    try:
        check_width(study, features=len(schema), patients=60)
    except DataError as error:
        expect(kind.light, "only a family with a light penalty is refused")
        words = (f"family `{family}`", f"received {len(schema)} features and 60 patients", f"({', '.join(rivals)})")
        expect(all(each in str(error) for each in words), "the refusal names the families that can")
        return
    expect(not kind.light, "a family with a light penalty is refused where there are more features than patients")
    predictor = fit_predictor(wide, outcome, task=task, family=family, params=kind.fixed, schema=schema, seed=5)
    expect(np.isfinite(predictor.predict(wide)).all(), "more features than patients are learned from")
