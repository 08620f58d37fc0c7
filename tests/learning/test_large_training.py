"""A cohort that is trained on piece by piece: the same table and record as in memory, by any number of workers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import read_table, write_table
from theragate.digests import sha256_file, sha256_tree
from theragate.errors import ConfigurationError, DataError, TheragateError
from theragate.learning import batch_search
from theragate.learning.large_training import LargeTrained, train_in_pieces
from theragate.learning.persistence import save
from theragate.learning.predictions_file import predictions_of, write_predictions
from theragate.learning.trainable import is_large, read_problem
from theragate.learning.training import train
from theragate.study import Study
from theragate.testing.cohorts import make_cohort, make_study
from theragate.workers.processes import Processes

_PATIENTS, _SAMPLE = 900, 300
_HOLDOUT = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 3, "reason": "For the tests."}
_CROSSED = {"scheme": "nested_cross_validation", "folds": 2, "repeats": 2, "inner_folds": 2, "reason": "For the tests."}


def study_of(task: str, **changes: Any) -> Study:
    study = make_study(task, **changes)
    return study.model_copy(update={"tuning": study.tuning.model_copy(update={"sample": _SAMPLE})})


@pytest.fixture
def file_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], CohortFile]:
    monkeypatch.setattr(cohort_file, "_PIECE", 128)

    def make(task: str) -> CohortFile:
        path = tmp_path / f"{task}.parquet"
        write_table(path, make_cohort(task, patients=_PATIENTS))
        return CohortFile(path, "Make it again.")

    return make


def run(
    file: CohortFile, study: Study, storage: Path, *, jobs: int = 1, progress: Callable[..., None] = lambda *_: None
) -> LargeTrained:
    problem = read_problem(file, study, seed=9)
    return train_in_pieces(
        file,
        study,
        problem,
        sha256=sha256_file(file.path),
        seed=9,
        backend=Processes(jobs),
        storage=storage,
        progress=progress,
    )


def table_of(file: CohortFile, study: Study, trained: LargeTrained, path: Path) -> pd.DataFrame:
    outcome = read_outcome(file.frame(), study)
    rows = write_predictions(path, file, outcome, splits=trained.splits, predictions=trained.predictions)
    table = read_table(path, remedy="")
    assert len(table) == rows
    return table


@pytest.mark.parametrize("task", ["binary", "regression", "survival"])
@pytest.mark.parametrize("scheme", [_HOLDOUT, _CROSSED], ids=["holdout", "crossed"])
def test_the_table_and_the_record_are_those_of_memory(file_of, tmp_path, task: str, scheme: dict[str, Any]) -> None:
    file, study = file_of(task), study_of(task, validation=scheme)
    assert is_large(file, study)
    told: list[tuple[int, int, str]] = []
    large = run(file, study, tmp_path / "storage", progress=lambda *step: told.append(step))
    assert list((tmp_path / "storage").iterdir()) == []
    assert told[-1][0] == told[-1][1]
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    cohort = file.frame()
    small = train(
        cohort,
        read_outcome(cohort, study),
        study,
        seed=9,
        backend=Processes(1),
        storage=tmp_path / "small",
        progress=lambda *_: None,
    )
    table = table_of(file, study, large, tmp_path / "predictions.parquet")
    other = ["prediction"]
    pd.testing.assert_frame_equal(table.drop(columns=other), small.predictions.drop(columns=other))
    keys = ["model", "scenario"]
    for key, part in table.groupby(keys):
        same = small.predictions.set_index(keys).loc[[key], "prediction"]
        assert np.isfinite(part["prediction"]).all()
        if key[0] == "null":
            np.testing.assert_allclose(part["prediction"], same, rtol=0.1)
        elif key[0] == "reference":  # the same recipe on the same patients
            np.testing.assert_allclose(part["prediction"], same, rtol=1e-4, atol=1e-4)
    record = large.record
    assert record.sample == _SAMPLE
    assert record.patients == _PATIENTS
    assert record.developed_on == small.record.developed_on
    assert {trial.number for trial in record.trials} == set(range(study.tuning.trials))
    assert set(record.importances) == set(small.record.importances)
    assert "sample" in record.model_dump()
    assert "sample" not in small.record.model_dump()
    lost = {setback.family for setback in record.setbacks}
    assert lost == {"regression": {"elastic_net"}, "survival": {"coxnet"}}.get(task, set())


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_one_worker_and_two_give_the_same_bytes(file_of, tmp_path, task: str) -> None:
    file, study = file_of(task), study_of(task, validation=_HOLDOUT)
    found = []
    for jobs in (1, 2):
        trained = run(file, study, tmp_path / f"storage{jobs}", jobs=jobs)
        save(trained.predictor, tmp_path / f"model{jobs}")
        path = tmp_path / f"predictions{jobs}.parquet"
        table_of(file, study, trained, path)
        found.append((trained.record.model_dump_json(), sha256_tree(tmp_path / f"model{jobs}"), sha256_file(path)))
    assert found[0] == found[1]


def test_an_interrupted_search_continues(file_of, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, study = file_of("binary"), study_of("binary", validation=_HOLDOUT)
    whole = run(file, study, tmp_path / "whole")
    scored = batch_search._scored
    calls = 0

    def dies(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return scored(work)

    monkeypatch.setattr(batch_search, "_scored", dies)
    with pytest.raises(KeyboardInterrupt):
        run(file, study, tmp_path / "storage")
    (journal,) = (tmp_path / "storage").rglob("*.scores")
    with journal.open("a", encoding="utf-8") as stream:
        stream.write('{"of": "half')
    calls = 8
    again = run(file, study, tmp_path / "storage")
    assert again.record == whole.record
    everything = 3 * study.tuning.trials
    assert 8 + everything - 7 >= calls > 8


def test_predictions_of_a_sample_are_those_of_the_table(file_of, tmp_path) -> None:
    file, study = file_of("survival"), study_of("survival", validation=_CROSSED)
    trained = run(file, study, tmp_path / "storage")
    table = table_of(file, study, trained, tmp_path / "predictions.parquet")
    rows = np.flatnonzero(np.random.default_rng(1).random(_PATIENTS) < 0.2)
    frame = file.frame(rows=rows)
    found = predictions_of(rows, frame, splits=trained.splits, predictions=trained.predictions)
    expected = table[(table["model"] == "selected") & table["patient"].isin(frame["patient"])]
    pd.testing.assert_frame_equal(found, expected.drop(columns="horizon").reset_index(drop=True))


def test_a_reference_that_needs_memory_is_refused(file_of, tmp_path) -> None:
    tuning = {"reference": "elastic_net", "families": [], "trials": 1}
    study = study_of("regression", validation=_HOLDOUT, tuning=tuning)
    with pytest.raises(DataError, match=r"fitted piece by piece.*Name one of linear, spline_ridge, xgboost"):
        run(file_of("regression"), study, tmp_path)


def test_what_training_would_refuse_is_refused_before(file_of, tmp_path) -> None:
    file = file_of("binary")
    study = study_of("binary", features={"dropped": {"no_such_column": "For the tests."}})
    with pytest.raises(ConfigurationError, match="no_such_column"):
        read_problem(file, study, seed=1)
    tuning = {"reference": "logistic", "families": ["logistics"], "trials": 3}
    with pytest.raises(TheragateError, match="logistics"):
        read_problem(file, study_of("binary", tuning=tuning), seed=1)


def test_the_journal_is_lines_of_json(file_of, tmp_path) -> None:
    file, study = file_of("binary"), study_of("binary", validation=_HOLDOUT)
    seen: list[str] = []

    def keep(*_: Any) -> None:
        seen.extend(path.read_text(encoding="utf-8") for path in (tmp_path / "storage").rglob("*.scores"))

    run(file, study, tmp_path / "storage", progress=keep)
    entries = [json.loads(line) for line in max(seen, key=len).splitlines()]
    assert all(set(entry) == {"of", "loss", "reason"} for entry in entries)
    assert len({entry["of"] for entry in entries}) == len(entries)
