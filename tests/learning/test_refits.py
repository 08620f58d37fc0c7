"""The released model's refits on bootstrap samples, and the champion's recipe in the challenger's folds."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import reusable_executor

from theragate.cohorts.outcomes import Binary, Censored, Outcome
from theragate.cohorts.splits import outer_splits
from theragate.errors import DataError, StoreError
from theragate.learning import refits as room
from theragate.learning.families import FAMILIES, Family, FitError
from theragate.learning.features import read_features
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.refits import Recipe, Refitted, refit
from theragate.learning.seeds import derive
from theragate.workers.processes import Processes

TASKS = ["binary", "regression", "survival"]
HOLDOUT = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 3, "reason": "For the tests."}
SEED = 9


def recipe_of(predictor: Predictor, params: Any) -> Recipe:
    return Recipe(predictor.family, params, tuple(predictor.features))


def refitted(problem_of_task, predictor: Predictor, params: Any, **changes: Any) -> Refitted:
    cohort, outcome, study = problem_of_task
    arguments = {"champion": None, "seed": SEED, "backend": Processes(1), "progress": lambda *_: None, **changes}
    with TemporaryDirectory() as folder:
        arguments = {"storage": Path(folder), **arguments}
        return refit(cohort, outcome, study, released=predictor, params=params, **arguments)


def quick(problem_of_task, family: str, rows: Any = None) -> Predictor:
    """A model of the family's fixed parameters, fitted to all patients or to those of `rows`."""
    cohort, outcome, study = problem_of_task
    rows = np.arange(len(cohort)) if rows is None else rows
    return fit_predictor(
        cohort.iloc[rows],
        outcome.take(rows),
        task=study.task,
        family=family,
        params=FAMILIES[study.task][family].fixed,
        schema=read_features(cohort, study),
        seed=1,
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_table_of_refits(problem, trained, task: str) -> None:
    cohort, _, study = problem(task)
    training = trained(task, 1)[0]
    result = refitted(problem(task), training.predictor, training.record.selected.params)
    table = result.refits
    kinds = {"refit": "int16", "patient": str(cohort["patient"].dtype), "drawn": "int16", "prediction": "float64"}
    assert table.dtypes.astype(str).to_dict() == kinds
    assert table["refit"].unique().tolist() == list(range(study.stability.refits + 1))
    for number, part in table.groupby("refit"):
        assert part["patient"].tolist() == sorted(cohort["patient"])
        assert part["drawn"].sum() == len(cohort)
        assert (part["drawn"] == 1).all() == (number == 0)
    assert np.isfinite(table["prediction"]).all()
    assert result.why == ""
    assert result.champion.empty
    assert result.champion.columns.tolist() == ["repeat", "fold", "patient", "prediction"]


@pytest.mark.parametrize("task", TASKS)
def test_refit_0_is_the_released_model_which_the_recipe_makes_to_the_bit(problem, trained, task: str) -> None:
    cohort, outcome, study = problem(task)
    training = trained(task, 1)[0]
    selected = training.record.selected
    table = refitted(problem(task), training.predictor, selected.params).refits
    again = fit_predictor(
        cohort,
        outcome,
        task=task,
        family=selected.family,
        params=selected.params,
        schema=read_features(cohort, study),
        seed=derive(derive(SEED, study.name, "released"), "final fit"),
    )
    own = table.loc[table["refit"] == 0, "prediction"].to_numpy()
    np.testing.assert_array_equal(own, training.predictor.predict(cohort))
    np.testing.assert_array_equal(own, again.predict(cohort))


def test_a_refit_is_the_model_of_its_sample(problem) -> None:
    cohort, outcome, _ = problem("binary")
    released = quick(problem("binary"), "logistic")
    table = refitted(problem("binary"), released, {"penalty": 1.0}).refits
    part = table[table["refit"] == 3]
    rows = np.repeat(np.arange(len(cohort)), part["drawn"])
    model = fit_predictor(
        cohort.iloc[rows],
        outcome.take(rows),
        task="binary",
        family="logistic",
        params={"penalty": 1.0},
        schema=released.schema,
        seed=0,
    )
    np.testing.assert_allclose(part["prediction"], model.predict(cohort), rtol=1e-12)
    assert not np.allclose(part["prediction"], table.loc[table["refit"] == 0, "prediction"], atol=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_each_division_has_two_models_and_everybody_in_one_of_its_halves(problem, trained, task: str) -> None:
    cohort, outcome, _ = problem(task)
    training = trained(task, 1)[0]
    table = refitted(problem(task), training.predictor, training.record.selected.params).halves
    kinds = {"half": "int16", "patient": str(cohort["patient"].dtype), "member": "bool", "prediction": "float64"}
    assert table.dtypes.astype(str).to_dict() == kinds
    wide = table.pivot(index="half", columns="patient", values="member")[cohort["patient"]].to_numpy()
    assert wide.shape == (20, len(cohort))
    assert (wide[::2] != wide[1::2]).all()
    assert abs(wide.sum(axis=1) - len(cohort) / 2).max() <= 5
    assert len({row.tobytes() for row in wide}) == 20
    for members in outcome.classes.values():
        assert abs(wide[:, members].sum(axis=1) - members.sum() / 2).max() <= 5


def test_a_half_is_the_model_of_its_patients(problem) -> None:
    cohort, outcome, _ = problem("binary")
    released = quick(problem("binary"), "logistic")
    table = refitted(problem("binary"), released, {"penalty": 1.0}).halves
    part = table[table["half"] == 5].set_index("patient").loc[cohort["patient"]]
    rows = np.flatnonzero(part["member"])
    model = fit_predictor(
        cohort.iloc[rows],
        outcome.take(rows),
        task="binary",
        family="logistic",
        params={"penalty": 1.0},
        schema=released.schema,
        seed=0,
    )
    np.testing.assert_allclose(part["prediction"], model.predict(cohort), rtol=1e-9)


def test_who_is_held_out_once_is_in_no_half(problem) -> None:
    cohort, outcome, study = problem("binary", validation=HOLDOUT)
    (split,) = outer_splits(cohort, outcome, study, seed=SEED)
    released = quick((cohort, outcome, study), "logistic", split.train)
    table = refitted((cohort, outcome, study), released, {"penalty": 1.0}).halves
    assert sorted(table["patient"].unique()) == sorted(cohort["patient"].iloc[split.train])


def test_a_half_without_a_solution_is_divided_again_and_then_told(problem, with_family) -> None:
    released = replace(quick(problem("binary"), "logistic"), family="fails")
    with_family(Fails(*[False] * 20, True))
    assert refitted(problem("binary"), released, {"penalty": 1.0}).halves["half"].nunique() == 20
    with_family(Fails(*[False] * 20, *[True] * 5))
    with pytest.raises(DataError, match=r"division 1, model `fails`: the model has .* halves .* none on 5 divisions\."):
        refitted(problem("binary"), released, {"penalty": 1.0})


def test_samples_are_simple_ones(problem) -> None:
    released = quick(problem("regression"), "linear")
    table = refitted(
        problem("regression", stability={"refits": 60, "reason": "Many."}), released, {"penalty": 1.0}
    ).refits
    drawn = table.loc[table["refit"] > 0, "drawn"].to_numpy()
    # Of 9,000 counts: how often a patient is drawn is binomial, with mean 1 and variance 1 - 1/150.
    assert drawn.var() == pytest.approx(1 - 1 / 150, abs=0.05)
    assert (drawn == 0).mean() == pytest.approx((1 - 1 / 150) ** 150, abs=0.015)
    assert len({part["drawn"].to_numpy().tobytes() for _, part in table.groupby("refit")}) == 61


def test_two_processes_give_the_bytes_of_one(problem, trained, monkeypatch) -> None:
    task = "survival"
    training = trained(task, 1)[0]
    selected = training.record.selected
    champion = recipe_of(training.predictor, selected.params)
    told: list[tuple[int, int, str]] = []
    first = refitted(problem(task), training.predictor, selected.params, champion=champion)
    monkeypatch.setattr(room, "_WORTH_PROCESSES", 0)
    second = refitted(
        problem(task),
        training.predictor,
        selected.params,
        champion=champion,
        backend=Processes(2),
        progress=lambda *step: told.append(step),
    )
    pd.testing.assert_frame_equal(first.refits, second.refits, check_exact=True)
    pd.testing.assert_frame_equal(first.halves, second.halves, check_exact=True)
    pd.testing.assert_frame_equal(first.champion, second.champion, check_exact=True)
    assert [step[:2] for step in told] == [(done, 34) for done in range(35)]
    assert {step[2] for step in told} >= {"refit 1", "refit 20", "repeat 2, fold 2"}


def test_small_work_starts_no_process(problem, monkeypatch) -> None:
    released = quick(problem("binary"), "logistic")
    monkeypatch.setattr(room, "run_in_workers", lambda do, works, *, backend, of: _counted(do, works, backend))
    refitted(problem("binary"), released, {"penalty": 1.0}, backend=Processes(2))


def _counted(do, works, backend):
    assert backend == Processes(1)
    yield from map(do, works)


def test_another_seed_draws_other_samples(problem) -> None:
    released = quick(problem("binary"), "logistic")
    one, other = (refitted(problem("binary"), released, {"penalty": 1.0}, seed=seed).refits for seed in (1, 2))
    assert (one["drawn"] != other["drawn"]).any()


def test_who_is_held_out_once_is_predicted_and_never_drawn(problem) -> None:
    cohort, outcome, study = problem("binary", validation=HOLDOUT)
    (split,) = outer_splits(cohort, outcome, study, seed=SEED)
    released = quick((cohort, outcome, study), "logistic", split.train)
    result = refitted(
        (cohort, outcome, study), released, {"penalty": 1.0}, champion=recipe_of(released, {"penalty": 1.0})
    )
    drawn = result.refits.pivot(index="refit", columns="patient", values="drawn")[cohort["patient"]].to_numpy()
    assert (drawn[:, split.test] == 0).all()
    assert (drawn[0, split.train] == 1).all()
    assert (drawn.sum(axis=1) == len(split.train)).all()
    assert result.champion["patient"].tolist() == sorted(cohort["patient"].iloc[split.test])


@pytest.mark.parametrize("task", TASKS)
def test_the_champion_meets_the_folds_and_seeds_of_training(problem, trained, task: str) -> None:
    training = trained(task, 1)[0]
    reference = training.record.reference
    champion = recipe_of(training.predictor, reference.params)
    champion = replace(champion, family=reference.family)
    result = refitted(problem(task), training.predictor, training.record.selected.params, champion=champion).champion
    table = training.predictions
    table = table[(table["model"] == "reference") & (table["scenario"] == "clean")]
    expected = table[["repeat", "fold", "patient", "prediction"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(result, expected, check_exact=True)


def test_a_champion_that_draws_has_the_seed_of_training(problem, trained) -> None:
    training = trained("binary", 1)[0]
    cohort, outcome, study = problem("binary")
    params = {**FAMILIES["binary"]["xgboost"].fixed, "rows": 0.5}
    champion = replace(recipe_of(training.predictor, params), family="xgboost")
    table = refitted(problem("binary"), training.predictor, training.record.selected.params, champion=champion).champion
    split = outer_splits(cohort, outcome, study, seed=SEED)[2]
    model = fit_predictor(
        cohort.iloc[split.train],
        outcome.take(split.train),
        task="binary",
        family="xgboost",
        params=params,
        schema=training.predictor.schema,
        seed=derive(derive(SEED, study.name, "r1-f0"), "final fit"),
    )
    part = table[(table["repeat"] == 1) & (table["fold"] == 0)]
    np.testing.assert_array_equal(part["prediction"], model.predict(cohort.iloc[split.test]))


def test_a_champion_may_have_learned_from_fewer_features_in_another_order(problem) -> None:
    released = quick(problem("binary"), "logistic")
    one, other = (
        refitted(problem("binary"), released, {"penalty": 1.0}, champion=Recipe("logistic", {"penalty": 1.0}, names))
        for names in (("marker", "age"), ("age", "marker", "stage"))
    )
    assert one.why == other.why == ""
    assert not np.allclose(one.champion["prediction"], other.champion["prediction"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"family": "ridge_cox"}, "its family, `ridge_cox`, is not one of a binary study"),
        ({"params": {"depth": 2}}, "its parameters are not those that `logistic` has in this version"),
        ({"features": ("age", "weight")}, "it needs `weight`, from which the study no longer learns"),
        ({"features": ("age", "leak")}, "it needs `leak`, from which the study no longer learns"),
        ({"features": ("age", "ill")}, "it needs `ill`, from which the study no longer learns"),
    ],
)
def test_a_champion_that_cannot_be_run_again(problem, changes: dict[str, Any], why: str) -> None:
    released = quick(problem("binary"), "logistic")
    champion = replace(recipe_of(released, {"penalty": 1.0}), **changes)
    result = refitted(problem("binary"), released, {"penalty": 1.0}, champion=champion)
    assert result.why == why
    assert result.champion.empty
    assert result.refits["refit"].max() == 20


def test_parameters_that_no_search_suggests_are_no_crash(problem) -> None:
    released = quick(problem("regression"), "linear")
    champion = Recipe("elastic_net", {"penalty": 0.02, "lasso": 2.5}, ("age", "marker"))
    result = refitted(problem("regression"), released, {"penalty": 1.0}, champion=champion)
    assert result.why == "its recipe has no stable solution in repeat 1, fold 1"


class Fails(Family):
    """A family that finds a solution only for some of its calls."""

    design: ClassVar = "linear"
    fixed: ClassVar = {"penalty": 1.0}

    def __init__(self, *failures: bool) -> None:
        self.failures = list(failures)

    def suggest(self, trial: Any, prefix: str) -> dict[str, Any]:
        raise AssertionError

    def fit(self, training, params, *, seed: int):
        if self.failures and self.failures.pop(0):
            raise FitError("no stable solution")
        return FAMILIES["binary"]["logistic"].fit(training, params, seed=seed)


@pytest.fixture
def with_family(monkeypatch):
    def give(family: Family) -> None:
        monkeypatch.setitem(FAMILIES, "binary", {**FAMILIES["binary"], "fails": family})

    return give


def test_a_champion_without_a_solution_is_told_apart_from_one_that_is_worse(problem, with_family) -> None:
    with_family(Fails(False, True))
    released = quick(problem("binary"), "logistic")
    champion = replace(recipe_of(released, {"penalty": 1.0}), family="fails")
    result = refitted(problem("binary"), released, {"penalty": 1.0}, champion=champion)
    assert result.why == "its recipe has no stable solution in repeat 1, fold 2"
    assert result.champion.empty


def test_a_sample_without_a_solution_is_drawn_again(problem, with_family) -> None:
    released = replace(quick(problem("binary"), "logistic"), family="fails")
    with_family(Fails())
    smooth = refitted(problem("binary"), released, {"penalty": 1.0}).refits
    with_family(Fails(True, True))
    rough = refitted(problem("binary"), released, {"penalty": 1.0}).refits
    differs = (smooth["drawn"] != rough["drawn"]).groupby(smooth["refit"]).any()
    assert differs[differs].index.tolist() == [1]
    assert rough.loc[rough["refit"] == 1, "drawn"].sum() == 150


def test_a_model_without_any_solution_is_one_clear_line(problem, with_family) -> None:
    with_family(Fails(*[True] * 5))
    released = replace(quick(problem("binary"), "logistic"), family="fails")
    with pytest.raises(DataError, match=r"refit 1, model `fails`: the model has .* received none on 5 samples\. Look"):
        refitted(problem("binary"), released, {"penalty": 1.0})


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_every_sample_has_patients_of_each_class(problem, task: str) -> None:
    # Of samples of 150 patients with four events, one in 55 has none; with seed 5 each task has such a one.
    cohort, outcome, study = problem(task)
    if isinstance(outcome, Censored):  # deaths beyond the horizon are no events
        few: Outcome = Censored(outcome.time, outcome.event, float(np.sort(outcome.time[outcome.event])[3]))
    else:
        few = Binary(np.isin(np.arange(len(cohort)), (0, 20, 40, 60)))
    released = quick((cohort, few, study), study.tuning.reference)
    result = refitted((cohort, few, study), released, {"penalty": 1.0}, seed=5)
    drawn = result.refits.pivot(index="refit", columns="patient", values="drawn")[cohort["patient"]].to_numpy()
    event = next(iter(few.classes.values()))
    assert drawn[:, event].sum(axis=1).min() >= 1


def test_workers_show_nobody_their_libraries_advice(problem, monkeypatch, capfd) -> None:
    released = quick(problem("survival"), "ridge_cox")
    monkeypatch.setattr(room, "_WORTH_PROCESSES", 0)
    empty = Recipe("coxnet", {"penalty": 5.0, "lasso": 1.0}, ("age", "marker"))  # of which the library warns
    result = refitted(problem("survival"), released, {"penalty": 1.0}, champion=empty, backend=Processes(2))
    assert (
        result.champion["prediction"].groupby([result.champion["repeat"], result.champion["fold"]]).nunique().max() == 1
    )
    assert capfd.readouterr().err == ""


def test_a_workers_death_is_told_as_one_of_the_refits(problem, monkeypatch) -> None:
    def kill_the_workers(done: int, total: int, text: str) -> None:
        if done == 1:
            for worker in list(reusable_executor._executor._processes):
                os.kill(worker, signal.SIGKILL)

    monkeypatch.setattr(room, "_WORTH_PROCESSES", 0)
    released = quick(problem("binary"), "logistic")
    with pytest.raises(StoreError, match=r"a worker process of the refits: .* received its death, most often"):
        refitted(problem("binary"), released, {"penalty": 1.0}, backend=Processes(2), progress=kill_the_workers)


def test_what_is_fitted_is_not_fitted_again_after_an_interruption(problem, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(room, "_WORTH_PROCESSES", 0)
    released = quick(problem("binary"), "logistic")
    champion = recipe_of(released, {"penalty": 1.0})
    how = {"champion": champion, "backend": Processes(2), "storage": tmp_path}

    def stop(done: int, total: int, text: str) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refitted(problem("binary"), released, {"penalty": 1.0}, **how, progress=stop)
    (files,) = (list(folder.iterdir()) for folder in tmp_path.iterdir())
    assert len(files) == 7
    files[0].write_bytes(files[0].read_bytes()[:100])  # half of it was on the disk
    told: list[tuple[int, int, str]] = []
    again = refitted(problem("binary"), released, {"penalty": 1.0}, **how, progress=lambda *step: told.append(step))
    assert told[0][0] == 6
    assert told[-1][0] == told[-1][1]
    assert list(tmp_path.iterdir()) == []
    whole = refitted(problem("binary"), released, {"penalty": 1.0}, champion=champion)
    for name in ("refits", "halves", "champion"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(whole, name), check_exact=True)
