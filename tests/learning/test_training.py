import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.splits import outer_splits
from theragate.digests import sha256_json, sha256_tree
from theragate.errors import ConfigurationError, DataError, StoreError
from theragate.learning import split_work
from theragate.learning.families import FAMILIES, FitError
from theragate.learning.features import read_features
from theragate.learning.null_model import null_prediction
from theragate.learning.persistence import save
from theragate.learning.selection import TrialResult
from theragate.learning.training import Trained, train
from theragate.workers.processes import Processes

TASKS = ["binary", "regression", "survival"]
KEEN = {"reference": "logistic", "families": ["xgboost", "spline_logistic"], "trials": 4}
HOLDOUT = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 3, "reason": "For the tests."}


def run(problem_of_task, storage: Path, *, jobs: int = 1, seed: int = 9, progress=lambda *_: None) -> Trained:
    cohort, outcome, study = problem_of_task
    return train(cohort, outcome, study, seed=seed, backend=Processes(jobs), storage=storage, progress=progress)


def digests(trained: Trained, folder: Path) -> tuple[str, str, str]:
    save(trained.predictor, folder / "model")
    trained.predictions.to_parquet(folder / "predictions.parquet")
    content = (folder / "predictions.parquet").read_bytes()
    return sha256_json(trained.record.model_dump(mode="json")), sha256_tree(folder / "model"), content.hex()


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_one_process_and_two_give_the_same_bytes(trained, tmp_path, task: str) -> None:
    results = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        results.append(digests(trained(task, jobs)[0], folder))
    assert results[0] == results[1]


@pytest.mark.parametrize("task", TASKS)
def test_the_table_of_predictions(problem, trained, task: str) -> None:
    cohort, _, _ = problem(task)
    table = trained(task, 1)[0].predictions
    assert table.dtypes.astype(str).to_dict() == {
        "patient": str(cohort["patient"].dtype),
        "repeat": "int16",
        "fold": "int16",
        "model": "str",
        "scenario": "str",
        "horizon": "float64",
        "prediction": "float64",
    }
    expected = {("null", "clean"), ("reference", "clean")}
    expected |= {("selected", scenario) for scenario in ("clean", "no_marker", "rough_age")}
    assert set(zip(table["model"], table["scenario"], strict=True)) == expected
    for _, part in table.groupby(["model", "scenario", "repeat"]):
        assert part["patient"].tolist() == cohort["patient"].tolist()
    assert (table["horizon"] == 400).all() if task == "survival" else table["horizon"].isna().all()
    assert np.isfinite(table["prediction"]).all()
    ordered = table.sort_values(["model", "scenario", "repeat", "patient"], ignore_index=True)
    pd.testing.assert_frame_equal(table, ordered)


@pytest.mark.parametrize("task", TASKS)
def test_the_record_is_json_and_complete(problem, trained, task: str) -> None:
    cohort, _, study = problem(task)
    result, _ = trained(task, 1)
    record = result.record.model_dump(mode="json")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["study"] == study.name
    assert record["task"] == task
    assert record["patients"] == record["developed_on"] == len(cohort)
    assert record["features"] == result.predictor.features == ["age", "marker", "smoker", "stage"]
    assert record["input_schema"][3] == {"name": "stage", "type": "text"}
    assert record["reference"]["family"] == study.tuning.reference
    assert record["selected"]["family"] == result.predictor.family
    assert len(record["trials"]) == study.tuning.trials
    assert record["trials"][0]["family"] == study.tuning.reference
    assert [(entry["repeat"], entry["fold"]) for entry in record["outer"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert set(record["importances"]) == set(record["features"])
    assert record["selection"]["reference_kept"] == (record["selected"] == record["reference"])
    assert "storage" not in json.dumps(record)
    assert set(record["versions"]) >= {"numpy", "optuna", "scikit-learn", "scikit-survival", "xgboost"}


def test_what_matters_is_important_and_what_does_not_is_not(trained) -> None:
    record = trained("regression", 1)[0].record.model_dump(mode="json")
    importance = {name: entry["mean"] for name, entry in record["importances"].items()}
    assert importance["marker"] > 5
    assert abs(importance["stage"]) < 1


@pytest.mark.parametrize("task", TASKS)
def test_the_null_model_knows_the_training_patients_only(problem, trained, task: str) -> None:
    cohort, outcome, study = problem(task)
    table = trained(task, 1)[0].predictions
    null = table[table["model"] == "null"].set_index(["repeat", "fold"])["prediction"]
    for split in outer_splits(cohort, outcome, study, seed=9):
        (said,) = set(null.loc[(split.repeat, split.fold)])
        # Who was lost is stood for by weights that follow the features, which moves it a little.
        assert said == pytest.approx(null_prediction(outcome.take(split.train)), abs=0.01 if task == "survival" else 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_is_told_here_and_counts_to_the_end(trained, jobs: int) -> None:
    _, told = trained("binary", jobs)
    assert [done for done, _, _ in told] == list(range(6))
    assert {total for _, total, _ in told} == {5}
    assert {text for _, _, text in told[1:]} == {
        "released model",
        *(f"repeat {repeat}, fold {fold}" for repeat in (1, 2) for fold in (1, 2)),
    }


def test_a_held_out_patient_teaches_nobody(problem, tmp_path) -> None:
    cohort, outcome, study = problem("binary", validation=HOLDOUT)
    split = outer_splits(cohort, outcome, study, seed=9)[0]
    before = run((cohort, outcome, study), tmp_path).predictions
    changed = cohort.copy()
    first, *others = split.test
    changed.loc[others, ["age", "marker", "smoker"]] = [90.0, 3.0, 0]
    after = run((changed, outcome, study), tmp_path).predictions
    patient = cohort["patient"].iloc[first]
    one, other = (table[table["patient"] == patient]["prediction"].to_numpy() for table in (before, after))
    np.testing.assert_array_equal(one, other)
    assert not before["prediction"].equals(after["prediction"])


def test_a_part_held_out_once_stays_out_of_the_released_model(problem, tmp_path) -> None:
    cohort, outcome, study = problem("binary", validation=HOLDOUT)
    trained = run((cohort, outcome, study), tmp_path)
    split = outer_splits(cohort, outcome, study, seed=9)[0]
    assert sorted(trained.predictions["patient"].unique()) == sorted(cohort["patient"].iloc[split.test])
    assert trained.record.developed_on == len(split.train) < len(cohort)


def test_text_ids_are_kept(problem, tmp_path) -> None:
    cohort, outcome, study = problem("binary", validation=HOLDOUT)
    cohort["patient"] = [f"p{number:04d}" for number in cohort["patient"]]
    table = run((cohort, outcome, study), tmp_path).predictions
    assert table["patient"].dtype == cohort["patient"].dtype
    assert set(table["patient"]) < set(cohort["patient"])


def test_stresses_change_predictions_and_clean_ones_stay(problem, trained, tmp_path) -> None:
    cohort, outcome, study = problem("regression")
    table = trained("regression", 1)[0].predictions
    selected = table[table["model"] == "selected"].pivot(index=["repeat", "patient"], columns="scenario")["prediction"]
    assert not np.allclose(selected["clean"], selected["no_marker"])
    assert not np.allclose(selected["clean"], selected["rough_age"])
    calm = study.model_copy(update={"scenarios": {}})
    clean = run((cohort, outcome, calm), tmp_path).predictions
    pd.testing.assert_frame_equal(clean, table[table["scenario"] == "clean"].reset_index(drop=True))


class Stopped(Exception):  # noqa: N818 - stands for Ctrl-C, which is no error either
    """What a user does in the middle."""


def test_stopped_in_the_middle_it_goes_on_to_the_same_end(problem, trained, tmp_path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        run(problem("binary"), tmp_path, progress=stop)
    assert len(list(tmp_path.rglob("*.scores"))) >= 3
    again = run(problem("binary"), tmp_path)
    whole, _ = trained("binary", 1)
    pd.testing.assert_frame_equal(again.predictions, whole.predictions)
    assert again.record == whole.record


@pytest.mark.parametrize("change", ["cohort", "seed", "trials"])
def test_another_problem_never_continues_a_search(problem, tmp_path, change: str) -> None:
    from theragate.learning.problem_digest import problem_digest

    cohort, _, study = problem("binary")
    other, seed = study, 9
    digest = problem_digest(cohort, study, seed=9)
    assert digest == problem_digest(cohort.copy(), study, seed=9)
    if change == "cohort":
        cohort.loc[0, "age"] += 1
    elif change == "seed":
        seed = 10
    else:
        other = study.model_copy(update={"tuning": study.tuning.model_copy(update={"trials": 6})})
    assert problem_digest(cohort, other, seed=seed) != digest


def test_gates_and_words_are_no_part_of_the_problem(problem) -> None:
    from theragate.learning.problem_digest import problem_digest

    cohort, _, study = problem("binary")
    card = study.card.model_copy(update={"title": "Another title"})
    reworded = study.model_copy(update={"card": card, "gates": {"utility": {}}, "scenarios": {}})
    assert problem_digest(cohort, reworded, seed=9) == problem_digest(cohort, study, seed=9)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_workers_error_arrives_as_itself(problem, tmp_path, jobs: int) -> None:
    (tmp_path / "file").write_text("in the way of the journals")
    with pytest.raises(StoreError, match="the journal of a search can be written; received Not a directory"):
        run(problem("binary"), tmp_path / "file", jobs=jobs)


def test_a_wrong_family_is_refused_before_anything_is_fitted(problem, tmp_path) -> None:
    cohort, outcome, study = problem("binary", tuning={"reference": "logistic", "families": ["forest"], "trials": 3})
    with pytest.raises(ConfigurationError, match="received `forest`"):
        run((cohort, outcome, study), tmp_path / "storage")
    assert not (tmp_path / "storage").exists()


def test_what_training_gives_can_travel(problem, tmp_path) -> None:
    cohort, outcome, study = problem("survival", validation=HOLDOUT)
    trained = run((cohort, outcome, study), tmp_path)
    travelled = pickle.loads(pickle.dumps(trained.predictor))  # noqa: S301 - as a worker process sends it
    np.testing.assert_array_equal(travelled.predict(cohort), trained.predictor.predict(cohort))


def fails_if(condition, family):
    """Return a `fit` that has no solution where the parameters or the number of patients meet a condition."""
    fit = family.fit

    def fussy(training, params, *, seed):
        if condition(params, len(training.matrix)):
            raise FitError("no stable solution")
        return fit(training, params, seed=seed)

    return fussy


def test_families_without_a_solution_fall_out_by_name(problem, tmp_path, monkeypatch) -> None:
    boosted, splines = FAMILIES["binary"]["xgboost"], FAMILIES["binary"]["spline_logistic"]
    monkeypatch.setattr(boosted, "fit", fails_if(lambda *_: True, boosted), raising=False)
    # Its inner folds have a solution and all patients of a split have none.
    monkeypatch.setattr(splines, "fit", fails_if(lambda _, patients: patients >= 75, splines), raising=False)
    result = run(problem("binary", tuning=KEEN), tmp_path)
    record = result.record
    lost = {setback.family: setback for setback in record.setbacks}
    assert str(lost["xgboost"]) == "`xgboost`: fell out in 5 of 5 searches (no stable solution)"
    assert record.selected.family == "logistic"
    assert {split.family for split in record.outer} == {"logistic"}
    chosen = [trial for trial in record.trials if trial.family == "spline_logistic"]
    assert all(trial.value is None for trial in chosen if trial.state == "failed")
    assert np.isfinite(result.predictions["prediction"]).all()
    assert [setback["family"] for setback in record.model_dump(mode="json")["setbacks"]] == list(lost)


def test_a_chosen_family_without_a_solution_on_all_patients_gives_way_to_the_next(problem, monkeypatch) -> None:
    boosted = FAMILIES["binary"]["xgboost"]
    monkeypatch.setattr(boosted, "fit", fails_if(lambda *_: True, boosted), raising=False)
    cohort, outcome, study = problem("binary")
    trials = [
        TrialResult(0, "logistic", {"penalty": 1.0}, "complete", (0.5, 0.5)),
        TrialResult(1, "xgboost", {}, "complete", (0.1, 0.1)),
        TrialResult(2, "spline_logistic", {"penalty": 3.0, "curvature": 0.5}, "complete", (0.2, 0.2)),
    ]
    parts = SimpleNamespace(frame=cohort, outcome=outcome)
    work = SimpleNamespace(
        search=SimpleNamespace(task="binary"),
        schema=read_features(cohort, study),
        seed=1,
        name="repeat 1, fold 1",
    )
    after, selection, predictor = split_work._select_and_fit(work, parts, trials)
    assert (selection.chosen.family, predictor.family) == ("spline_logistic", "spline_logistic")
    assert (after[1].state, after[1].reason) == ("failed", "on all patients: no stable solution")


def test_a_reference_is_given_a_stronger_penalty_until_it_has_a_solution(problem, tmp_path, monkeypatch) -> None:
    reference = FAMILIES["binary"]["logistic"]
    lighter = fails_if(lambda params, patients: params["penalty"] < (100 if patients > 70 else 10), reference)
    monkeypatch.setattr(reference, "fit", lighter, raising=False)
    only = {"reference": "logistic", "families": [], "trials": 1}
    record = run(problem("binary", tuning=only), tmp_path).record
    assert (record.reference.params, record.selected.params) == ({"penalty": 100.0}, {"penalty": 100.0})
    assert list(map(str, record.setbacks)) == ["`logistic`: a stronger penalty in 5 of 5 searches (no stable solution)"]
    never = fails_if(lambda *_: True, reference)
    monkeypatch.setattr(reference, "fit", never, raising=False)
    with pytest.raises(DataError, match="model `logistic`: the model has a finite, stable solution"):
        run(problem("binary", tuning=only), tmp_path)


def test_where_all_goes_well_a_record_says_nothing_of_setbacks(trained) -> None:
    record = trained("binary", 1)[0].record
    assert record.setbacks == ()
    assert "setbacks" not in record.model_dump(mode="json")


def test_nuisances_without_a_solution_are_an_error_of_the_data(problem, tmp_path, monkeypatch) -> None:
    from theragate.learning import nuisances

    monkeypatch.setattr(nuisances.SplineRidge, "fit", staticmethod(fails_if(lambda *_: True, nuisances.SplineRidge())))
    with pytest.raises(DataError, match="model `of expected outcomes and propensity`"):
        run(problem("treatment_effect"), tmp_path)
